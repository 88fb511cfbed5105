-- Alerts in the line UI: printed below the screen, answered with `click BUTTON`, and for a prompt `type TITLE TEXT` or `submit TITLE`.

local alerts = require "hearth.alerts"

local line_alerts = {}

--- What is printed for the open alert, as lines to append; none without one.
---@param lines string[]
---@return string[] lines
function line_alerts.append(lines)
  local alert = alerts.open()
  if not alert then return lines end
  lines[#lines + 1] = "! " .. alert.title
  for text in (alert.message or ""):gmatch "[^\n]+" do lines[#lines + 1] = "  " .. text end
  if alert.input then
    local value = alert.input.secure and ("*"):rep(utf8.len(alert.input.value) or #alert.input.value) or alert.input.value
    lines[#lines + 1] = "  [" .. (value ~= "" and value or alert.input.placeholder or "") .. "]"
  end
  local labels = {}
  for i, label in ipairs(alert.buttons) do labels[i] = "[" .. label .. "]" end
  lines[#lines + 1] = "  " .. table.concat(labels, " ")
  return lines
end

--- Does a line of input belong to the open alert? Then it was done.
---@param text string
---@param changed fun() what was typed is to be shown
---@return boolean
function line_alerts.run(text, changed)
  local alert = alerts.open()
  if not alert then return false end
  local command, rest = text:match "^%s*(%S+)%s*(.-)%s*$"
  if command == "click" then
    for i, label in ipairs(alert.buttons) do
      if label == rest then return alerts.respond(i) end
    end
  elseif alert.input and command == "type" and (rest == alert.title or rest:sub(1, #alert.title + 1) == alert.title .. " ") then
    alert.input.value = rest:sub(#alert.title + 2)
    changed()
    return true
  elseif alert.input and command == "submit" and rest == alert.title then
    return alerts.respond(2)
  end
  return false
end

return line_alerts

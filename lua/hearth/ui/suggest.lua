-- "did you mean": the known name nearest to one that is not known. Names of other systems (onPress, backgroundColor) are read as ours
-- first.

local suggest = {}

local SYNONYMS = {
  colour = "color", fg = "color", foreground = "color", text_color = "color", bg = "background", background_colour = "background",
  bgcolor = "background", on_press = "on_click", on_tap = "on_click", onclick = "on_click", on_text_change = "on_change",
  on_change_text = "on_change", on_input = "on_change", on_value_change = "on_change", on_enter = "on_submit",
    on_submit_editing = "on_submit",
  checked = "value", selected = "value", title = "label", text = "label", content = "label", items = "options", choices = "options",
  render = "render_item", password = "secure", secure_text_entry = "secure", hint = "placeholder", enabled = "disabled",
  class = "style", src = "source", url = "source", uri = "source", minimum_value = "min", maximum_value = "max",
  on_close = "on_dismiss", on_dismiss = "on_close", on_request_close = "on_close", bold_text = "bold", font_weight = "bold",
  vertical_align = "align", horizontal_align = "justify", name = "label",
}

-- Edit distance with swaps of neighbours, at most `limit` (else limit + 1).
local function distance(a, b, limit)
  if math.abs(#a - #b) > limit then return limit + 1 end
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local d = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then d = math.min(d, before[j - 2] + 1) end
      row[j] = d
    end
    before, last = last, row
  end
  return last[#b]
end

--- The name that was probably meant, or nil.
---@param name any what was written
---@param ... table<string, any> sets of known names, by key
---@return string?
function suggest.name(name, ...)
  if type(name) ~= "string" then return nil end
  local snake = name:gsub("(%l)(%u)", "%1_%2"):gsub("%-", "_"):lower()
  local sets = { ... }
  for _, wanted in ipairs { snake, SYNONYMS[snake] or snake } do
    for _, set in ipairs(sets) do
      if set[wanted] then return wanted end
    end
  end
  local limit = #snake <= 3 and 1 or #snake <= 6 and 2 or 3
  local best, best_distance
  for _, set in ipairs(sets) do
    for known in pairs(set) do
      if type(known) == "string" then
        local d = distance(snake, known, limit)
        if d <= limit and (not best or d < best_distance or d == best_distance and known < best) then best, best_distance = known, d end
      end
    end
  end
  return best
end

--- `; did you mean "color"?`, or an empty text.
---@param name any
---@param ... table<string, any>
---@return string
function suggest.phrase(name, ...)
  local known = suggest.name(name, ...)
  return known and ('; did you mean "%s"?'):format(known) or ""
end

return suggest

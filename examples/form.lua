-- A form: each field has a rule, faults are shown once a field was left or the form was sent, and sending is a mutation that can fail.

local hearth = require "hearth"
local Column, Text, Button, TextInput, Checkbox = hearth.Column, hearth.Text, hearth.Button, hearth.TextInput, hearth.Checkbox

local RULES = {
  name = function(v) return #v >= 2 or "A name has two letters or more" end,
  email = function(v) return v:match "^[^%s@]+@[^%s@]+%.[^%s@]+$" ~= nil or "That is not an e-mail address" end,
  password = function(v) return #v >= 8 or "A password has eight characters or more" end,
  terms = function(v) return v or "Please accept the terms" end,
}
local LABELS = { { "name", "Name" }, { "email", "E-mail" }, { "password", "Password" } }

local function faults_of(values)
  local faults, any = {}, false
  for field, rule in pairs(RULES) do
    local verdict = rule(values[field])
    if verdict ~= true then faults[field], any = verdict, true end
  end
  return faults, any
end

local Form = hearth.component("Form", function(props)
  local values, set_values = hearth.use_state { name = "", email = "", password = "", terms = false }
  local touched, set_touched = hearth.use_state {}
  local result, set_result = hearth.use_state(nil)
  local sending, set_sending = hearth.use_state(false)

  local faults, any = faults_of(values)

  local function put(field)
    return function(value)
      set_values(function(current)
        local copy = {}
        for k, v in pairs(current) do copy[k] = v end
        copy[field] = value
        return copy
      end)
      set_touched(function(current)
        local copy = { [field] = true }
        for k in pairs(current) do copy[k] = true end
        return copy
      end)
    end
  end

  local function send()
    set_touched { name = true, email = true, password = true, terms = true }
    if any then return end
    set_sending(true)
    local ok, err = pcall(props.send or function() hearth.sleep(0.05) end, values) -- a handler is a task: it may await
    set_sending(false)
    set_result(ok and "Welcome, " .. values.name or "It did not work: " .. tostring(err))
  end

  local rows = {}
  for _, field in ipairs(LABELS) do
    local name, label = field[1], field[2]
    rows[#rows + 1] = Column {
      key = name,
      TextInput { label = label, value = values[name], secure = name == "password", on_change = put(name), on_submit = send,
        disabled = sending },
      touched[name] and faults[name] and Text(faults[name], { style = { color = "red" } }),
    }
  end
  return Column {
    spacing = 1, style = { padding = 1 },
    rows,
    Checkbox { label = "I accept the terms", value = values.terms, on_change = put "terms" },
    touched.terms and faults.terms and Text(faults.terms, { style = { color = "red" } }),
    Button(sending and "Sending…" or "Send", { on_click = send, disabled = sending }),
    result and Text(result, { id = "result" }),
  }
end)

hearth.app { name = "form", root = Form }

return Form

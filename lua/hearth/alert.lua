-- hearth.Alert: asks the user, and waits for the answer. One alert shows at a time, the others queue; cancelling the task that asked
-- closes its alert.

local alerts = require "hearth.alerts"
local errors = require "hearth.errors"
local task = require "hearth.core.task"

local Alert = {}

local function refuse(verb, message, ...)
  errors.raise("EINVAL", ("Alert.%s: "):format(verb) .. message:format(...), { op = "Alert." .. verb })
end

local function text(verb, name, value, default)
  if value == nil then return default end
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" then refuse(verb, "%s is a string, not a %s", name, type(value)) end
  return value
end

-- Shows the alert and waits: the index of the button or -1, and the text of a prompt.
local function ask(verb, alert)
  task.check("Alert." .. verb)
  local future = task.future()
  local close = alerts.ask(alert, function(index, typed) future:resolve(index, typed) end, function(err) future:reject(err) end)
  local guard <close> = setmetatable({}, { __close = close }) -- luacheck: ignore 211
  return task.await(future)
end

---Shows a message. Does not wait; what it returns can be awaited and is done.
---@param title string
---@param message? string
---@param button? string OK
---@return hearth.Future
function Alert.show(title, message, button)
  local alert = {
    title = text("show", "title", title) or refuse("show", "the title is missing"), message = text("show", "message", message),
    buttons = { text("show", "button", button, "OK") },
  }
  if alerts.attached() then
    alerts.ask(alert, function() end, function(err) task.report(err, "Alert.show") end)
  else -- no UI: a script
    io.stderr:write(alert.title, alert.message and ": " .. alert.message or "", "\n")
  end
  local future = task.future()
  future:resolve()
  return future
end

---Asks a question with two answers. False when it is dismissed.
---@param title string
---@param message? string
---@param confirm_label? string OK
---@param cancel_label? string Cancel
---@return boolean
function Alert.confirm(title, message, confirm_label, cancel_label)
  local alert = {
    title = text("confirm", "title", title) or refuse("confirm", "the title is missing"), message = text("confirm", "message", message),
    buttons = { text("confirm", "cancel_label", cancel_label, "Cancel"), text("confirm", "confirm_label", confirm_label, "OK") },
  }
  return ask("confirm", alert) == 2
end

local CHOOSE = { options = true, message = true, cancel_label = true, destructive = true }

---Lets the user choose one of several. nil when it is dismissed or cancelled.
---@param title string
---@param options {options: string[], message?: string, cancel_label?: string, destructive?: integer|string}
---@return string|nil label
function Alert.choose(title, options)
  if type(options) ~= "table" then refuse("choose", "expects {options={…}}, got a %s", type(options)) end
  for name in pairs(options) do
    if not CHOOSE[name] then
      refuse("choose", "there is no option '%s'; there is options, message, cancel_label, destructive", tostring(name))
    end
  end
  local labels = options.options
  if type(labels) ~= "table" or #labels == 0 then refuse("choose", "options is a list of at least one label") end
  local buttons, destructive = {}, nil
  for i, label in ipairs(labels) do
    buttons[i] = text("choose", "each option", label)
    if options.destructive == i or options.destructive == label then destructive = i end
  end
  local count = #buttons
  if options.destructive and not destructive then refuse("choose", "destructive is one of the options, or its number") end
  buttons[count + 1] = text("choose", "cancel_label", options.cancel_label, "Cancel")
  local index = ask("choose", {
    title = text("choose", "title", title) or refuse("choose", "the title is missing"),
    message = text("choose", "message", options.message),
    buttons = buttons, destructive = destructive,
  })
  return index >= 1 and index <= count and labels[index] or nil
end

local PROMPT = { message = true, default = true, placeholder = true, secure = true, confirm_label = true, cancel_label = true }

---Asks for a text. nil when it is dismissed or cancelled.
---@param title string
---@param options? string|{message?: string, default?: string, placeholder?: string, secure?: boolean, confirm_label?: string}
---@return string|nil
function Alert.prompt(title, options)
  if type(options) == "string" then options = { message = options } end
  options = options or {}
  if type(options) ~= "table" then refuse("prompt", "options are a table or a message, not a %s", type(options)) end
  for name in pairs(options) do
    if not PROMPT[name] then
      refuse("prompt", "there is no option '%s'; there is message, default, placeholder, secure, confirm_label, cancel_label",
        tostring(name))
    end
  end
  local index, typed = ask("prompt", {
    title = text("prompt", "title", title) or refuse("prompt", "the title is missing"),
    message = text("prompt", "message", options.message),
    buttons = {
      text("prompt", "cancel_label", options.cancel_label, "Cancel"), text("prompt", "confirm_label", options.confirm_label, "OK"),
    },
    input = {
      value = text("prompt", "default", options.default, ""), placeholder = text("prompt", "placeholder", options.placeholder),
      secure = options.secure and true or nil,
    },
  })
  return index == 2 and typed or nil
end

return Alert

-- The queue of alerts: one is open, the others wait. Renderers show `alerts.open()` and answer with `alerts.respond`; hearth.Alert asks.
-- Whoever can show alerts says so with `attach`, and hears of each change.

local errors = require "hearth.errors"
local task = require "hearth.core.task"

local alerts = {}

---@class hearth.OpenAlert
---@field title string
---@field message? string
---@field buttons string[] labels
---@field input? {value: string, placeholder?: string, secure?: boolean} of a prompt; `value` is what was typed so far
---@field destructive? integer the button that destroys something

local KEPT <const> = 100

local queue = {} -- the first is open
local scripted = {} -- answers that were given before there was a question
local renderers = {}

---What was shown, the newest last: {title=, message=, buttons={labels}}.
---@type table[]
alerts.log = {}

local function tell()
  for _, renderer in ipairs(renderers) do
    local ok, err = pcall(renderer, queue[1])
    if not ok then task.report(err, "an alert") end
  end
end

local function remove(alert)
  for i, other in ipairs(queue) do
    if other == alert then
      table.remove(queue, i)
      return i
    end
  end
end

local function answer(alert, index, text)
  if index ~= -1 and (math.type(index) ~= "integer" or index < 1 or index > #alert.buttons) then
    errors.raise("EINVAL", ('alerts.respond: the alert "%s" has the buttons 1 to %d, and -1 dismisses it; got %s')
      :format(alert.title, #alert.buttons, tostring(index)), { op = "Alert" })
  end
  remove(alert)
  if alert.input and text == nil then text = alert.input.value end
  alert.done(index, text)
end

-- The first of the queue comes on screen; answers that wait for it are given at once.
local function open_next()
  while queue[1] and not queue[1].shown do
    local alert = queue[1]
    alert.shown = true
    local labels = table.move(alert.buttons, 1, #alert.buttons, 1, {})
    alerts.log[#alerts.log + 1] = { title = alert.title, message = alert.message, buttons = labels }
    if #alerts.log > KEPT then table.remove(alerts.log, 1) end
    if not scripted[1] then break end
    local reply = table.remove(scripted, 1)
    local ok, err = pcall(answer, alert, reply[1], reply[2])
    if not ok then
      remove(alert)
      alert.failed(err)
    end
  end
  tell()
end

---Queues an alert: `done(index, text)` is called once, with -1 when it is dismissed. Returns what takes it back.
---@param alert hearth.OpenAlert
---@param done fun(index: integer, text?: string)
---@param failed fun(err: any)
---@return fun() close
function alerts.ask(alert, done, failed)
  alert.done, alert.failed = done, failed
  queue[#queue + 1] = alert
  if #queue == 1 then open_next() end
  return function()
    if remove(alert) == 1 then open_next() end
  end
end

---@return hearth.OpenAlert|nil
function alerts.open() return queue[1] end

---Answers the open alert with its button `index`, or dismisses it with -1; `text` is the text of a prompt.
---@param index integer
---@param text? string
---@return boolean was one open?
function alerts.respond(index, text)
  local alert = queue[1]
  if not alert then return false end
  answer(alert, index, text)
  open_next()
  return true
end

---For tests: answers the open alert, or the next one.
---@param index integer
---@param text? string
function alerts.script(index, text)
  if math.type(index) ~= "integer" then
    errors.raise("EINVAL", ("alerts.respond: expects the number of a button, or -1, got a %s"):format(type(index)), { op = "Alert" })
  end
  if not alerts.respond(index, text) then scripted[#scripted + 1] = { index, text } end
end

---Somebody shows alerts from now on: `changed(open | nil)` after each change.
---@param changed fun(open?: hearth.OpenAlert)
---@return fun() detach
function alerts.attach(changed)
  renderers[#renderers + 1] = changed
  if queue[1] then changed(queue[1]) end
  return function()
    for i, other in ipairs(renderers) do
      if other == changed then return table.remove(renderers, i) end
    end
  end
end

---Is there anybody who shows them?
---@return boolean
function alerts.attached() return renderers[1] ~= nil end

---Forgets everything: before a test.
function alerts.reset()
  for i = #alerts.log, 1, -1 do alerts.log[i] = nil end
  queue, scripted = {}, {}
  tell()
end

return alerts

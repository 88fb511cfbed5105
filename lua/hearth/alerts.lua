-- The queues of alerts: in each one is open, the others wait. There is one queue for the program, and one for each screen that asked for its
-- own (a page of the web): alerts of tasks that run on its behalf (hearth.owner) go there. hearth.Alert asks; who shows alerts looks at
-- `open()` and answers with `respond`.

local errors = require "hearth.errors"
local owner = require "hearth.owner"
local task = require "hearth.core.task"

local alerts = {}

---@class hearth.OpenAlert
---@field title string
---@field message? string
---@field buttons string[] labels
---@field input? {value: string, placeholder?: string, secure?: boolean} of a prompt; `value` is what was typed so far
---@field destructive? integer the button that destroys something

local KEPT <const> = 100

local scripted = {} -- answers that tests gave before there was a question

---What was shown, the newest last: {title=, message=, buttons={labels}}.
---@type table[]
alerts.log = {}

local function note(alert)
  local labels = table.move(alert.buttons, 1, #alert.buttons, 1, {})
  alerts.log[#alerts.log + 1] = { title = alert.title, message = alert.message, buttons = labels }
  if #alerts.log > KEPT then table.remove(alerts.log, 1) end
end

-- ---- one queue

---@class hearth.AlertQueue the first alert is open
local Queue = {}
Queue.__index = Queue

local function new_queue() return setmetatable({ listeners = {} }, Queue) end

local function tell(queue)
  for _, changed in ipairs(queue.listeners) do
    local ok, err = pcall(changed, queue[1])
    if not ok then task.report(err, "an alert") end
  end
end

local function remove(queue, alert)
  for i, other in ipairs(queue) do
    if other == alert then
      table.remove(queue, i)
      return i
    end
  end
end

local function answer(queue, alert, index, text)
  if index ~= -1 and (math.type(index) ~= "integer" or index < 1 or index > #alert.buttons) then
    errors.raise("EINVAL", ('alerts.respond: the alert "%s" has the buttons 1 to %d, and -1 dismisses it; got %s')
      :format(alert.title, #alert.buttons, tostring(index)), { op = "Alert" })
  end
  remove(queue, alert)
  if alert.input and text == nil then text = alert.input.value end
  alert.done(index, text)
end

-- The first of the queue comes on screen; answers that wait for it are given at once.
local function open_next(queue)
  while queue[1] and not queue[1].shown do
    local alert = queue[1]
    alert.shown = true
    note(alert)
    if not scripted[1] then break end
    local reply = table.remove(scripted, 1)
    local ok, err = pcall(answer, queue, alert, reply[1], reply[2])
    if not ok then
      remove(queue, alert)
      alert.failed(err)
    end
  end
  tell(queue)
end

local function ask(queue, alert)
  queue[#queue + 1] = alert
  if #queue == 1 then open_next(queue) end
  return function()
    if remove(queue, alert) == 1 then open_next(queue) end
  end
end

---The alert that is on screen.
---@return hearth.OpenAlert|nil
function Queue:open() return self[1] end

---Answers the open alert with its button `index`, or dismisses it with -1; `text` is the text of a prompt.
---@param index integer
---@param text? string
---@return boolean was one open?
function Queue:respond(index, text)
  local alert = self[1]
  if not alert then return false end
  answer(self, alert, index, text)
  open_next(self)
  return true
end

---The screen has gone: what is open or waits is dismissed, and so is at once what is still asked on its behalf.
function Queue:close()
  self.closed = true
  self.listeners = {}
  while self[1] do answer(self, self[1], -1) end
end

-- ---- the program's queue, and those of screens

local program = new_queue()
local screens = setmetatable({}, { __mode = "v" }) -- owner -> queue

---A queue of its own for what runs on behalf of `id`; `changed(open | nil)` after each change. Keep it while the screen is there.
---@param id integer an owner (hearth.owner)
---@param changed fun(open?: hearth.OpenAlert)
---@return hearth.AlertQueue
function alerts.screen(id, changed)
  local queue = new_queue()
  queue.listeners[1] = changed
  screens[id] = queue
  return queue
end

-- Where an alert of the running code goes; false: nobody is there any more.
local function place()
  local id = owner.current()
  local queue = id == 0 and program or screens[id]
  return queue and not queue.closed and queue
end

---Queues an alert: `done(index, text)` is called once, with -1 when it is dismissed. Returns what takes it back.
---@param alert hearth.OpenAlert
---@param done fun(index: integer, text?: string)
---@param failed fun(err: any)
---@return fun() close
function alerts.ask(alert, done, failed)
  alert.done, alert.failed = done, failed
  local queue = place()
  if queue then return ask(queue, alert) end
  done(-1)
  return function() end
end

---Does anybody show what the running code asks?
---@return boolean
function alerts.attached()
  local queue = place()
  return not queue or queue.listeners[1] ~= nil
end

---Somebody shows the program's alerts from now on: `changed(open | nil)` after each change.
---@param changed fun(open?: hearth.OpenAlert)
---@return fun() detach
function alerts.attach(changed)
  local listeners = program.listeners
  listeners[#listeners + 1] = changed
  if program[1] then changed(program[1]) end
  return function()
    for i, other in ipairs(listeners) do
      if other == changed then return table.remove(listeners, i) end
    end
  end
end

---The alert of the program that is on screen.
---@return hearth.OpenAlert|nil
function alerts.open() return program[1] end

---Answers the program's open alert (see Queue:respond).
---@param index integer
---@param text? string
---@return boolean was one open?
function alerts.respond(index, text) return program:respond(index, text) end

---For tests: answers the open alert, of the program or of a screen, or the next one.
---@param index integer
---@param text? string
function alerts.script(index, text)
  if math.type(index) ~= "integer" then
    errors.raise("EINVAL", ("alerts.respond: expects the number of a button, or -1, got a %s"):format(type(index)), { op = "Alert" })
  end
  if program:respond(index, text) then return end
  for _, queue in pairs(screens) do
    if queue:respond(index, text) then return end
  end
  scripted[#scripted + 1] = { index, text }
end

---Forgets everything: before a test.
function alerts.reset()
  for i = #alerts.log, 1, -1 do alerts.log[i] = nil end
  scripted = {}
  for i = #program, 1, -1 do program[i] = nil end
  tell(program)
end

return alerts

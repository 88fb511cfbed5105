-- A session of a program that has no web server lives as long as its process, and so does what scope "session" has stored. A program that
-- ends clears its own; what a killed one has left is cleared by the next program that uses the scope. So a session's name says whose it is:
-- HOST.PID.START.RANDOM, with the process's start, because numbers of processes are used again.

local M = {}

local PREFIX <const> = "session:"

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read(4096)
  file:close()
  return text
end

-- When a process began, in ticks since the machine did; nil: there is no such process. The name in front may have any characters.
local function started(pid)
  local stat = read("/proc/" .. pid .. "/stat")
  local fields = stat and stat:match "^.*%) (.*)$"
  if not fields then return nil end
  local i = 2
  for field in fields:gmatch "%S+" do
    i = i + 1
    if i == 22 then return field end
  end
end

-- The machine as this process sees it: another container, or the machine before it was switched on again, is another.
local function host()
  local text = (read "/proc/sys/kernel/hostname" or "") .. (read "/proc/sys/kernel/random/boot_id" or "")
  local sum = 5381
  for i = 1, #text do sum = (sum * 33 + text:byte(i)) & 0xffffffffffff end
  return ("%x"):format(sum)
end

local function random()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(12)
  if file then file:close() end
  local words = {}
  for i = 1, 12 do words[i] = ("%02x"):format(bytes and bytes:byte(i) or math.random(0, 255)) end
  return table.concat(words)
end

local ended = {}   -- sessions of this process that are over (testing.restart)

--- A new session's id.
---@return string
function M.new_id()
  local pid = (read "/proc/self/stat" or ""):match "^%d+"
  if not pid then return random() end   -- nobody can tell whether it still lives: only its own program clears it
  return ("%s.%s.%s.%s"):format(host(), pid, started(pid) or "0", random())
end

--- The session is over, though its process is not.
---@param id string
function M.over(id)
  ended[id] = true
end

-- Is nobody there any more whose session it is? False where that cannot be known.
local function is_stale(id)
  if ended[id] then return true end
  local where, pid, start = id:match "^(%x+)%.(%d+)%.(%d+)%.%x+$"
  return where == host() and started(pid) ~= start
end

--- Clears what sessions that are over have left in a store. Errors are left to the next time.
---@param raw any
function M.sweep(raw)
  raw:namespaces(function(names)
    local ops = {}
    for _, ns in ipairs(names or {}) do
      if ns:sub(1, #PREFIX) == PREFIX and is_stale(ns:sub(#PREFIX + 1)) then ops[#ops + 1] = {ns = ns, clear = true} end
    end
    if ops[1] then pcall(raw.submit, raw, ops, function() end) end
  end)
end

return M

-- The public table of Hearth, and nothing else: each name is loaded from its module at first use, so that a script pays for what it uses.

local modules = {
  -- tasks
  run_async = "async", await = "async", sleep = "async", timeout = "async", all = "async", race = "async", all_settled = "async",
  scope = "async", in_task = "async", current_task = "async", is_cancelled = "async",
  -- elements
  Column = "widgets.containers", Row = "widgets.containers", View = "widgets.containers", ScrollView = "widgets.containers",
  Spacer = "widgets.containers", Modal = "widgets.containers", Pressable = "widgets.containers",
  Checkbox = "widgets.controls", Switch = "widgets.controls", Picker = "widgets.controls", Slider = "widgets.controls",
  ProgressBar = "widgets.display", ActivityIndicator = "widgets.display", Image = "widgets.display",
  FlatList = "widgets.lists", SectionList = "widgets.lists",
  -- values
  null = "json", array = "json", Set = "json",
}

-- Names whose module is the value itself.
local whole = {
  runtime = "runtime", errors = "errors", json = "json",
  Text = "widgets.text", Button = "widgets.button", TextInput = "widgets.text_input", app = "app",
  -- storage
  storage = "storage.store", AsyncStorage = "storage.async_storage", AppStorage = "storage.app_storage",
}

local hearth = { version = "0.1.0" }

---A monotonic clock in seconds.
---@return number
function hearth.now()
  return require("hearth.core.timer").now()
end

return setmetatable(hearth, {
  __index = function(self, name)
    local value
    if modules[name] then
      value = require("hearth." .. modules[name])[name]
    elseif whole[name] then
      value = require("hearth." .. whole[name])
    end
    if value ~= nil then rawset(self, name, value) end
    return value
  end,
})

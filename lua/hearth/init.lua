-- The public table of Hearth, and nothing else: each name is loaded from its module at first use, so that a script pays for what it uses.

local modules = {
  -- tasks
  run_async = "async", await = "async", sleep = "async", timeout = "async", all = "async", race = "async", all_settled = "async",
  scope = "async", in_task = "async", current_task = "async", is_cancelled = "async",
  to_thread = "async", now = "core.timer",
  -- elements
  Column = "widgets.containers", Row = "widgets.containers", View = "widgets.containers", ScrollView = "widgets.containers",
  Spacer = "widgets.containers", Modal = "widgets.containers", Pressable = "widgets.containers",
  Checkbox = "widgets.controls", Switch = "widgets.controls", Picker = "widgets.controls", Slider = "widgets.controls",
  ProgressBar = "widgets.display", ActivityIndicator = "widgets.display", Image = "widgets.display",
  -- components
  component = "ui.element", memo = "ui.element", Fragment = "ui.element", ErrorBoundary = "ui.boundary", Suspense = "ui.boundary",
  create_context = "ui.context", use_context = "ui.context", Store = "ui.store", use_store = "ui.store", batch = "ui.batch",
  use_effect = "hooks.use_effect", use_layout_effect = "hooks.use_effect",
  -- more elements
  FlatList = "widgets.lists", SectionList = "widgets.lists",
  -- values
  preload = "storage.preload", null = "json", array = "json", Set = "json",
}

-- Names whose module is the value itself.
local whole = {
  runtime = "runtime", errors = "errors", json = "json",
  Text = "widgets.text", Button = "widgets.button", TextInput = "widgets.text_input", app = "app",
  -- data
  fetch = "fetch", Alert = "alert", Animated = "animated", use_animated_value = "hooks.use_animated_value",
  use_query = "hooks.use_query", use_mutation = "hooks.use_mutation",
  -- storage
  storage = "storage.store", AsyncStorage = "storage.async_storage", AppStorage = "storage.app_storage",
  LocalStorage = "web.local_storage", use_local_storage = "hooks.use_local_storage",
  -- components
  Portal = "ui.portal",
  use_state = "hooks.use_state", use_reducer = "hooks.use_reducer", use_ref = "hooks.use_ref", use_memo = "hooks.use_memo",
  use_persisted_state = "hooks.use_persisted_state", use_callback = "hooks.use_callback",
  use_async_effect = "hooks.use_async_effect", use_resource = "hooks.use_resource", deps = "hooks.deps",
}

---@class hearth the whole of it is in types/hearth.lua
local hearth = { version = "0.1.0" }

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
  -- All names, also those that are not loaded yet: for a prompt, and for whoever wants to know what there is.
  __pairs = function(self)
    for name in next, modules do local _ = self[name] end
    for name in next, whole do local _ = self[name] end
    return next, self, nil
  end,
})

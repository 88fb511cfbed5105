-- A screen with data, a form, persistence and motion. Start the server of this folder, then the app:
--
--     build/posts-server 8085 &      build/hearth run examples/posts.lua
--
-- The list was fetched and is kept: after a restart the last one shows at once, while a newer one is on its way. What is typed into the
-- form is kept too. A choice that was overtaken by another one never shows, however late its answer comes.

local hearth = require "hearth"
local Animated = hearth.Animated
local Column, Row, Text, Button, TextInput = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput

local BASE = os.getenv "POSTS_URL" or "http://127.0.0.1:8085"

-- `params(path)` are more parameters for a request: the server of this folder can be asked to be slow, or to fail.
local function api(props)
  local base, params = props.base or BASE, props.params or function() end
  local function call(path, options)
    options = options or {}
    options.params, options.timeout = params(path), 10
    return hearth.fetch(base .. path, options):raise_for_status():json()
  end
  return {
    list = function() return call "/posts" end,
    one = function(id) return call("/posts/" .. id) end,
    add = function(post) return call("/posts", { body = post }) end,
  }
end

local function message_of(err)
  if err.code == "EHTTP" then return "The server answered " .. err.status end
  if err.code == "ETIMEOUT" then return "The server takes too long" end
  return "The server cannot be reached"
end

-- Grows and shrinks while something is on its way.
local Loading = hearth.component("Loading", function()
  local width = hearth.use_animated_value(0)
  hearth.use_async_effect(function() Animated.loop(Animated.timing(width, { to = 10, duration = 1000 })):await() end, {})
  return Row { spacing = 1, Animated.View { style = { width = width, height = 1, background = "cyan" } }, Text "loading the post" }
end)

-- A post comes in from the right.
local Card = hearth.component("Card", function(props)
  local away = hearth.use_animated_value(6)
  hearth.use_async_effect(function() Animated.timing(away, { to = 0, easing = "ease_out" }):await() end, {})
  return Animated.View {
    id = "post_card", style = { margin_left = away, border = "rounded", border_color = "cyan", padding_left = 1, padding_right = 1 },
    Text(props.post.title, { id = "post_title", style = { bold = true } }),
    Text(props.post.body, { id = "post_body" }),
  }
end)

-- One post, loaded when it is chosen.
local Post = hearth.component("Post", function(props)
  local post = hearth.use_query(function() return props.api.one(props.id) end, { props.id })
  if post.error then return Text(message_of(post.error), { id = "post_error", style = { color = "red" } }) end
  if not post.data or post.data.id ~= props.id then return Loading {} end -- what there is may be the one before
  return Card { post = post.data.post, key = props.id }
end)

local Form = hearth.component("Form", function(props)
  local title, set_title = hearth.use_persisted_state("draft.title", "")
  local body, set_body = hearth.use_persisted_state("draft.body", "")
  local sending, send = hearth.use_mutation(function(post)
    local added = props.api.add(post)
    set_title ""
    set_body ""
    props.on_added(added)
    return added
  end)
  local function submit()
    if title == "" then
      hearth.Alert.show("A post has a title", "Write one, then send it again.")
    elseif body ~= "" or hearth.Alert.confirm("Send it without a text?", nil, "Send") then
      send { title = title, body = body }
    end
  end
  return Column {
    style = { border = "rounded", padding_left = 1, padding_right = 1 },
    Text("A new post", { style = { bold = true } }),
    TextInput { label = "Title", value = title, on_change = set_title, on_submit = submit },
    TextInput { label = "Text", value = body, on_change = set_body, on_submit = submit },
    Button(sending.loading and "Sending…" or "Send", { disabled = sending.loading, on_click = submit }),
    sending.error and Text("Not sent. " .. message_of(sending.error), { id = "send_error", style = { color = "red" } }),
  }
end)

local Posts = hearth.component("Posts", function(props)
  local calls = hearth.use_memo(function() return api(props) end, { props.base })
  local posts = hearth.use_query(calls.list, {}, { key = "posts", persist = true })
  local chosen, choose = hearth.use_state(nil)
  local rows = {}
  for i, item in ipairs(posts.data or {}) do
    rows[i] = Button(item.post.title, {
      key = item.id, style = { bold = item.id == chosen }, on_click = function() choose(item.id) end,
    })
  end
  return Column {
    spacing = 1, style = { padding = 1, max_width = 60 },
    Row {
      spacing = 1,
      Text(posts.data and ("Posts (%d)"):format(#rows) or posts.loading and "Posts (loading)" or "Posts", {
        id = "title", style = { bold = true },
      }),
      Button(posts.loading and posts.data and "Reloading…" or "Reload", { disabled = posts.loading, on_click = posts.refetch }),
    },
    posts.error and Text(message_of(posts.error), { id = "list_error", style = { color = "red" } }),
    posts.data and #rows == 0 and Text("Nobody has written anything yet.", { style = { dim = true } }),
    Row { spacing = 1, style = { wrap = "wrap" }, rows },
    chosen and Post { id = chosen, api = calls },
    Form {
      api = calls,
      on_added = function(added)
        posts.set_data(function(list)
          local longer = table.move(list or {}, 1, #(list or {}), 1, {})
          longer[#longer + 1] = added
          return longer
        end)
      end,
    },
  }
end)

hearth.app { name = "posts", root = Posts }

return Posts

local hearth = require "hearth"
local testing = require "hearth.testing"
local root = require "hearth.ui.root"
local session = require "hearth.web.session"
local task = require "hearth.core.task"
local web = require "hearth.render.web"

-- A server that keeps what is sent to each connection.
local function fake_server()
  local server = { sent = {}, kicked = {} }
  function server:send(id, text)
    self.sent[#self.sent + 1] = { id, hearth.json.decode(text) }
    return true
  end
  function server:say(id, number, handled, body) return self:send(id, ('{"q":%d,"a":%d,%s}'):format(number, handled, body)) end
  function server:kick(id) self.kicked[id] = true end
  function server:last() return self.sent[#self.sent][2] end
  return server
end

describe("the web renderer", function()
  local mounted
  local function mount(element)
    local renderer = web.new()
    mounted = root.mount(element, renderer)
    return renderer
  end
  after_each(function()
    if mounted then mounted:unmount() end
    mounted = nil
  end)

  it("escapes everything", function()
    local evil = [[<script>alert("x")</script>' & \0]] .. "\xff"
    local page = mount(hearth.Column {
      id = evil, label = evil, hearth.Text(evil), hearth.Button(evil), hearth.TextInput { value = evil, label = evil, placeholder = evil },
      hearth.TextInput { value = evil, multiline = true }, hearth.Image { source = "javascript:alert(1)", alt = evil },
      hearth.Picker { value = evil, options = { evil } }, hearth.Modal { title = evil, hearth.Text(evil) },
      hearth.View { style = { background = "red;background:url(//evil)", font_family = "a}b{" } },
    }).html()
    assert.is_nil(page:find("<script", 1, true))
    assert.is_nil(page:find("javascript:", 1, true))
    assert.is_nil(page:find("evil)", 1, true))
    assert.truthy(page:find("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39; &amp;", 1, true))
    assert.truthy(utf8.len(page))
  end)

  it("has a form for every element", function()
    local html = require "hearth.render.web.html"
    for type in pairs(require("hearth.ui.props").schemas) do assert.truthy(html.types[type], type) end
  end)

  it("tells the page only what differs", function()
    local set
    local App = hearth.component("App", function()
      local n
      n, set = hearth.use_state(1)
      local rows = {}
      for i = 1, n do rows[i] = hearth.Text("row " .. i, { key = i }) end
      return hearth.Column { hearth.Text("n " .. n), hearth.Button("same", { on_click = function() end }), hearth.Column(rows) }
    end)
    local renderer = mount(App {})
    renderer.html()
    set(2)
    testing.settle()
    local patches = hearth.json.decode(renderer.take())
    assert.equal(2, #patches)
    assert.equal("u", patches[1][1])
    assert.truthy(patches[1][3]:find("n 2", 1, true))
    assert.equal("c", patches[2][1])
    assert.equal(2, #patches[2][3])
    assert.equal("integer", math.type(patches[2][3][1]))
    assert.truthy(patches[2][3][2]:find("row 2", 1, true))
    assert.is_nil(renderer.take())
  end)

  it("tells as a whole what comes back after it was hidden, as it then is", function()
    local set, set_inner
    local gate = hearth.runtime.create_future()
    local Late = hearth.component("Late", function()
      hearth.await(gate)
      return hearth.Text "late"
    end)
    local Here = hearth.component("Here", function()
      local s
      s, set_inner = hearth.use_state "here"
      return hearth.Column { hearth.Button(s) }
    end)
    local App = hearth.component("App", function()
      local more
      more, set = hearth.use_state(false)
      return hearth.Column { hearth.Suspense { fallback = hearth.Text "wait", Here {}, more and Late {} } }
    end)
    local renderer = mount(App {})
    local known = {} -- the numbers of what the page has
    local function see(html)
      for id in html:gmatch 'data%-h="(%d+)"' do known[tonumber(id)] = true end
    end
    see(renderer.html())
    local function patches()
      testing.settle()
      local list = hearth.json.decode(renderer.take() or "[]")
      for _, patch in ipairs(list) do
        assert.is_true(known[patch[2]])
        for _, child in ipairs(patch[1] == "c" and patch[3] or {}) do
          if type(child) == "string" then see(child) else assert.is_true(known[child]) end
        end
      end
      return list
    end
    set(true)
    local hidden = patches()[1][3]
    assert.truthy(#hidden == 1 and hidden[1]:find("wait", 1, true))
    known[2], known[3] = nil, nil -- a page drops what is not in its place
    set_inner "there"
    assert.same({}, patches())
    assert.is_nil(renderer.event(3, "c"))
    hearth.runtime.resolve_future(gate, true)
    local shown = patches()[1][3]
    assert.truthy(shown[1]:find(">there</button>", 1, true))
    assert.truthy(shown[2]:find("late", 1, true))
  end)

  it("tells of a bound prop once, as it is when it is told, whatever else changes before that", function()
    local a, b, show = hearth.Store "a0", hearth.Store "b0"
    local App = hearth.component("App", function()
      local shown
      shown, show = hearth.use_state(true)
      return hearth.Column { shown and hearth.Text(a:bind(), { tooltip = b:bind() }), hearth.Text(b:bind()) }
    end)
    local renderer = mount(App {})
    renderer.html()
    local function told(...)
      testing.settle()
      local texts = {}
      for i, patch in ipairs(hearth.json.decode(renderer.take() or "[]")) do
        texts[i] = patch[1] == "u" and patch[3]:gsub('^<span data%-h="%d" class="text"', "") or patch[1]
      end
      assert.same({ ... }, texts)
    end
    a:set "a1"
    told ' title="b0">a1</span>'
    a:set "a2"
    testing.settle()
    a:set "a3"
    told ' title="b0">a3</span>'
    a:set "a4"
    testing.settle()
    a:set "a3" -- what the page has
    told()
    a:set "a5"
    testing.settle()
    b:set "b1"
    told(' title="b1">a5</span>', ">b1</span>")
    told()
    a:set "a6"
    renderer.html() -- the page begins anew
    a:set "a7"
    told ' title="b1">a7</span>'
    a:set "a8"
    testing.settle()
    renderer.html()
    told()
    a:set "a9"
    testing.settle()
    show(false)
    told "c"
  end)

  it("tells many pages of one change, and of each what is its own", function()
    local setters, shared, other = {}, hearth.Store "all", hearth.Store "<a>"
    local App = hearth.component("App", function(props)
      local own, set = hearth.use_state {}
      setters[props.i] = set
      return hearth.Column {
        hearth.Text(shared:bind()), hearth.Text("own", own), hearth.Text(other:bind(), { style = { width = 1 + props.i // 2 } }),
      }
    end)
    local renderers, roots = {}, {}
    for i = 1, 4 do
      renderers[i] = web.new()
      roots[i] = root.mount(App { i = i }, renderers[i])
      renderers[i].html()
    end
    local function patch(i) return hearth.json.decode(renderers[i].take())[1] end
    shared:set "new"
    testing.settle()
    for i = 1, 4 do assert.same({ "u", 2, '<span data-h="2" class="text">new</span>' }, patch(i)) end
    for _, text in ipairs { "<b>", "c" } do
      other:set(text)
      testing.settle()
      for i = 1, 4 do
        local html = patch(i)[3]
        assert.truthy(html:find(("width:%dch"):format(1 + i // 2), 1, true), html)
        assert.truthy(html:find(text == "c" and ">c<" or "&lt;b&gt;", 1, true), html)
      end
    end
    local function act() end
    local owns = { { style = { width = 1 } }, { style = { width = 2 } }, { on_click = act }, { disabled = true, on_click = act } }
    for i, own in ipairs(owns) do setters[i](own) end
    testing.settle()
    local found = {}
    for i = 1, 4 do found[i] = patch(i)[3]:match "^<span(.-)>" end
    for _, r in ipairs(roots) do r:unmount() end
    assert.truthy(found[1]:find("width:1ch", 1, true))
    assert.truthy(found[2]:find("width:2ch", 1, true))
    assert.truthy(found[3]:find('data-e="c"', 1, true) and not found[3]:find("aria-disabled", 1, true))
    assert.truthy(found[4]:find("aria-disabled", 1, true) and not found[4]:find('data-e', 1, true))
  end)

  it("does only what a browser would let its user do", function()
    local done = {}
    local function note(name) return function(v) done[#done + 1] = name .. ":" .. tostring(v) end end
    local renderer = mount(hearth.Column {
      hearth.Button("off", { on_click = note "off", disabled = true }), hearth.Button("on", { on_click = note "on" }),
      hearth.TextInput { value = "", max_length = 3, on_change = note "text" }, hearth.Checkbox { on_change = note "check" },
      hearth.Picker { options = { { value = 10, label = "ten" } }, on_change = note "pick" },
      hearth.Slider { min = 0, max = 5, on_change = note "slide" },
      hearth.View { hidden = true, hearth.Button("hidden", { on_click = note "hidden" }) },
    })
    renderer.html() -- a page has it
    local kids = renderer.top.children[1].children
    local function fire(i, kind, value) renderer.event((kids[i] or kids[7].children[1]).id, kind, value) end
    fire(1, "c")
    fire(2, "c")
    fire(3, "v", "long text")
    fire(3, "v", 5)
    fire(3, "v", "abc")
    fire(4, "v", "yes")
    fire(4, "v", true)
    fire(5, "v", 2)
    fire(5, "v", 1)
    fire(6, "v", 99)
    fire(8, "c")
    renderer.event(12345, "c")
    renderer.event(0, "c")
    testing.settle()
    assert.same({ "on:nil", "text:abc", "check:true", "pick:10", "slide:5" }, done)
  end)

  it("renders a first look without effects", function()
    local ran = false
    local App = hearth.component("App", function()
      hearth.use_effect(function() ran = true end, {})
      return hearth.Text "x"
    end)
    local renderer = web.new()
    mounted = root.mount(App {}, renderer, { inert = true })
    assert.truthy(renderer.html():find(">x<", 1, true))
    assert.is_false(ran)
  end)
end)

describe("a web session", function()
  local server, s, storage
  local App = hearth.component("App", function()
    local n, set = hearth.use_state(0)
    local text, set_text = hearth.use_state ""
    storage = hearth.use_local_storage()
    return hearth.Column {
      hearth.Text(("n %d %s %s"):format(n, text, storage:get("theme", "none"))),
      hearth.Button("Add", { on_click = function() set(function(c) return c + 1 end) end }),
      hearth.TextInput { value = text, on_change = function(v) set_text(v:upper()) end },
    }
  end)

  before_each(function()
    server = fake_server()
    s = session.open { server = server, id = "s1", client = "c1", tab = "aa", connection = 7, element = App {}, items = {
      theme = { "dark", false }, list = { "[1,2]", true },
    } }
  end)
  after_each(function() s:close() end)

  -- Ids are given in the order of creation, parents first or not: found by type.
  local function id_of(type)
    local function look(node)
      if node.type == type then return node.id end
      for _, child in ipairs(node.children) do
        local id = look(child)
        if id then return id end
      end
    end
    return look(s.renderer.top)
  end

  local function hear(...)
    s:hear { ... }
    testing.settle()
  end

  it("begins with the whole page", function()
    assert.equal("new", server:last().t)
    assert.truthy(server:last().html:find("n 0  dark", 1, true))
    assert.same({ 1, 2 }, storage:get "list")
  end)

  it("answers an event with numbered patches and an acknowledgement", function()
    hear(1, "e", id_of "Button", "c")
    local m = server:last()
    assert.equal(1, m.q)
    assert.equal(1, m.a)
    assert.truthy(m.p[1][3]:find("n 1", 1, true))
  end)

  it("does an event once that is sent twice, and refuses a gap", function()
    hear(1, "e", id_of "Button", "c")
    hear(1, "e", id_of "Button", "c")
    assert.truthy(s.renderer.html():find("n 1", 1, true))
    assert.has_error(function() s:hear { 3, "e", id_of "Button", "c" } end)
  end)

  it("resumes with what the page has not seen, and nothing else; what changed while it was away is one message", function()
    hear(1, "e", id_of "Button", "c")
    s.connection = nil
    hear(2, "e", id_of "Button", "c")
    hear(3, "e", id_of "Button", "c")
    server.sent = {}
    s:resume(8, 0)
    assert.same({ "ok", 3 }, { server.sent[1][2].t, server.sent[1][2].a })
    assert.equal(3, #server.sent)
    assert.equal(1, server.sent[2][2].q)
    assert.equal(2, server.sent[3][2].q)
    assert.truthy(server.sent[3][2].p[1][3]:find("n 3", 1, true))
    assert.equal(8, server.sent[3][1])
    hear(0, "a", 2)
    server.sent = {}
    s:resume(9, 2)
    assert.equal(1, #server.sent)
  end)

  it("puts a control right whose handler did not take the value", function()
    hear(1, "e", id_of "TextInput", "v", "ab")
    local m = server:last()
    assert.equal(1, m.a)
    assert.truthy(hearth.json.encode(m.p):find([[value=\"AB\"]], 1, true))
  end)

  it("mirrors localStorage both ways", function()
    storage:set("o", { a = 1 })
    testing.settle()
    local found
    for _, item in ipairs(server.sent) do found = item[2].ls or found end
    assert.same({ localstorage = { o = { '{"a":1}', true } }, revision = 1 }, found)
    assert.is_true(storage:is_pending())
    hear(1, "l", { ack = 1 })
    assert.is_false(storage:is_pending())
    hear(2, "l", { localstorage = { theme = { "1", false } } })
    assert.equal("1", storage:get "theme")
    assert.truthy(hearth.json.encode(server:last().p):find("n 0  1", 1, true))
  end)

  it("raises for what makes no sense, and stays as it was", function()
    for _, message in ipairs {
      {}, { 1 }, { 1, "zz" }, { "1", "e", 1, "c" }, { 1.5, "e", 1, "c" }, { 0, "a", "x" }, { 1, "e", "1", "c" }, { 2, "l", 5 },
      { 3, "l", { localstorage = { k = "x" } } }, { 4, "l", { removed = 5 } },
    } do
      assert.has_error(function() s:hear(message) end)
    end
    testing.settle()
    assert.truthy(s.renderer.html():find("n 0  dark", 1, true))
  end)

  it("lets go of a page that does not keep up", function()
    for i = 1, 10 do storage:set("k" .. i, ("x"):rep(500000)) end
    task.settle()
    assert.is_true(server.kicked[7])
    assert.truthy(s.closed)
  end)
end)

-- examples/posts.lua against its server: slow answers, failing ones, answers out of order, a restart.

local hearth = require "hearth"
local testing = require "hearth.testing"
local patience = require "spec.support.patience"
local program = require "spec.support.program"
local Server = require "support.server"

local Posts = assert(loadfile "examples/posts.lua")()

describe("examples/posts", function()
  local server
  before_each(function() server = Server.start() end)
  after_each(function() server:stop() end)

  local function open(params)
    return testing.render(Posts { base = server.base, params = params })
  end

  it("shows the posts, and the one that is chosen", function()
    local screen = open()
    assert.equal("Posts (loading)", screen:get_by_id "title".props.text)
    screen:find_by_text "Posts (2)"
    screen:click "Hearth"
    screen:find_by_text "Its state stays."
  end)

  it("sends a new post and shows it without loading all again", function()
    local screen = open()
    screen:find_by_text "Posts (2)"
    screen:type("Title", "Third")
    screen:type("Text", "The third one")
    testing.settle()
    screen:click "Send"
    screen:find_by_text "Posts (3)"
    screen:click "Third"
    screen:find_by_text "The third one"
    assert.equal("", screen:get_by_label "Title".props.value)
  end)

  it("asks before it sends a post without a text, and wants a title", function()
    local screen = open()
    screen:find_by_text "Posts (2)"
    screen:click "Send"
    testing.settle()
    assert.equal("A post has a title", testing.alerts.log[1].title)
    testing.alerts.respond(1)
    screen:type("Title", "Short")
    testing.settle()
    testing.alerts.respond(1)
    screen:click "Send"
    testing.settle()
    assert.equal("Posts (2)", screen:get_by_id "title".props.text)
    testing.alerts.respond(2)
    screen:click "Send"
    screen:find_by_text "Posts (3)"
  end)

  it("shows the choice made last, whatever comes first", function()
    local screen = open(function(path)
      if path == "/posts/1" then return { delay = 300 } end
    end)
    screen:find_by_text "Posts (2)"
    screen:click "Hearth"
    screen:find_by_text "loading the post"
    screen:click "Posts"
    screen:find_by_text "Fetched, kept, shown at once."
    server:until_stats(function(stats) return stats.open <= 3 end)
    hearth.sleep(0.35)
    testing.settle()
    assert.is_nil(screen:query_by_text "Its state stays.")
    assert.truthy(screen:query_by_text "Fetched, kept, shown at once.")
  end)

  it("says what failed, keeps what was there, and goes on when it is asked to", function()
    local failing
    local screen = open(function() return { fail = failing } end)
    screen:find_by_text "Posts (2)"
    failing = 503
    screen:click "Reload"
    screen:find_by_text "The server answered 503"
    assert.truthy(screen:query_by_text "Hearth")
    screen:type("Title", "Kept")
    screen:type("Text", "while it fails")
    testing.settle()
    screen:click "Send"
    screen:find_by_text "Not sent. The server answered 503"
    assert.equal("Kept", screen:get_by_label "Title".props.value)
    failing = nil
    screen:click "Send"
    screen:find_by_text "Kept"
    screen:click "Reload"
    screen:find_by_text "Posts (3)"
    assert.is_nil(screen:query_by_text "The server answered 503")
  end)

  it("shows the last posts and the draft at once after a restart, with the server gone", function()
    local screen = open()
    screen:find_by_text "Posts (2)"
    screen:type("Title", "Half a po")
    testing.settle()
    testing.restart()
    server:stop()
    screen = open()
    screen:find_by_text "Hearth"
    screen:find_by_text "The server cannot be reached"
    assert.equal("Half a po", screen:get_by_label "Title".props.value)
  end)

  it("as a program: a post is sent and a draft begun in one run; the next shows both, though the server has gone", function()
    local store = program.temporary ".sqlite3"
    local args, environment = { "run", "--ui=line", "--store", store, "examples/posts.lua" }, { POSTS_URL = server.base }
    local function last(input)
      local out, status, err = program.run(args, input, environment)
      assert.same({ 0, "" }, { status, err })
      local frames = program.frames(out)
      return table.concat(frames[#frames], "\n"), table.concat(frames[1], "\n")
    end
    local shown = last {
      "wait 500", "type Title Sent", "type Text from a pipe", "click Send", "wait 500", "click Sent", "wait 500", "type Title Half",
    }
    assert.truthy(shown:find("Posts (3)", 1, true), shown)
    assert.truthy(shown:find("from a pipe", 1, true), shown)
    server:stop()
    shown = last { "wait 500" }
    for _, text in ipairs { "Posts (3)", "[Sent]", "_Half_", "The server cannot be reached" } do
      assert.truthy(shown:find(text, 1, true), text .. " is not in\n" .. shown)
    end
    program.clean(store)
  end)

  it("moves while it loads, and only then", function()
    local frames = require "hearth.animated.frames"
    local screen = open(function(path)
      if path == "/posts/1" then return { delay = 100 } end
    end)
    screen:find_by_text "Posts (2)"
    assert.is_false(frames.active())
    screen:click "Hearth"
    screen:find_by_text "loading the post"
    testing.settle()
    assert.is_true(frames.active())
    screen:find_by_text "Its state stays."
    patience(function() return not frames.active() end) -- the card comes in
    assert.is_false(frames.active())
    assert.equal(0, screen:get_by_id "post_card".props.style.margin_left)
  end)
end)

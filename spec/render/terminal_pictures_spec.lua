-- The first screen of each example, and every page of the gallery, as kept in spec/pictures. HEARTH_PICTURES=write writes them anew: look
-- at the difference.

local Server = require "support.server"
local terminal = require "spec.support.terminal"

describe("the picture of", function()
  local t
  after_each(function() t:close() end)

  for _, name in ipairs { "counter", "draft", "form", "notes", "settings", "shared_todo", "shopping", "stopwatch", "theme_toggle",
    "todo", "two_panes" } do
    it("examples/" .. name .. ".lua", function()
      t = terminal.open { "run", "examples/" .. name .. ".lua" }
      t:until_(function(picture) return picture:find "%S" ~= nil and not picture:find "loading" end, "a first frame")
      t:matches(name)
    end)
  end

  it("examples/dashboard.lua", function()
    t = terminal.open { "run", "examples/dashboard.lua", "--", "3600", "spec/examples/machine" }
    t:see "This machine"
    t:matches "dashboard"
  end)

  it("examples/posts.lua", function()
    local server = Server.start()
    finally(function() server:stop() end)
    t = terminal.open({ "run", "examples/posts.lua" }, { env = { "POSTS_URL=" .. server.base } })
    t:see "Posts (2)"
    t:matches "posts"
  end)

  it("each page of the gallery", function()
    t = terminal.open { "run", "examples/gallery.lua" }
    t:see "This is your first visit."
    t:see "saved"
    t:matches "gallery_welcome"
    for _, page in ipairs { { "Controls", "Wireless" }, { "Typing", "Secret" }, { "Lists", "Row 000001" }, { "Feedback", "Ask me" } } do
      t:press("Right", "Enter")
      t:see(page[2])
      t:see "saved"
      t:matches("gallery_" .. page[1]:lower())
    end
  end)
end)

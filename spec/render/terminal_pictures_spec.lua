-- The first screen of each example, and every page of the gallery, as kept in spec/pictures. HEARTH_PICTURES=write writes them anew: look
-- at the difference.

local terminal = require "spec.support.terminal"

describe("the picture of", function()
  local t
  after_each(function() t:close() end)

  for _, name in ipairs { "counter", "draft", "form", "notes", "settings", "shopping", "stopwatch", "theme_toggle", "todo", "two_panes" } do
    it("examples/" .. name .. ".lua", function()
      t = terminal.open { "run", "examples/" .. name .. ".lua" }
      t:until_(function(picture) return picture:find "%S" ~= nil and not picture:find "loading" end, "a first frame")
      t:matches(name)
    end)
  end

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

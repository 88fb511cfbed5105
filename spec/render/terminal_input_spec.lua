local random_from = require "spec.support.random"
local input = require "hearth.render.terminal.input"

-- Events as short words: "C-a", "S-left", "text:x", "paste:…", "press left 3,4".
local function word(event)
  if event.kind == "paste" then return "paste:" .. event.text end
  if event.kind == "mouse" then
    if event.action == "wheel" then return ("wheel %d %d,%d"):format(event.by, event.x, event.y) end
    return ("%s %s %d,%d"):format(event.action, event.button, event.x, event.y)
  end
  local modifiers = (event.ctrl and "C-" or "") .. (event.alt and "A-" or "") .. (event.shift and "S-" or "")
  return modifiers .. (event.text and "text:" .. event.text or event.key)
end

local function words(...)
  local reader, out = input.new(), {}
  for _, bytes in ipairs { ... } do
    for _, event in ipairs(reader:feed(bytes)) do out[#out + 1] = word(event) end
  end
  return table.concat(out, " | "), reader
end

describe("terminal input", function()
  it("reads characters of one and of several bytes", function()
    assert.equal("text:a | text:é | text:日 | text:🙂", (words "aé日🙂"))
  end)

  it("reads keys that have names", function()
    assert.equal("enter | tab | backspace | up | down | right | left | home | end | delete | page_up | page_down",
      (words "\r\t\127\27[A\27[B\27[C\27[D\27[H\27[F\27[3~\27[5~\27[6~"))
    assert.equal("f1 | f5 | f12 | f1 | up", (words "\27OP\27[15~\27[24~\27[[A\27OA"))
  end)

  it("reads modifiers", function()
    assert.equal("C-right | S-left | C-S-end | A-up | S-tab | C-a | A-x | C-_ | C-space",
      (words "\27[1;5C\27[1;2D\27[1;6F\27[1;3A\27[Z\1\27x\31\0"))
  end)

  it("reads the mouse", function()
    assert.equal("press left 3,4 | release left 3,4 | drag left 9,0 | wheel -1 0,0 | wheel 1 199,49 | press right 0,0",
      (words "\27[<0;4;5M\27[<0;4;5m\27[<32;10;1M\27[<64;1;1M\27[<65;200;50M\27[<2;1;1M"))
  end)

  it("takes a paste as one text, whatever is in it", function()
    assert.equal("paste:two\nlines \27 here", "paste:two\nlines \27 here")
    assert.equal("paste:a\nb | text:x", (words "\27[200~a\r\nb\27[201~x"))
    assert.equal("paste:[A", (words "\27[200~\27[A\27[201~")) -- no sequence in it is obeyed
  end)

  it("joins what was cut anywhere", function()
    local whole = "é\27[1;5C\27[200~hello\27[201~\27[<0;4;5M日x"
    local expected = words(whole)
    for cut = 1, #whole - 1 do
      assert.equal(expected, (words(whole:sub(1, cut), whole:sub(cut + 1))), "cut after byte " .. cut)
    end
    local bytes = {}
    for i = 1, #whole do bytes[i] = whole:sub(i, i) end
    assert.equal(expected, (words(table.unpack(bytes))))
  end)

  it("takes a lone ESC as the key when no more comes, and drops half a sequence", function()
    local out, reader = words "\27"
    assert.equal("", out)
    assert.is_true(reader:incomplete())
    assert.equal("escape", word(reader:flush()[1]))
    local _, half = words "\27[1;5"
    assert.is_true(half:incomplete())
    assert.same({}, half:flush())
    assert.equal("text:a", word(half:feed("a")[1]))
  end)

  it("shows the replacement sign for bytes that are not UTF-8, and goes on", function()
    assert.equal("text:a | text:\u{FFFD} | text:\u{FFFD} | text:b", (words "a\xFF\xC0b"))
    assert.equal("paste:a\u{FFFD}b", (words "\27[200~a\xFFb\27[201~"))
  end)

  it("steps over sequences that it does not know and over answers it did not ask for", function()
    assert.equal("text:x", (words "\27[?1;2c\27]10;rgb:0000/0000/0000\7\27P1$r\27\\\27[99;99zx"))
  end)

  it("hears how bright the terminal's background is", function()
    local function brightness(answer) return input.new():feed(answer)[1].brightness end
    assert.near(1, brightness "\27]11;rgb:ffff/ffff/ffff\27\\", 1e-9)
    assert.equal(0, brightness "\27]11;rgb:0000/0000/0000\a")
    assert.near(0.587, brightness "\27]11;rgb:00/ff/00\a", 0.001)
    assert.near(0.5, brightness "\27]11;rgba:8000/8000/8000/ffff\a", 0.001)
    assert.same({}, input.new():feed "\27]11;rgb:zz/00/00\a\27]11;rgb:11111/0/0\a\27]4;1;rgb:ff/ff/ff\a")
  end)

  it("survives any bytes", function()
    local random = random_from(7)
    local likely = { 27, 91, 60, 59, 48, 50, 77, 126, 0xC3, 0xFF, 79, 93 }
    for _ = 1, 300 do
      local parts, reader = {}, input.new()
      for i = 1, 40 do parts[i] = string.char(random(3) == 1 and random(256) - 1 or likely[random(#likely)]) end
      for i = 1, #parts, 7 do reader:feed(table.concat(parts, "", i, math.min(i + 6, #parts))) end
      reader:flush()
      reader:feed "\27[201~"
      reader:flush()
      local events = reader:feed "z"
      assert.equal("text:z", word(events[#events]))
    end
  end)
end)

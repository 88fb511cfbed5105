-- What goes in comes out: API 5.3, on the codec of the host.
local hearth = require "hearth"
local core = require "hearth.core.json"
local cjson = require "cjson"
local encode, decode = hearth.json.encode, hearth.json.decode

local function same(value)
  local back = decode(encode(value))
  assert(core.equal(value, back), "changed by " .. encode(value))
  return back
end

local function refused(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, err.code)
  assert.equal(code, tostring(err):match("^%u+"))
  return err
end

describe("numbers", function()
  it("keep all 64 bits of an integer", function()
    for _, n in ipairs{0, 1, -1, 9, 10, 99, 100, 101, 12345678901, 2^53 | 0, (2^53 | 0) + 1, math.maxinteger, math.mininteger} do
      local back = decode(encode(n))
      assert.equal(n, back)
      assert.equal("integer", math.type(back))
      assert.equal(("%d"):format(n), encode(n))
    end
  end)

  it("keep the subtype", function()
    assert.equal("3", encode(3))
    assert.equal("3.0", encode(3.0))
    assert.equal("integer", math.type(decode "3"))
    assert.equal("float", math.type(decode "3.0"))
    assert.equal("float", math.type(decode "1e5"))
    assert.equal("float", math.type(decode(encode(1e15))))
    assert.equal("float", math.type(decode(encode(1e300))))
  end)

  it("keep negative zero, which without a fraction is a float too", function()
    assert.equal("-0.0", encode(-0.0))
    for _, text in ipairs{"-0", "-0.0", "-0e3"} do
      assert.equal("float", math.type(decode(text)))
      assert.equal(-1 / 0, 1 / decode(text))
    end
  end)

  it("keep every double, by its shortest digits", function()
    for d, text in pairs{[0.1] = "0.1", [1 / 3] = "0.3333333333333333", [0.1 + 0.2] = "0.30000000000000004", [1e22] = "1e22",
      [5e-324] = "5e-324", [1.7976931348623157e308] = "1.7976931348623157e308", [2.2250738585072014e-308] = "2.2250738585072014e-308",
      [123456.5] = "123456.5", [1e20] = "100000000000000000000.0", [1e-5] = "0.00001", [1.5e-7] = "1.5e-7",
      [2.0^63] = "9223372036854776000.0",
      [2^-1074 * 3] = "1.5e-323", [9.5367431640625e-07] = "9.5367431640625e-7"} do
      assert.equal(text, encode(d))
      assert.equal(d, decode(text))
    end
    local seed = 7
    for _ = 1, 20000 do
      seed = seed * 6364136223846793005 + 1442695040888963407
      local d = string.unpack("<d", string.pack("<i8", seed ~ seed >> 29))
      if d == d and math.abs(d) ~= math.huge then
        local text = encode(d)
        assert.equal(d, decode(text))
        local shortest = tonumber(("%.15g"):format(d)) == d and 15 or tonumber(("%.16g"):format(d)) == d and 16 or 17
        local digits = text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
        assert(#digits <= shortest, text)
      end
    end
  end)

  it("are read to the nearest double, also with many digits", function()
    local seed = 99
    local function digits(n)
      local t = {}
      for i = 1, n do
        seed = seed * 6364136223846793005 + 1442695040888963407
        t[i] = (seed >> 33) % 10
      end
      return table.concat(t)
    end
    for i = 1, 3000 do
      local text = ("1%s.%se%d"):format(digits(i % 30), digits(1 + i % 40), i % 550 - 290)
      if math.abs(tonumber(text)) ~= math.huge then assert.equal(tonumber(text), decode(text)) end
    end
    -- Exactly between two doubles, and a little more, far behind.
    assert.equal(9007199254740992.0, decode "9007199254740993.0")
    assert.equal(9007199254740994.0, decode("9007199254740993." .. ("0"):rep(900) .. "1"))
    assert.equal(9007199254740994.0, decode("0." .. ("0"):rep(400) .. "9007199254740993" .. ("0"):rep(900) .. "1e416"))
    assert.equal(0.0, decode "1e-400")
    assert.equal(1.0, decode("0." .. ("0"):rep(2000) .. "1e2001"))
  end)

  it("become floats outside of 64 bits, and are corrupt outside of doubles", function()
    assert.equal(9223372036854775807, decode "9223372036854775807")
    assert.equal(math.mininteger, decode "-9223372036854775808")
    for text, d in pairs{["9223372036854775808"] = 2.0^63, ["-9223372036854775809"] = -2.0^63, ["18446744073709551616"] = 2.0^64,
      ["123456789012345678901234567890"] = 123456789012345678901234567890.0} do
      assert.equal("float", math.type(decode(text)))
      assert.equal(d, decode(text))
    end
    for _, text in ipairs{"1e309", "-1e309", "1e999999999999999999999", "2" .. ("0"):rep(308)} do refused("ECORRUPT", decode, text) end
  end)

  it("do not depend on the locale", function()
    local old = os.setlocale(nil)
    for _, name in ipairs{"de_DE.UTF-8", "fr_FR.UTF-8", "C"} do
      os.setlocale(name)
      local text, back = encode{1.5, 1e300}, decode("1234567890123456789012345.25e-3")
      os.setlocale(old)
      assert.equal("[1.5,1e300]", text)
      assert.equal(1234567890123456789012.34525, back)
    end
  end)
end)

describe("strings", function()
  it("of any bytes come back", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    same(table.concat(all))
    for length = 0, 40 do
      for at = 1, length do
        for _, c in ipairs{"\0", "\"", "\\", "\n", "\31", "\127", "\200", " "} do
          same(("x"):rep(at - 1) .. c .. ("y"):rep(length - at))
        end
      end
    end
  end)

  it("stay readable", function()
    assert.equal([["é€😀 / \" \\ \b\f\n\r\t \u0000\u001f"]], encode("é€😀 / \" \\ \b\f\n\r\t \0\31"))
    assert.equal("\"\255\192\128\"", encode "\255\192\128")
    assert.equal("a\255", decode "\"a\255\"")
  end)

  it("have escapes resolved, and halves of surrogate pairs refused", function()
    assert.equal("\"\\/\b\f\n\r\tA\0é€😀", decode [["\"\\\/\b\f\n\r\t\u0041\u0000\u00e9\u20AC\ud83d\uDE00"]])
    for _, text in ipairs{[["\ud83d"]], [["\ude00"]], [["\ud83dx"]], [["\ud83d\u0041"]], [["\ud83d\ud83d"]], [["\ud83d\n"]]} do
      refused("ECORRUPT", decode, text)
    end
  end)
end)

describe("tables", function()
  it("are arrays with the keys 1 to n, else objects", function()
    assert.equal("{}", encode{})
    assert.equal("[]", encode(hearth.array{}))
    assert.equal("[1,[],{}]", encode{1, hearth.array(), {}})
    assert.equal('{"1":true}', encode{["1"] = true})
    local backwards = {}
    for i = 50, 1, -1 do backwards[i] = i end
    assert.same(backwards, same(backwards))
  end)

  it("remember that they were an array", function()
    for _, text in ipairs{"[]", "{}", '{"a":[],"b":{}}', "[[],[[]],{}]"} do assert.equal(text, encode(decode(text))) end
    local list = decode "[1,2]"
    list[1], list[2] = nil, nil
    assert.equal("[]", encode(list))
  end)

  it("have their keys in byte order, whatever the order in which they came", function()
    local names = {}
    for i = 1, 300 do names[i] = ("k"):rep(i % 12) .. i .. "\200" end
    local a, b = {}, {}
    for i = 1, #names do a[names[i]] = i end
    for i = #names, 1, -1 do b[names[i]] = i end
    b.gone = 1
    b.gone = nil
    assert.equal(encode(a), encode(b))
    table.sort(names)
    local at = 0
    for key in encode(a):gmatch('"(k*%d+\200)":') do
      at = at + 1
      assert.equal(names[at], key)
    end
    assert.equal(#names, at)
    assert.equal('{"":1,"A":2,"a":3,"aa":4,"aaaaaaaa":5,"aaaaaaaab":6,"b":7,"\200":8}',
      encode{["\200"] = 8, b = 7, aaaaaaaab = 6, aaaaaaaa = 5, aa = 4, a = 3, A = 2, [""] = 1})
    assert.equal('{"abcd":1,"abcd\\u0000":2,"abcde":3,"abcdefg":4}', encode{abcdefg = 4, abcde = 3, ["abcd\0"] = 2, abcd = 1})
  end)

  it("hold nulls, false and what is empty", function()
    local value = {hearth.null, false, 0, "", {}, hearth.array{}, {[""] = hearth.null}}
    same(value)
    assert.equal(cjson.null, hearth.null)
    assert.equal("null", encode(hearth.null))
    assert.equal(hearth.null, decode "null")
  end)

  it("are raw: metatables play no part", function()
    local proxy = setmetatable({a = 1}, {__index = {b = 2}, __pairs = function() error "called" end, __len = function() return 9 end})
    assert.equal('{"a":1}', encode(proxy))
  end)

  it("may have very many members that are tables", function()
    local t = {}
    for i = 1, 210000 do t["k" .. i] = {} end
    local back = decode(encode(t))
    local n = 0
    for key, value in pairs(back) do
      n = n + 1
      assert(t[key] and next(value) == nil)
    end
    assert.equal(210000, n)
  end)

  it("of equal keys take the last", function()
    assert.same({a = 3, b = 2}, decode '{"a":1,"b":2,"a":3}')
  end)
end)

describe("what cannot be written", function()
  local cases = {
    {"$.users[3].on_click", "function", {users = {{}, {}, {on_click = print}}}},
    {'$["a b"]', "NaN", {["a b"] = 0 / 0}},
    {'$["1"].x_1', "infinity", {["1"] = {x_1 = 1 / 0}}},
    {'$["\\u0000\\n"]', "userdata", {["\0\n"] = io.stdout}},
    {"$[2]", "thread", {1, coroutine.create(print)}},
    {"$", "nil", nil},
    {"$", "infinity", -1 / 0},
    {"$.list", "sparse", {list = {1, nil, 3}}},
    {"$.list", "sparse", {list = {[0] = 1, 2}}},
    {"$.list", "sparse", {list = {[5] = 1}}},
    {"$.list", "mixed", {list = {1, x = 2}}},
    {"$.list", "keys", {list = {[1.5] = 1}}},
    {"$.list", "keys", {list = {[true] = 1}}},
    {"$.tags", "Set", {tags = hearth.Set{}}},
    {"$.list", "array", {list = hearth.array{x = 1}}},
    {"$.p", "userdata", {p = io.stderr}},
  }
  for i, case in ipairs(cases) do
    it("is EINVAL and named: " .. i .. " " .. case[1] .. " " .. case[2], function()
      local err = refused("EINVAL", encode, case[3])
      assert.equal(case[1], err.path)
      assert.truthy(err.message:find(case[1] .. ": ", 1, true))
      assert.truthy(err.message:find(case[2], 1, true))
    end)
  end

  it("is a cycle, but not a table that is there twice", function()
    local t = {}
    t.me = {t}
    assert.equal("$.me[1]", refused("EINVAL", encode, t).path)
    local shared = {1}
    assert.equal("[[1],[1]]", encode{shared, shared})
  end)

  it("is deeper than 1,000 levels, which is the bound of reading too", function()
    local text = ("["):rep(1000) .. ("]"):rep(1000)
    assert.equal(text, encode(decode(text)))
    local objects = ('{"a":'):rep(1000) .. "1" .. ("}"):rep(1000)
    assert.equal(objects, encode(decode(objects)))
    refused("ECORRUPT", decode, "[" .. text .. "]")
    refused("EINVAL", encode, {decode(text)})
    refused("EINVAL", encode, {decode(objects)})
  end)

  it("keeps a message of bearable length", function()
    local t = {print}
    for _ = 1, 900 do t = {long_name = t} end
    local err = refused("EINVAL", encode, t)
    assert.equal("$" .. (".long_name"):rep(900) .. "[1]", err.path)
    assert.truthy(#err.message < 400)
  end)
end)

describe("text that is not JSON", function()
  it("is ECORRUPT with the position", function()
    for text, position in pairs{
      [""] = 1, ["[1,]"] = 4, ["[1 2]"] = 4, ["nul"] = 1, ['{"a" 1}'] = 6, ["01"] = 2, ["1."] = 3, ["\"a"] = 3,
      ["[1]x"] = 4,
      ['["\\x"]'] = 3, ["\"a\nb\""] = 3, ["  }"] = 3, ["NaN"] = 1, ["0x10"] = 2, ["+1"] = 1, ["'a'"] = 1, ["[1] // no"] = 5,
      ["\239\187\1911"] = 1} do
      local err = refused("ECORRUPT", decode, text)
      assert.equal(position, err.position, text)
      assert.truthy(err.message:find("byte " .. position, 1, true))
    end
  end)

  it("is EINVAL when it is no text at all", function()
    for _, value in ipairs{5, true, {}} do refused("EINVAL", decode, value) end
    refused("EINVAL", decode)
  end)
end)

describe("lua-cjson", function()
  it("writes what we read, and reads what we write", function()
    local value = {name = "né \"x\"\n", list = {1, 2, 3}, deep = {{a = {true, false}}}, n = 1.5, null = cjson.null, empty = {}}
    assert.same(value, decode(cjson.encode(value)))
    assert.same(value, cjson.decode(encode(value)))
  end)
end)

describe("large texts", function()
  it("come back as small ones do", function()
    local list = {}
    for i = 1, 20000 do list[i] = {id = i, name = "user \"" .. i .. "\"", score = i / 8, tags = {"a\n", i % 2 == 0}, none = hearth.null} end
    same(list)
    local text = ("x"):rep(3000000)
    assert.equal(text, decode(encode(text)))
    refused("ECORRUPT", decode, encode(list) .. "]")
  end)
end)

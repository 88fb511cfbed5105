-- One test for each trap of lua-cjson and of printing numbers, named after it. What the codec promises in full is spec/json.
local hearth = require "hearth"
local json = hearth.json

describe("trap:", function()
  it("every number decodes as a float: integers stay integers", function()
    local t = json.decode '[3, 3.0, -7, 9223372036854775807]'
    assert.are.same({ "integer", "float", "integer", "integer" }, { math.type(t[1]), math.type(t[2]), math.type(t[3]), math.type(t[4]) })
    assert.are.equal("key:3", "key:" .. t[1])
  end)

  it("numbers have at most 14 digits: each comes back exactly", function()
    for _, n in ipairs { 100000000000001, 1700000000123456, 1 / 3, 0.1 + 0.2, math.pi, 2.0 ^ 53 + 1,
      math.mininteger, 5e-324, 1.7976931348623157e308 } do
      local back = json.decode(json.encode { n })[1]
      assert.are.equal(n, back)
      assert.are.equal(math.type(n), math.type(back))
    end
  end)

  it("[] comes back as {}: an empty array stays one", function()
    assert.are.equal("[]", json.encode(json.decode "[]"))
    assert.are.equal("{}", json.encode(json.decode "{}"))
  end)

  it("a sparse array raises or comes back with string keys: it is refused, with its path", function()
    local ok, err = pcall(json.encode, { deep = { [1001] = "x" } })
    assert.are.same({ false, "EINVAL" }, { ok, err.code })
    assert.matches("$.deep", err.path, 1, true)
  end)

  it("null is truthy: it is hearth.null and no other value", function()
    assert.are.equal(hearth.null, json.decode "[null]"[1])
    assert.are.equal("[null]", json.encode { hearth.null })
    assert.are.equal(require "cjson".null, hearth.null)
  end)

  it("NaN and 0x10 are accepted on input: they are ECORRUPT", function()
    for _, text in ipairs { "NaN", "[0x10]", "[Infinity]", "[01]", "[1.]", "[+1]" } do
      local ok, err = pcall(json.decode, text)
      assert.are.same({ false, "ECORRUPT" }, { ok, err.code }, text)
    end
  end)

  it("configuration is global to the state: what a script does to cjson does nothing to ours", function()
    local cjson = require "cjson"
    local precision, invalid = cjson.encode_number_precision(), cjson.decode_invalid_numbers()
    cjson.encode_number_precision(3)
    cjson.decode_invalid_numbers(true)
    assert.are.equal("[3.14159]", json.encode { 3.14159 })
    assert.is_false(pcall(json.decode, "[NaN]"))
    cjson.encode_number_precision(precision)
    cjson.decode_invalid_numbers(invalid)
  end)

  it("the depth limit is 1,000", function()
    assert.is_true(pcall(json.decode, ("["):rep(1000) .. ("]"):rep(1000)))
    assert.are.equal("ECORRUPT", select(2, pcall(json.decode, ("["):rep(1001) .. ("]"):rep(1001))).code)
  end)
end)

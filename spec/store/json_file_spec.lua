-- The JSON file engine: one readable file, replaced whole; a valid hand edit is taken, a corrupt file is never overwritten.
local hearth = require "hearth"
local files = require "spec.support.files"

local read, write = files.read, files.write

local function open(path, options)
  options = options or {}
  options.url = "json:" .. path
  return hearth.storage.open(options)
end

describe("a JSON file store", function()
  local path
  before_each(function() path = files.temporary ".json" end)
  after_each(function()
    os.remove(path)
    os.remove(path .. "-gate")
    local list = io.popen("ls -d '" .. path .. "'.damaged-* 2>/dev/null")
    for name in list:lines() do os.remove(name) end
    list:close()
  end)

  it("shows JSON values as they are, strings of any bytes in a form of their own, and is exact", function()
    local store = open(path)
    local values = { text = "hello\n\"world\" \\ é", bytes = "\0\1\255\254x", looks = '{"$text": 1}', empty = "", long = ("x"):rep(100000) }
    for key, value in pairs(values) do store:set(key, value) end
    store:set_json("theme", "dark")
    store:set_json("deep", { list = hearth.array {}, object = {}, float = 1.0, integer = math.mininteger, null = hearth.null })
    store:set_json("dollar", { ["$text"] = "a user's own" })
    store:set("not.json", "{broken")
    store:set("key\0with\255bytes", "v")
    assert.is_truthy(read(path):find('"theme": "dark"', 1, true))
    store:close()
    store = open(path)
    for key, value in pairs(values) do assert.are.equal(value, store:get(key)) end
    assert.are.equal("dark", store:get_json "theme")
    local deep = store:get_json "deep"
    assert.are.equal("float", math.type(deep.float))
    assert.are.equal(math.mininteger, deep.integer)
    assert.are.equal("[]", hearth.json.encode(deep.list))
    assert.are.equal(hearth.null, deep.null)
    assert.are.same({ ["$text"] = "a user's own" }, store:get_json "dollar")
    assert.are.equal("{broken", store:get "not.json")
    assert.are.equal("v", store:get "key\0with\255bytes")
    store:close()
  end)

  it("keeps revisions and times over a reopen, and they go on growing", function()
    local store = open(path)
    store:set("k", "1")
    store:delete "k"
    store:set("k", "2", { ttl = 1000 })
    local before = store:info "k"
    store:close()
    store = open(path)
    assert.are.same(before, store:info "k")
    store:set("k", "3")
    assert.is_true(store:info("k").revision > before.revision)
    store:close()
  end)

  it("of a key that a hand wrote twice takes the last", function()
    write(path, '{"hearth": {"format": 1, "commit": 1}, "data": {"default": {"k": {"$text": "first"}, "o": 1, "k": {"$text": "last"}}}}')
    local store <close> = open(path)
    assert.same({ "last", "1" }, { store:get "k", store:get "o" })
    assert.equal(2, store:usage().keys)
  end)

  it("takes a valid hand edit while it is open: a changed, a new and a removed value, with a new revision", function()
    local store = open(path)
    store:set_json("theme", "dark")
    store:set_json("gone", 1)
    store:set_json("same", 2)
    local old, same = store:info "theme", store:info "same"
    local text = read(path):gsub('"theme": "dark"', '"theme": "light", "new": [1, 2]', 1):gsub('"gone": 1,%s*', "", 1)
    write(path, text)
    assert.are.equal("light", store:get_json "theme")
    assert.are.same({ 1, 2 }, store:get_json "new")
    assert.is_nil(store:get "gone")
    assert.is_true(store:info("theme").revision > old.revision)
    assert.are.equal(same.revision, store:info("same").revision)
    store:set_json("after", true)
    assert.are.equal("light", store:get_json "theme")
    store:close()
  end)

  it("never overwrites a file that it cannot read: what was read stays readable, a write says where the trouble is", function()
    local store = open(path)
    store:set("k", "v")
    local good = read(path)
    write(path, good:sub(1, -20))
    assert.are.equal("v", store:get "k")
    local ok, err = pcall(store.set, store, "k", "w")
    assert.is_false(ok)
    assert.are.equal("ECORRUPT", err.code)
    assert.is_truthy(err.message:find(path .. ":%d+: ") )
    assert.are.equal(good:sub(1, -20), read(path))
    write(path, good)
    store:set("k", "w")
    assert.are.equal("w", store:get "k")
    store:close()
  end)

  it("refuses a damaged file where it stands, or sets it aside when asked to", function()
    local store = open(path)
    store:set("k", "v")
    store:close()
    local broken = read(path):sub(1, -10)
    write(path, broken)
    local ok, err = pcall(open, path)
    assert.is_false(ok)
    assert.are.equal("ECORRUPT", err.code)
    assert.are.equal(broken, read(path))
    store = open(path, { on_damage = "set_aside" })
    assert.is_nil(store:get "k")
    store:close()
    local list = io.popen("ls -d '" .. path .. "'.damaged-*")
    local name = list:read "l"
    list:close()
    assert.are.equal(broken, read(name))
  end)

  it("refuses a foreign file and a newer format, and leaves both in place", function()
    local refused = { ['{"name": "somebody else"}'] = "ECORRUPT", ['{"hearth": {"format": 99}}'] = "ENEWER", ["[1]"] = "ECORRUPT" }
    for text, code in pairs(refused) do
      write(path, text)
      for _, on_damage in ipairs { "refuse", "set_aside" } do
        local ok, err = pcall(open, path, { on_damage = on_damage })
        assert.is_false(ok)
        assert.are.equal(code, err.code)
        assert.are.equal(text, read(path))
      end
    end
  end)

  it("keeps a damaged record and its bytes apart from a hand edit of it", function()
    local store = open(path)
    store:set("k", "v")
    local raw = require("hearth.core.store").open("json:" .. path, {})
    raw:put_raw("default", "k", "rubbish")
    assert.are.equal("ECORRUPT", select(2, pcall(store.get, store, "k")).code)
    store:set("k", "mended")
    raw:close()
    store:close()
    store = open(path)
    assert.are.equal("mended", store:get "k")
    local kept = store:quarantine()
    assert.are.equal("rubbish", kept[1].bytes)
    store:close()
  end)

  it("is private: the file is 0600", function()
    local store = open(path)
    store:set("k", "v")
    store:close()
    local list = io.popen("stat -c %a '" .. path .. "'")
    assert.are.equal("600", list:read "l")
    list:close()
  end)
end)

-- What an app meets when its disk, its folder or its file is not as it should be: each trouble has its code and a message that names the path, what
-- was acknowledged stays readable, nothing of anybody's is overwritten, and when the trouble is gone work goes on. On both engines that keep a file.
local hearth = require "hearth"
local files = require "spec.support.files"
local support = require "spec.storage.support"

local program = require "spec.support.program".binary()
local put, contents = files.write, files.read

local id <close> = assert(io.popen "id -u")
local is_root = id:read "l" == "0"

-- Root is let through everywhere by two capabilities; without them it is a user like any other.
local as_user = is_root and "setpriv --bounding-set=-dac_override,-dac_read_search " or ""

local function names(folder)
  local list <close> = assert(io.popen("ls -A '" .. folder .. "'"))
  local all = {}
  for name in list:lines() do all[#all + 1] = name end
  return table.concat(all, " ")
end

for _, scheme in ipairs { "file:", "json:" } do
  describe("trouble with a store, " .. scheme, function()
    local folder, path, url

    before_each(function()
      folder = support.folder()
      path = folder .. "/a"
      url = scheme .. path
    end)
    after_each(function()
      os.execute("chmod -R u+rwx '" .. folder .. "'")
      support.clean()
    end)

    local function open(options)
      options = options or {}
      options.url = url
      return hearth.storage.open(options)
    end

    local function stored()
      local store <close> = open()
      store:set_many { a = "1", b = "2" }
    end

    -- Another process, begun by `before`, runs `chunk` with `h` and `url`; gives what it printed.
    local function elsewhere(before, chunk)
      put(folder .. "-script", ("local h, url = require 'hearth', %q\n%s"):format(url, chunk))
      local p <close> = assert(io.popen(("%s %s %s-script 2>&1"):format(before, program, folder)))
      local out = p:read "a"
      os.remove(folder .. "-script")
      return out
    end

    -- The error of fn names the path, and has one of the codes.
    local function refused(code, fn, ...)
      local err = support.err(fn, ...)
      assert.equal(code, err.code, tostring(err))
      assert.is_truthy(err.message:find(path, 1, true), err.message)
      return err
    end

    it("refuses a foreign file and leaves nothing beside it", function()
      for _, bytes in ipairs { "dear diary\n", ("\0\1\2\3"):rep(5000), "x" } do
        put(path, bytes)
        for _, on_damage in ipairs { "refuse", "set_aside" } do
          refused("ECORRUPT", open, { on_damage = on_damage })
          refused("ECORRUPT", open, { read_only = true })
        end
        assert.equal(bytes, contents(path))
        assert.equal("a", names(folder))
      end
    end)

    it("refuses a file that was cut off, and leaves it and its folder as they are", function()
      stored()
      os.execute("rm -f " .. path .. "-wal " .. path .. "-shm " .. path .. "-gate")
      local whole = contents(path)
      put(path, whole:sub(1, #whole // 2))
      refused("ECORRUPT", open)
      assert.equal(whole:sub(1, #whole // 2), contents(path))
      assert.equal("a", names(folder))
      put(path, whole)
    end)

    it("a file in the place of a folder, and a folder in the place of the file", function()
      put(folder .. "/plain", "text")
      url, path = scheme .. folder .. "/plain/a", folder .. "/plain"
      refused("EINVAL", open)
      assert.equal("text", contents(folder .. "/plain"))
      url, path = scheme .. folder, folder
      refused("EINVAL", open)
    end)

    it("a pipe, which to open would wait for ever, a device, and links in a circle: EINVAL, and nothing is made beside them", function()
      assert(os.execute(("mkfifo %s && ln -s %s %s-link"):format(path, path, path)))
      refused("EINVAL", open)
      refused("EINVAL", open, { read_only = true })
      url = url .. "-link"
      refused("EINVAL", open)
      assert(os.execute(("rm %s %s-link && ln -s a-b %s && ln -s a %s-b"):format(path, path, path, path)))
      url = scheme .. path
      refused("EINVAL", open)
      assert.equal("a a-b", names(folder))
      url, path = scheme .. "/dev/null", "/dev/null"
      refused("EINVAL", open)
    end)

    it("a link to a file that is not there yet: the store is made there, and the link stays", function()
      assert(os.execute(("ln -s real/b %s"):format(path)))
      assert.equal("ENOKEY", support.err(open, { read_only = true }).code)
      assert.equal("a", names(folder))
      stored()
      assert(os.execute(("[ -L %s ] && [ -f %s/real/b ]"):format(path, folder)))
      assert.matches("^a real$", names(folder))
      url = scheme .. folder .. "/real/b" -- one store by both names
      local by_name, by_link = open(), hearth.storage.open { url = scheme .. path }
      by_name:set("a", "2")
      assert.equal("2", by_link:get "a")
      by_name:close()
      by_link:close()
    end)

    it("makes the folders that are missing, for their owner alone", function()
      url = scheme .. folder .. "/x/y/z/a"
      stored()
      local p <close> = assert(io.popen(("stat -c %%a %s/x %s/x/y/z %s/x/y/z/a"):format(folder, folder, folder)))
      assert.equal("700\n700\n600\n", p:read "a")
    end)

    it("a read-only store that is not there is ENOKEY, and nothing is made", function()
      refused("ENOKEY", open, { read_only = true })
      assert.equal("", names(folder))
    end)

    it("reads a live store that was opened read-only, and refuses to write", function()
      local writer = open()
      writer:set("a", "1")
      local said = elsewhere("", [[
        local s = h.storage.open { url = url, read_only = true }
        print(s:get "a", #s:all_keys(), s:usage().keys)
        for _, verb in ipairs { "set", "delete" } do print(select(2, pcall(s[verb], s, "a", verb == "set" and "2" or nil)).code) end
        print(select(2, pcall(s.clear, s)).code)
        s:close()]])
      assert.equal("1\t1\t1\nEROFS\nEROFS\nEROFS\n", said)
      assert.equal("1", writer:get "a")
      writer:close()
    end)

    it("a file, and a folder, that may not be read or written: EACCES", function()
      stored()
      local chunk = [[
        local ok, s = pcall(h.storage.open, { url = url })
        print(ok and "opened" or s.code, not ok and s.message:find(url:match ":(.*)", 1, true) and "named")]]
      os.execute("chmod 000 " .. path)
      assert.equal("EACCES\tnamed\n", elsewhere(as_user, chunk))
      os.execute("chmod 600 " .. path)
      assert.equal("opened\tnil\n", elsewhere(as_user, chunk):gsub("false", "nil"), nil)
      os.execute("rm -f " .. path .. "*")
      os.execute("chmod 500 " .. folder)
      assert.equal("EACCES\tnamed\n", elsewhere(as_user, chunk))
      url = scheme .. path .. "/deeper/b"
      assert.equal("EACCES\tnil\n", elsewhere(as_user, chunk)) -- it names the folder that cannot be made
      url = scheme .. path
      os.execute("chmod 000 " .. folder)
      assert.equal("EACCES\tnamed\n", elsewhere(as_user, chunk))
      os.execute("chmod 700 " .. folder)
      assert.equal("", names(folder))
    end)

    it("a folder that may be read but not written still shows its store to those who only read", function()
      stored()
      local copy = folder .. "/copy"
      local store <close> = open()
      hearth.storage.raw(store):backup(copy)
      os.execute("rm -f " .. path .. "-gate")
      os.execute("chmod 500 " .. folder)
      local chunk = [[print(h.storage.open { url = url, read_only = true }:get "a")]]
      assert.equal("1\n", elsewhere(as_user, chunk))
      url = scheme .. copy
      assert.equal("1\n", elsewhere(as_user, chunk))
    end)

    it("no room for the first byte: ENOSPC, and nothing is left", function()
      -- ThreadSanitizer begins with a temporary file; without a place for one it does without.
      local said = elsewhere("ulimit -f 0; exec env --default-signal=XFSZ TMPDIR=/dev/null", [[
        local ok, err = pcall(h.storage.open, { url = url })
        print(ok and "opened" or err.code, tostring(err):find(url:match ":(.*)", 1, true) and "named")]])
      assert.equal("ENOSPC\tnamed\n", said)
      assert.equal("", names(folder))
    end)

    -- The limit of a file's size is met as a full disk is.
    it("a full disk: ENOSPC, what was stored stays, and when there is room again work goes on", function()
      local said = elsewhere("ulimit -f 1000; exec env --default-signal=XFSZ", [[
        local s = h.storage.open { url = url }
        s:set("k", "1")
        local good = 0
        for i = 1, 40 do
          local ok, err = pcall(s.set, s, "big" .. i, ("x"):rep(100000))
          if not ok then print(err.code, err.key, err.message:find(url:match ":(.*)", 1, true) and "named") break end
          good = i
        end
        print(good > 0, s:get "k", #s:get("big" .. good), s:get("big" .. good + 1))
        s:set("k", "2")
        s:delete "big1"
        s:close()
        s = h.storage.open { url = url }
        print(s:get "k", #s:all_keys() == good, #s:get("big" .. good))]])
      assert.matches("^ENOSPC\tbig%d+\tnamed\ntrue\t1\t100000\tnil\n2\ttrue\t100000\n$", said)
      local store = open()
      assert.equal("2", store:get "k")
      store:set("big", ("y"):rep(1000000))
      assert.equal(1000000, #store:get "big")
      store:close()
    end)
  end)
end

describe("an open store whose file goes", function()
  local folder, path, store
  before_each(function()
    folder = support.folder()
    path = folder .. "/x/a"
    store = hearth.storage.open { url = "file:" .. path }
    store:set("k", "1")
  end)
  after_each(function()
    store:close()
    support.clean()
  end)

  local function goes(command)
    os.execute(command:gsub("PATH", path):gsub("FOLDER", folder .. "/x"), nil)
    local err = support.err(store.set, store, "k", "2")
    assert.equal("EIO", err.code)
    assert.is_truthy(err.message:find(path, 1, true))
    assert.equal("1", store:get "k")
  end

  it("refuses writes when the file was removed: they would be lost", function() goes "rm PATH" end)
  it("refuses writes when its folder was removed", function() goes "rm -rf FOLDER" end)
  it("refuses writes when the file was moved away", function() goes "mv PATH PATH.old" end)

  it("refuses writes when another file has its place, which stays as it is", function()
    goes "rm PATH && echo theirs > PATH"
    assert.equal("theirs\n", contents(path))
  end)

  it("works on when the file is back", function()
    goes "mv PATH PATH.old"
    os.execute(("mv %s.old %s"):format(path, path))
    store:set("k", "3")
    assert.equal("3", store:get "k")
  end)

  it("is made anew by the next who opens it", function()
    goes "rm -rf FOLDER"
    local again = hearth.storage.open { url = "file:" .. path, namespace = "other" }
    again:close()
    store:close()
    store = hearth.storage.open { url = "file:" .. path }
    assert.is_nil(store:get "k")
    store:set("k", "new")
    assert.equal("new", store:get "k")
  end)
end)

-- Every bit may be turned over, every byte may be the last: it is refused, or what it says of keys that were not touched is right.
describe("a damaged JSON file", function()
  local folder, path
  before_each(function()
    folder = support.folder()
    path = folder .. "/a.json"
  end)
  after_each(support.clean)

  local values = { alpha = "the first value", beta = ("b"):rep(40), gamma = "\0\255 bytes" }
  local function make()
    local store <close> = hearth.storage.open { url = "json:" .. path }
    store:set_many(values)
    store:set_json("delta", { 1, 2.5, { x = true } })
  end

  local function look(bytes)
    put(path, bytes)
    local ok, store = pcall(hearth.storage.open, { url = "json:" .. path })
    if not ok then
      assert.is_true(store.code == "ECORRUPT" or store.code == "ENEWER", tostring(store))
      assert.is_truthy(store.message:find(path, 1, true))
      assert.equal(bytes, contents(path))
      return "refused"
    end
    local wrong = 0
    for key, value in pairs(values) do
      local read, got = pcall(store.get, store, key)
      if not read then
        assert.equal("ECORRUPT", got.code)
      elseif got ~= nil and got ~= value then
        wrong = wrong + 1
      end
    end
    assert.is_true(wrong <= 1) -- the one that was touched: a change by hand, as far as anybody can tell
    store:close()
    return "opened"
  end

  it("cut off anywhere, is refused", function()
    make()
    local whole = contents(path)
    local text = whole:gsub("%s+$", "")
    for size = 1, #text - 1, 7 do assert.equal("refused", look(whole:sub(1, size))) end
  end)

  it("with any bit turned over, is refused or right about all other keys", function()
    make()
    local whole, seen = contents(path), {}
    math.randomseed(20240229)
    for _ = 1, 250 do
      local at, bit = math.random(#whole), math.random(0, 7)
      local spoilt = whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ (1 << bit)) .. whole:sub(at + 1)
      seen[look(spoilt)] = true
    end
    assert.same({ opened = true, refused = true }, seen)
  end)
end)

-- hearth.storage.open: handles, options, and their end.

local hearth = require "hearth"
local support = require "spec.storage.support"
local uv = require "luv"

local err = support.err

describe("hearth.storage.open", function()
  after_each(support.clean)

  for _, engine in ipairs(support.engines) do
    describe("on " .. engine.name, function()
      local url
      before_each(function() url = engine.url() end)

      it("shares data between two opens of one URL", function()
        local a, b = hearth.storage.open { url = url }, hearth.storage.open { url = url }
        a:set("k", "1")
        assert.equal("1", b:get "k")
        a:close()
        b:set("k", "2")
        assert.equal("2", b:get "k")
        b:close()
      end)

      it("waits for accepted writes in close, which may be repeated", function()
        local a, b = hearth.storage.open { url = url }, hearth.storage.open { url = url }
        local write = hearth.run_async(a.set, a, "k", "1")
        hearth.run_async(a.close, a):await()
        write:await()
        assert.equal("1", b:get "k")
        a:close()
        b:close()
      end)

      it("raises ECLOSED for every verb after close", function()
        local a = hearth.storage.open { url = url }
        a:close()
        for _, method in ipairs { "get", "set", "get_json", "keys", "all_keys", "clear", "usage", "flush", "contains_key" } do
          local e = err(a[method], a, method:find "^[gsc]et" and "k" or method == "contains_key" and "k" or nil, "v")
          assert.equal("ECLOSED", e.code)
          assert.equal("store:" .. method, e.op)
        end
        assert.equal("ECLOSED", err(a.watch, a, "k", print).code)
        assert.equal("ECLOSED", err(a.batch, a, print).code)
      end)

      it("keeps to a quota of keys and values", function()
        local a = hearth.storage.open { url = url, quota = 20 }
        a:set("k", "123456789") -- 10
        assert.equal(20, a:usage().quota)
        local e = err(a.set, a, "l", "1234567890")
        assert.equal("EQUOTA", e.code)
        assert.is_nil(a:get "l")
        a:set("l", "123456789")
        assert.equal("EQUOTA", err(a.set_many, a, { m = "", k = "123456789" }).code)
        a:set("k", "1")
        a:set("m", "1")
        assert.equal(14, a:usage().bytes)
        a:close()
      end)

      it("refuses writes when it is read-only", function()
        local a = hearth.storage.open { url = url }
        a:set("k", "1")
        local b = hearth.storage.open { url = url, read_only = true }
        assert.equal("1", b:get "k")
        assert.same({ "k" }, b:all_keys())
        for method, args in pairs {
          set = { "k", "2" }, delete = { "k" }, clear = {}, set_many = { { k = "2" } }, increment = { "k" }, set_json = { "k", 1 },
        } do
          assert.equal("EROFS", err(b[method], b, table.unpack(args)).code, method)
        end
        assert.equal("1", a:get "k")
        a:close()
        b:close()
      end)

      it("separates namespaces", function()
        local a = hearth.storage.open { url = url, namespace = "a" }
        local ab = hearth.storage.open { url = url, namespace = "a.b" }
        a:set("b.k", "1")
        ab:set("k", "2")
        assert.same({ "b.k" }, a:all_keys())
        assert.same({ "k" }, ab:all_keys())
        a:clear()
        assert.equal("2", ab:get "k")
        a:close()
        ab:close()
      end)
    end)
  end

  it("gives each memory: a store of its own, and shares memory:NAME", function()
    local a, b = hearth.storage.open { url = "memory:" }, hearth.storage.open { url = "memory:" }
    a:set("k", "1")
    assert.is_nil(b:get "k")
    a:close()
    b:close()
  end)

  it("creates the file and its folders for the user alone", function()
    local folder = support.folder()
    local a = hearth.storage.open { url = folder .. "/x/y/z.sqlite3" }
    a:set("k", "1")
    a:close()
    local pipe = assert(io.popen("stat -c %a '" .. folder .. "/x' '" .. folder .. "/x/y' '" .. folder .. "/x/y/z.sqlite3'"))
    assert.equal("700\n700\n600\n", pipe:read "a")
    pipe:close()
  end)

  it("keeps what was written after it is closed and opened again", function()
    local url = support.folder() .. "/z.sqlite3"
    local a = hearth.storage.open { url = url }
    a:set("k", "1")
    local revision = a:info "k".revision
    a:close()
    a = hearth.storage.open { url = url }
    assert.equal("1", a:get "k")
    assert.equal(revision, a:info "k".revision)
    a:close()
  end)

  local function log_bytes(path) return assert(uv.fs_stat(path .. "-wal")).size end

  it("lengthens the file of its log in steps, not with each commit, and uses it again after some hundred", function()
    local path = support.folder() .. "/z.sqlite3"
    local a = hearth.storage.open { url = path }
    local lengths, last = 0, 0
    for i = 1, 1200 do
      a:set("k" .. i % 100, "value " .. i)
      local length = log_bytes(path)
      if length ~= last then lengths, last = lengths + 1, length end
      assert.is_true(length < 8 << 20)
    end
    assert.is_true(lengths < 40, lengths)
    a:close()
  end)

  it("leaves no long log behind when it is closed, also where somebody has it open", function()
    local path = support.folder() .. "/z.sqlite3"
    local a = hearth.storage.open { url = path }
    for i = 1, 4 do a:set("k" .. i, ("x"):rep(1 << 20)) end
    assert.is_true(log_bytes(path) > 4 << 20)
    a:close()
    assert.is_true(log_bytes(path) <= 1 << 20)
    a = hearth.storage.open { url = path }
    local program = require "spec.support.program"
    for i = 5, 8 do a:set("k" .. i, ("y"):rep(1 << 20)) end
    local out = program.run { "-e", ([[
      local s = require "hearth".storage.open { url = %q }
      for i = 9, 12 do s:set("k" .. i, ("z"):rep(1 << 20)) end
      s:close()
      io.write "written"]]):format(path) }
    assert.equal("written", out)
    for i, c in ipairs { "x", "x", "x", "x", "y", "y", "y", "y", "z", "z", "z", "z" } do
      assert.equal(c, a:get("k" .. i):sub(-1))
    end
    a:set("after", "1")
    a:close()
    a = hearth.storage.open { url = path }
    assert.equal("1", a:get "after")
    assert.equal("z", a:get("k12"):sub(1, 1))
    a:close()
  end)

  it("names the verb and the key once in an error from below", function()
    local a = hearth.storage.open { url = "memory:" }
    local function message(code, op, verb, ...)
      require "hearth.testing".faults { fail = { op = op, nth = 1, code = code } }
      return tostring(err(a[verb], a, ...))
    end
    a:set("k", "1")
    local told = "a fault that the test asked for"
    assert.equal('EIO: store:get("k"): ' .. told, message("EIO", "read", "get", "k"))
    assert.equal('EIO: store:get_json("k"): ' .. told, message("EIO", "read", "get_json", "k"))
    assert.equal('ENOSPC: store:set("k"): ' .. told, message("ENOSPC", "write", "set", "k", "2"))
    assert.equal([[ENOSPC: store:set("a (\"b\"): c"): ]] .. told, message("ENOSPC", "write", "set", 'a ("b"): c', "2"))
    assert.equal('ENOSPC: store:set_json("k"): ' .. told, message("ENOSPC", "write", "set_json", "k", 2))
    assert.equal('ENOSPC: store:delete("k"): ' .. told, message("ENOSPC", "write", "delete", "k"))
    a:close()
  end)

  it("refuses bad options", function()
    for _, options in ipairs {
      { ulr = "memory:" }, { url = 1 }, { namespace = 1 }, { quota = -1 }, { quota = "1" }, { read_only = 1 }, { on_error = 1 },
      { on_damage = "ignore" }, "memory:",
    } do
      assert.equal("EINVAL", err(hearth.storage.open, options).code)
    end
  end)

  it("tells a store that is a method call away from one that is not", function()
    local a = hearth.storage.open { url = "memory:" }
    assert.equal("EINVAL", err(a.set, "k", "v").code)
    assert.equal("EINVAL", err(a.get, "k").code)
    a:close()
  end)

  it("calls on_error for trouble of the store, not for mistakes of the caller", function()
    local heard = {}
    local a = hearth.storage.open { url = "memory:", on_error = function(e) heard[#heard + 1] = e end }
    local raw, namespace = hearth.storage.raw(a)
    a:set("k", "1")
    raw:put_raw(namespace, "k", "x")
    err(a.get, a, 1)
    err(a.set, a, "l", "1", { if_revision = 5 })
    assert.equal("ECORRUPT", err(a.get, a, "k").code)
    hearth.sleep(0.001)
    assert.equal(1, #heard)
    assert.equal("ECORRUPT", heard[1].code)
    assert.equal("k", heard[1].key)
    a:close()
  end)

  it("refuses a file that is no store, and leaves it as it is", function()
    local path = support.folder() .. "/notes.txt"
    local f = assert(io.open(path, "w"))
    f:write(("these are my notes\n"):rep(100))
    f:close()
    local e = err(hearth.storage.open, { url = path })
    assert.is_true(e.code == "EINVAL" or e.code == "ECORRUPT", e.code)
    assert.matches(path, tostring(e), 1, true)
    f = assert(io.open(path))
    assert.equal(("these are my notes\n"):rep(100), f:read "a")
    f:close()
  end)

  it("says where a store that cannot be written is", function()
    local folder = support.folder()
    local f = assert(io.open(folder .. "/file", "w"))
    f:close()
    local e = err(hearth.storage.open, { url = folder .. "/file/below/a.sqlite3" })
    assert.matches(folder, tostring(e), 1, true)
  end)
end)

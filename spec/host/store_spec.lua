-- `hearth store`, as a user runs it: a child process, its output and its status.

local hearth = require "hearth"
local json = require "hearth.core.json"
local files = require "spec.support.files"
local patience = require "spec.support.patience"
local support = require "spec.storage.support"

local program = require "spec.support.program".binary()
local quote, contents, put = files.quoted, files.read, files.write

local folder, file

-- run({words…}, input, environment) -> standard output, standard error, status
local function run(words, input, environment)
  local line = { environment or "HEARTH_STORE=", quote(program), "store" }
  for _, word in ipairs(words) do line[#line + 1] = quote(word) end
  put(folder .. "/in", input or "")
  local _, _, status = os.execute(("%s <%s >%s 2>%s"):format(table.concat(line, " "), quote(folder .. "/in"), quote(folder .. "/out"),
    quote(folder .. "/err")))
  return contents(folder .. "/out"), contents(folder .. "/err"), status
end

local function at(...)
  return { "--store", file, ... }
end

describe("hearth store", function()
  before_each(function()
    folder = support.folder()
    file = folder .. "/a.sqlite3"
  end)
  after_each(support.clean)

  it("sets, gets, lists and deletes", function()
    local out, err, status = run(at("set", "theme", "dark"))
    assert.same({ "", "", 0 }, { out, err, status })
    assert.same({ "dark\n", "", 0 }, { run(at("get", "theme")) })
    assert.same({ "dark", "", 0 }, { run(at("get", "--raw", "theme")) })
    run(at("set", "b.2"), "from standard input")
    run(at("set", "b.1", ""))
    assert.same({ "b.1\nb.2\ntheme\n", "", 0 }, { run(at "keys") })
    assert.same({ "b.1\0b.2\0", "", 0 }, { run(at("keys", "--prefix", "b.", "--null")) })
    assert.equal("from standard input\n", (run(at("get", "b.2"))))
    assert.same({ "", "", 0 }, { run(at("delete", "b.1", "theme", "none")) })
    assert.equal("b.2\n", (run(at "keys")))
  end)

  it("ends with status 1 for a missing key, and names it on standard error only", function()
    run(at("set", "a", "1"))
    local out, err, status = run(at("get", "no such key"))
    assert.equal("", out)
    assert.matches("no such key", err, 1, true)
    assert.equal(1, status)
  end)

  it("names the key also where there is no store yet", function()
    local out, err, status = run(at("get", "no such key"))
    assert.same({ "", 1 }, { out, status })
    assert.matches("no such key", err, 1, true)
    assert.matches(file, err, 1, true)
  end)

  it("keeps what it found damaged, like an app", function()
    for _, command in ipairs { { "get", "k" }, { "dump" } } do
      local store = hearth.storage.open { url = file }
      local raw, namespace = hearth.storage.raw(store)
      store:set("k", "1")
      raw:put_raw(namespace, "k", "the bytes of " .. command[1])
      store:close()
      assert.equal(1, select(3, run(at(table.unpack(command)))))
      local id = run(at("quarantine", "list")):match "^(%d+)"
      assert.equal(0, select(3, run(at("quarantine", "restore", id))))
      assert.equal("the bytes of " .. command[1] .. "\n", (run(at("get", "k"))))
    end
  end)

  it("keeps to a namespace", function()
    run { "--store", file, "--namespace", "app:x", "set", "k", "theirs" }
    run(at("set", "k", "ours"))
    assert.equal("theirs\n", (run { "--store=" .. file, "--namespace=app:x", "get", "k" }))
    assert.equal("ours\n", (run(at("get", "k"))))
    run { "--store", file, "--namespace", "app:x", "delete", "k" }
    assert.equal("k\n", (run(at "keys")))
  end)

  it("takes a time to live, a condition and checked JSON", function()
    run(at("set", "--ttl", "1000", "k", "1"))
    local store = hearth.storage.open { url = file }
    assert.is_number(store:info "k".expires_at)
    local _, err, status = run(at("set", "--if-revision", "0", "k", "2"))
    assert.matches("ECONFLICT", err, 1, true)
    assert.equal(1, status)
    _, err, status = run(at("set", "--json", "k", "{broken"))
    assert.matches("ECORRUPT", err, 1, true)
    assert.equal(1, status)
    assert.equal("1", store:get "k")
    assert.equal(0, select(3, run(at("set", "--json", "k", '{"a":1}'))))
    store:close()
  end)

  it("finds a store by the app's name, or by HEARTH_STORE", function()
    local home = "XDG_DATA_HOME=" .. quote(folder)
    assert.equal(0, select(3, run({ "--app", "notes", "set", "k", "1" }, nil, home)))
    assert.equal("1\n", (run({ "--app", "notes", "get", "k" }, nil, home)))
    assert.equal("1\n", (run({ "get", "k" }, nil, "HEARTH_STORE=" .. quote(folder .. "/hearth/notes/store.sqlite3"))))
    local _, err, status = run { "get", "k" }
    assert.matches("which store", err, 1, true)
    assert.equal(2, status)
  end)

  it("creates nothing when it only reads", function()
    local _, err, status = run(at("get", "k"))
    assert.equal(1, status)
    assert.matches(file, err, 1, true)
    assert.is_nil((io.open(file)))
  end)

  it("dumps and loads every byte", function()
    local store = hearth.storage.open { url = file }
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all)
    local values = { [""] = "", [all] = all, ["\255"] = "x", ["ключ"] = "значение", ["line\nbreak"] = "a\nb\0", big = all:rep(400) }
    for length = 1, 5 do values["b" .. length] = ("\254"):rep(length) end
    store:set_many(values)
    store:set_json("json", { 1, 2.5, json.null })
    store:set("ends", "soon", { ttl = 1000 })
    local other = hearth.storage.open { url = file, namespace = "other\255" }
    other:set("k", "1")
    local dump, err, status = run(at "dump")
    assert.same({ "", 0 }, { err, status })
    local count = 0
    for line in dump:gmatch "[^\n]+" do
      assert.is_table(json.decode(line))
      assert.is_truthy(utf8.len(line))
      count = count + 1
    end
    assert.equal(14, count)

    local copy = folder .. "/copy.sqlite3"
    local _
    _, err, status = run({ "--store", copy, "load" }, dump)
    assert.equal(0, status, err)
    assert.equal(dump, (run { "--store", copy, "dump" }))
    local back = hearth.storage.open { url = copy }
    local keys = back:all_keys()
    assert.same(store:all_keys(), keys)
    assert.same(store:get_many(keys), back:get_many(keys))
    assert.equal(store:info "ends".expires_at, back:info "ends".expires_at)
    store:close()
    other:close()
    back:close()
  end)

  it("dumps one namespace, and loads into another", function()
    run(at("set", "k", "1"))
    run { "--store", file, "--namespace", "b", "set", "k", "2" }
    local dump = run { "--store", file, "--namespace", "b", "dump" }
    assert.equal(1, select(2, dump:gsub("\n", "")))
    put(folder .. "/dump", dump)
    assert.equal(0, select(3, run { "--store", file, "--namespace", "c", "load", folder .. "/dump" }))
    assert.equal("2\n", (run { "--store", file, "--namespace", "c", "get", "k" }))
    assert.equal("1\n", (run(at("get", "k"))))
  end)

  it("loads all lines or none", function()
    run(at("set", "kept", "1"))
    for _, bad in ipairs {
      "{", "[]", '{"key":"x"}', '{"key":1,"value":"x"}', '{"key":"x","value":"y","kind":"other"}', '{"key_base64":"!","value":"x"}', "7",
    } do
      local _, err, status = run(at "load", '{"key":"new","value":"1"}\n\n' .. bad .. "\n")
      assert.equal(1, status)
      assert.matches("line 3", err, 1, true)
    end
    assert.equal("kept\n", (run(at "keys")))
    local _, err, status = run(at("load", folder .. "/none"))
    assert.equal(1, status)
    assert.matches("none", err, 1, true)
    assert.equal(0, select(3, run(at "load", "")))
  end)

  it("loads what is still good, and says what could not be read", function()
    local out, err, status = run(at "load", '{"key":"a","value":"1","expires_at":5}\n{"key":"b","value":"2"}')
    assert.same({ "", "1 records stored, 1 left out: their time has ended\n", 0 }, { out, err, status })
    assert.equal("b\n", (run(at "keys")))
    out, err, status = run(at("load", folder))
    assert.same({ "", 1 }, { out, status })
    assert.equal(("hearth store: load: %s: Is a directory\n"):format(folder), err)
  end)

  it("misses no namespace, whatever its name", function()
    local names = { "", "\0", " ", "!", "0", "1", "\255" }
    for _, name in ipairs(names) do
      local store <close> = hearth.storage.open { url = file, namespace = name }
      store:set("k", name)
    end
    local found = {}
    for line in (run(at "dump")):gmatch "[^\n]+" do found[#found + 1] = json.decode(line).value or "\255" end
    assert.same(names, found)
    assert.matches("7 records, 0 damaged", (run(at "verify")), 1, true)
  end)

  it("ends when nobody reads its output, and says when it cannot be written", function()
    local store = hearth.storage.open { url = file }
    local values = {}
    for i = 1, 3000 do values[("key %d "):format(i) .. ("x"):rep(100)] = ("value "):rep(20) end -- more than a pipe holds
    store:set_many(values)
    store:close()
    for _, command in ipairs { "dump", "keys" } do
      local piped = "cd %s && { %s store --store %s %s 2>err; echo $? >status; } | head -n 1 >out"
      assert(os.execute(piped:format(folder, quote(program), file, command)))
      assert.matches("key 1", contents(folder .. "/out"), 1, true)
      assert.equal("", contents(folder .. "/err"))
      assert.equal("141\n", contents(folder .. "/status")) -- as `cat` ends
      local _, _, status = os.execute(("%s store --store %s %s >/dev/full 2>%s/err"):format(quote(program), quote(file), command, folder))
      assert.equal(1, status)
      assert.equal("hearth store: the output cannot be written: No space left on device\n", contents(folder .. "/err"))
    end
  end)

  it("prints figures", function()
    run(at("set", "k", "12345"))
    local out, _, status = run(at "stats")
    assert.equal(0, status)
    assert.matches('namespace "default": 1 keys, 6 bytes', out, 1, true)
    assert.matches("file_bytes: %d+", out)
  end)

  it("verifies, and names what is damaged", function()
    local store = hearth.storage.open { url = file }
    store:set_many { good = "1", bad = "2" }
    local out, err, status = run(at "verify")
    assert.same({ "", 0 }, { err, status })
    assert.matches("0 damaged", out, 1, true)
    local raw, namespace = hearth.storage.raw(store)
    raw:put_raw(namespace, "bad", "garbage")
    store:flush()
    out, err, status = run(at "verify")
    assert.same({ "", 1 }, { err, status })
    assert.matches('"bad"', out, 1, true)
    assert.is_nil(out:find('"good"', 1, true))
    local _, get_err, get_status = run(at("get", "bad"))
    assert.equal(1, get_status)
    assert.matches("ECORRUPT", get_err, 1, true)
    local dump, dump_err, dump_status = run(at "dump")
    assert.matches("good", dump, 1, true)
    assert.matches('"bad"', dump_err, 1, true)
    assert.equal(1, dump_status)
    store:close()
  end)

  it("backs up while the store is used, and refuses a path that exists", function()
    local store = hearth.storage.open { url = file }
    store:set("k", "1")
    local copy = folder .. "/copy.sqlite3"
    assert.equal(0, select(3, run(at("backup", copy))))
    store:set("k", "2")
    assert.equal("1\n", (run { "--store", copy, "get", "k" }))
    local before = contents(copy)
    local _, err, status = run(at("backup", copy))
    assert.equal(1, status)
    assert.matches(copy, err, 1, true)
    assert.equal(before, contents(copy))
    assert(os.execute(("cd %s && mkfifo pipe && ln -s none link"):format(folder))) -- to look into a pipe would wait for ever
    for _, name in ipairs { "/pipe", "/link", "" } do
      assert.equal(1, select(3, run(at("backup", folder .. name))))
    end
    assert.is_nil((io.open(folder .. "/none")))
    store:close()
  end)

  it("lists, restores and purges what is in quarantine", function()
    local store = hearth.storage.open { url = file }
    local raw, namespace = hearth.storage.raw(store)
    store:set("k", "1")
    raw:put_raw(namespace, "k", "the bytes")
    pcall(store.get, store, "k")
    store:flush()
    local out, _, status = run(at("quarantine", "list"))
    assert.equal(0, status)
    local id = out:match '^(%d+)  %d+%-%d+%-%d+T[%d:]+Z  "default"  "k"  9 bytes\n$'
    assert.is_string(id, out)
    assert.equal(1, select(3, run(at("quarantine", "restore", "999"))))
    assert.equal(0, select(3, run(at("quarantine", "restore", id))))
    assert.equal("the bytes\n", (run(at("get", "k"))))
    assert.equal("", (run(at("quarantine", "list"))))

    raw:put_raw(namespace, "k", "again")
    pcall(store.get, store, "k")
    store:set("k", "good")
    id = run(at("quarantine", "list")):match "^(%d+)"
    local err
    _, err, status = run(at("quarantine", "restore", id))
    assert.equal(1, status)
    assert.matches("--force", err, 1, true)
    assert.equal("good\n", (run(at("get", "k"))))
    assert.equal(0, select(3, run(at("quarantine", "purge"))))
    assert.equal("", (run(at "quarantine")))
    store:close()
  end)

  it("ends with a report for a file that cannot be read, and leaves its bytes", function()
    run(at("set", "k", "1"))
    local bytes = ("this is no store\n"):rep(600)
    local notes = folder .. "/notes"
    put(notes, bytes)
    for _, words in ipairs { { "get", "k" }, { "keys" }, { "dump" }, { "verify" }, { "stats" }, { "set", "k", "v" }, { "delete", "k" } } do
      local out, err, status = run { "--store", notes, table.unpack(words) }
      assert.equal("", out)
      assert.equal(1, status)
      assert.matches(notes, err, 1, true)
      assert.equal(bytes, contents(notes))
    end
    local damaged = contents(file):sub(1, 100) .. ("\0"):rep(#contents(file) - 100)
    put(folder .. "/damaged", damaged)
    local _, err, status = run { "--store", folder .. "/damaged", "keys" }
    assert.equal(1, status)
    assert.matches("damaged", err, 1, true)
    assert.equal(damaged, contents(folder .. "/damaged"))
  end)

  it("works on a JSON file, and while this process has the store open", function()
    local store = hearth.storage.open { url = file }
    store:set("k", "1")
    assert.equal("1\n", (run(at("get", "k"))))
    run(at("set", "k", "2"))
    patience(function() return store:get "k" == "2" end)
    assert.equal("2", store:get "k")
    store:close()
    local url = "json:" .. folder .. "/a.json"
    assert.equal(0, select(3, run { "--store", url, "set", "k", "1" }))
    assert.equal("1\n", (run { "--store", url, "get", "k" }))
  end)

  it("walks stores of any size: thousands of keys, and values that are large beside small ones", function()
    local store = hearth.storage.open { url = file }
    local values, keys = {}, {}
    for i = 1, 9000 do values[("k%05d"):format(i)] = tostring(i) end
    values["k00005"], values["k08999\0"] = ("x"):rep(5 << 20), ("y"):rep(3 << 20)
    store:set_many(values)
    for key in pairs(values) do keys[#keys + 1] = key end
    table.sort(keys)
    store:close()
    assert.equal(table.concat(keys, "\n") .. "\n", (run(at "keys")))
    local dump = run(at "dump")
    assert.equal(#keys, select(2, dump:gsub("\n", "")))
    local copy = folder .. "/copy.sqlite3"
    assert.equal(0, select(3, run({ "--store", copy, "load" }, dump)))
    assert.is_true(dump == run { "--store", copy, "dump" })
  end)

  it("tells on a terminal how far it has come, and elsewhere nothing", function()
    local store = hearth.storage.open { url = file }
    local values = {}
    for i = 1, 5000 do values["key " .. i] = "value " .. i end
    store:set_many(values)
    store:close()
    local screen, fifo = folder .. "/screen", folder .. "/pipe"
    -- The words on a terminal, with a shell at the other end of the pipe that holds them up until the terminal shows `seen`.
    local function shown(words, seen, other_end)
      local command = ("%s store --store %s %s"):format(quote(program), quote(file), words)
      local held = ("n=0; until grep -q %s %s || [ $n = 2000 ]; do n=$((n+1)); step; sleep 0.02; done"):format(quote(seen), quote(screen))
      assert(os.execute(("rm -f %s %s; mkfifo %s; : >%s"):format(quote(screen), quote(fifo), quote(fifo), quote(screen))))
      local terminal = ("script -qefc %s %s >/dev/null </dev/null"):format(quote(command), quote(screen))
      assert(os.execute(other_end:format(held) .. " & " .. terminal .. "; wait"))
      return contents(screen)
    end
    local copy = folder .. "/dump"
    local reader = ("{ step() { dd bs=4096 count=1 2>/dev/null; }; %%s; cat; } <%s >%s"):format(quote(fifo), quote(copy))
    local text = shown("dump >" .. quote(fifo), "dump: records:", reader)
    assert.matches("\r\27%[Kdump: records: %d+", text)
    assert.matches("\r\27%[K[^\27]*$", text) -- and leaves no trace
    file = folder .. "/b.sqlite3"
    local writer = ("{ step() { head -n 1 %s; }; %%s; cat %s; } >%s"):format(quote(copy), quote(copy), quote(fifo))
    assert.matches("\r\27%[Kload: lines: %d+.*\r\27%[K%d+ records stored", shown("load " .. quote(fifo), "load: lines:", writer))
    local out, err, status = run(at("dump"))
    assert.equal("", err)
    assert.equal(0, status)
    assert.is_true(out == contents(copy))
  end)

  it("explains itself", function()
    local out, _, status = run { "--help" }
    assert.equal(0, status)
    for _, name in ipairs { "get", "set", "delete", "keys", "dump", "load", "stats", "verify", "backup", "quarantine" } do
      assert.matches(name, out, 1, true)
      local text, _, help_status = run { name, "--help" }
      assert.equal(0, help_status)
      assert.matches("usage: hearth store .*" .. name, text)
    end
  end)

  it("refuses a wrong command line with status 2", function()
    for _, words in ipairs {
      {}, at(), at "frob", at "get", at("get", "a", "b"), at("get", "--frob", "a"), { "get", "a", "--store" },
      at("set", "--ttl", "-1", "k", "v"), at("quarantine", "frob"), { "--store", "x", "--app", "y", "keys" },
      at("keys", "x"), at("backup"), { "--store", "", "keys" }, { "--app=", "keys" },
    } do
      local out, err, status = run(words)
      assert.equal("", out)
      assert.matches("usage: hearth store", err, 1, true)
      assert.equal(2, status)
    end
    assert.matches("usage: hearth store [^\n]* set %[%-%-json%][^\n]*\n$", (select(2, run(at "set")))) -- of the command, where there is one
  end)
end)

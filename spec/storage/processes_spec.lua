-- Several processes, each with the verbs that an app uses, on one file: sums are exact, nobody sees half of a batch, and each watcher hears of each
-- change once. On both engines that keep a file.
local hearth = require "hearth"
local files = require "spec.support.files"
local support = require "spec.storage.support"

local program = require "spec.support.program".binary()

local PRELUDE = [[
local hearth = require "hearth"
local url, id = arg[1], arg[2]
local store = hearth.storage.open { url = url }
local function wait_for(key)
  while not store:contains_key(key) do hearth.sleep(0.001) end
end
local function all_have(what)
  store:set(what .. " " .. id, "")
  for i = 1, 3 do wait_for(what .. " " .. i) end
end
store:set("here " .. id, "")
wait_for "go"
]]

for _, engine in ipairs(support.engines) do
  if engine.name ~= "memory" then
    describe("several processes on one store, " .. engine.name, function()
      local url, store, scripts

      before_each(function()
        url = engine.url()
        scripts = support.folder()
        store = hearth.storage.open { url = url }
      end)
      after_each(function()
        store:close()
        support.clean()
      end)

      local function wait_until(what)
        for _ = 1, 5000 do
          if what() then return true end
          hearth.sleep(0.002)
        end
        return what()
      end

      -- Starts `n` processes that run `chunk` together, with `store`, `id` and `wait_for`; gives a function that waits for their output, in order.
      local function start(n, chunk)
        local path = ("%s/%d.lua"):format(scripts, math.random(1 << 40))
        files.write(path, PRELUDE .. chunk .. "\nstore:close()\n")
        local pipes = {}
        for i = 1, n do pipes[i] = assert(io.popen(("%s %s '%s' %d 2>&1"):format(program, path, url, i))) end
        for i = 1, n do assert.is_true(wait_until(function() return store:contains_key("here " .. i) end)) end
        return function()
          local out = {}
          for i, p in ipairs(pipes) do
            out[i] = p:read "a"
            p:close()
          end
          return out
        end
      end

      local function go(ended)
        store:set("go", "")
        return ended()
      end

      local PROCESSES, TIMES = 3, engine.name == "json" and 15 or 60
      local silent = {}
      for i = 1, PROCESSES do silent[i] = "" end

      local function together(chunk)
        assert.same(silent, go(start(PROCESSES, ("for n = 1, %d do %s end"):format(TIMES, chunk))))
      end

      it("update sums exactly", function()
        together [[store:update("n", function(s) return tostring((tonumber(s) or 0) + 1) end)]]
        assert.equal(tostring(PROCESSES * TIMES), store:get "n")
      end)

      it("update_json keeps what each adds to one value", function()
        together [[store:update_json("list", function(v) v = v or {} v[id .. "." .. n] = n return v end)]]
        local count = 0
        for _ in pairs(store:get_json "list") do count = count + 1 end
        assert.equal(PROCESSES * TIMES, count)
      end)

      it("increment sums exactly, also when several are under way in each process", function()
        together [[hearth.all { hearth.run_async(store.increment, store, "n"), hearth.run_async(store.increment, store, "n", 10) }]]
        assert.equal(PROCESSES * TIMES * 11, store:get_json "n")
      end)

      it("merge_json loses nobody's fields", function()
        together [[store:merge_json("doc", { ["p" .. id] = { [tostring(n)] = n } })]]
        local doc = store:get_json "doc"
        for p = 1, PROCESSES do
          for n = 1, TIMES do assert.equal(n, doc["p" .. p][tostring(n)]) end
        end
      end)

      it("a condition lets one of them win", function()
        local ended = start(PROCESSES, [[
          local won = 0
          for n = 1, 20 do
            local ok, err = pcall(store.set, store, "seat " .. n, id, { if_revision = 0 })
            if ok then won = won + 1 else assert(err.code == "ECONFLICT", tostring(err)) end
          end
          io.write(won)
        ]])
        local sum = 0
        for _, won in ipairs(go(ended)) do sum = sum + tonumber(won) end
        assert.equal(20, sum)
        assert.equal(20, #store:keys { prefix = "seat " })
      end)

      -- A process that the machine lets wait has less, whatever the store does: without turns, one has next to nothing each time.
      it("writing without a pause, each gets at least half of its share", function()
        local counts, fair
        for _ = 1, 5 do
          store:clear()
          local ended = start(PROCESSES, [[
            all_have "ready"
            local n, stop = 0, hearth.now() + 0.6
            while hearth.now() < stop do
              n = n + 1
              store:set("k", tostring(n))
            end
            io.write(n)
          ]])
          local sum = 0
          counts, fair = go(ended), true
          for _, n in ipairs(counts) do sum = sum + tonumber(n) end
          for _, n in ipairs(counts) do fair = fair and tonumber(n) >= sum / PROCESSES / 2 end
          if fair then break end
        end
        assert.is_true(fair, table.concat(counts, " "))
      end)

      it("a batch moves between keys and nobody ever sees half of it", function()
        store:set_many { a = "1000", b = "1000" }
        local ended = start(PROCESSES, ([[
          for n = 1, %d do
            store:batch(function(tx)
              local a, b = tonumber(tx:get "a"), tonumber(tx:get "b")
              tx:set("a", tostring(a - tonumber(id)))
              tx:set("b", tostring(b + tonumber(id)))
            end)
            local got = store:get_many { "a", "b" }
            assert(tonumber(got.a) + tonumber(got.b) == 2000, got.a .. " " .. got.b)
          end
        ]]):format(TIMES))
        assert.same(silent, go(ended))
        assert.equal(tostring(1000 - TIMES * 6), store:get "a")
        assert.equal(tostring(1000 + TIMES * 6), store:get "b")
      end)

      it("a backup made meanwhile is of one moment, and complete", function()
        store:set_many { a = "1000", b = "1000" }
        local ended = start(PROCESSES, [[
          while store:get "go" ~= "enough" do
            store:batch(function(tx)
              tx:set("a", tostring(tonumber(tx:get "a") - 1))
              tx:set("b", tostring(tonumber(tx:get "b") + 1))
            end)
          end
        ]])
        store:set("go", "")
        local before = tonumber(store:get "b")
        for i = 1, 3 do
          assert(os.execute(("%s store --store '%s' backup %s/copy%d"):format(program, url, scripts, i)))
          local copy <close> = hearth.storage.open { url = url:match "^%w+:" .. scripts .. "/copy" .. i }
          assert.equal(2000, tonumber(copy:get "a") + tonumber(copy:get "b"))
          assert.is_true(tonumber(copy:get "b") >= before)
        end
        store:set("go", "enough")
        assert.same(silent, ended())
      end)

      it("each watcher hears of each change once, in order; of its own as local, of the others' as remote", function()
        local ended = start(PROCESSES, [[
          local heard, ends = {}, 0
          store:watch({ prefix = "w" }, function(e)
            if e.key:find "^watched" then return end
            if e.key:find "^w end" then ends = ends + 1 return end
            heard[#heard + 1] = e.key .. "=" .. e.value .. " " .. e.source
          end)
          all_have "watched"
          store:set("w" .. id, "only")
          store:set("w end " .. id, "")
          for _ = 1, 5000 do
            if ends == 3 then break end
            hearth.sleep(0.002)
          end
          table.sort(heard)
          io.write(table.concat(heard, ","))
        ]])
        local heard = go(ended)
        for i = 1, PROCESSES do
          local expected = {}
          for k = 1, PROCESSES do expected[k] = ("w%d=only %s"):format(k, k == i and "local" or "remote") end
          assert.equal(table.concat(expected, ","), heard[i])
        end
      end)

      it("a watcher hears the newest value of a key that others set many times, and never one twice or out of order", function()
        local heard = {}
        local stop = store:watch("n", function(e) heard[#heard + 1] = tonumber(e.value) end)
        assert.same({ "" }, go(start(1, ([[for n = 1, %d do store:set("n", tostring(n)) end]]):format(TIMES))))
        assert.is_true(wait_until(function() return heard[#heard] == TIMES end))
        stop()
        for i = 2, #heard do assert.is_true(heard[i] > heard[i - 1]) end
      end)

      it("a time to live ends in every process, once", function()
        local ended = start(PROCESSES, [[
          local heard = {}
          store:watch("t", function(e) heard[#heard + 1] = tostring(e.value) end)
          local function hear(value)
            for _ = 1, 5000 do
              if heard[#heard] == value then return end
              hearth.sleep(0.002)
            end
          end
          all_have "watched"
          if id == "1" then store:set("t", "long", { ttl = 1000 }) end
          hear "long"
          all_have "heard"
          if id == "1" then store:set("t", "short", { ttl = 0.05 }) end
          hear "nil"
          hearth.sleep(0.05)
          io.write(table.concat(heard, ","), " ", tostring(store:get "t"))
        ]])
        for _, line in ipairs(go(ended)) do -- a short one may be over before it is heard of
          assert.equal("long,nil nil", (line:gsub(",short", "")))
        end
      end)

      -- A process that runs `chunk` with `store` in the background, once it has printed "up"; killed at the end of the test if it lives.
      local function background(chunk)
        local path = ("%s/%d.lua"):format(scripts, math.random(1 << 40))
        local before = "local hearth = require 'hearth'\nlocal store = hearth.storage.open { url = arg[1] }\nio.stdout:setvbuf 'line'\n"
        files.write(path, before .. chunk)
        local p = assert(io.popen(("echo $$; exec %s %s '%s' 2>&1"):format(program, path, url)))
        local pid = p:read "l"
        local function signal(name) os.execute(("kill -%s %s 2>/dev/null"):format(name, pid)) end
        finally(function()
          signal "KILL"
          p:close()
        end)
        assert.equal("up", p:read "l")
        return p, signal
      end

      it("a writer that is killed holds nobody up, and what it was told is stored", function()
        for _ = 1, 5 do
          local p, signal = background [[
            for n = 1, math.huge do
              store:set("theirs", tostring(n))
              print(n == 1 and "up" or n)
            end]]
          store:set("ours", "1")
          signal "KILL"
          store:increment("ours", 1)
          local told = 1
          for line in p:lines() do told = tonumber(line) or told end
          local found = tonumber(store:get "theirs")
          assert.is_true(found == told or found == told + 1, ("told of %d, found %d"):format(told, found))
          assert.equal("2", store:get "ours")
        end
      end)

      it("a writer that is stopped holds nobody up, wherever it stands", function()
        local _, signal = background [[
          for n = 1, math.huge do
            store:set("theirs", tostring(n))
            if n == 1 then print "up" end
          end]]
        for n = 1, 5 do
          signal "STOP"
          store:set("ours", tostring(n))
          assert.equal(tostring(n), store:get "ours")
          local before = tonumber(store:get "theirs")
          signal "CONT"
          assert.is_true(wait_until(function() return tonumber(store:get "theirs") > before end))
        end
      end)

      it("a watcher that is stopped hears afterwards of each key once, the newest value, and the store does not grow for ever", function()
        local p, signal = background [[
          local times, values = {}, {}
          store:watch({ prefix = "w" }, function(e)
            local name = e.key:sub(1, 3)
            times[name], values[name] = (times[name] or 0) + 1, e.value
          end)
          print "up"
          local heard = 0
          for _ = 1, 5000 do
            if values["w20"] == "end" then break end
            hearth.sleep(0.002)
          end
          hearth.sleep(0.05)
          for i = 11, 20 do print(times["w" .. i], values["w" .. i]) end]]
        signal "STOP"
        local rounds = engine.name == "json" and 2 or 12
        local long = ("x"):rep(60000) -- a change of such a key takes its room in the log of changes
        local function round(value)
          for i = 11, 20 do store:set("w" .. i .. long, value) end
        end
        local function size()
          local copy = ("%s/copy%d"):format(scripts, math.random(1 << 40))
          assert(os.execute(("%s store --store '%s' backup %s"):format(program, url, copy)))
          return #files.read(copy)
        end
        for n = 1, rounds do round(tostring(n)) end
        local before = size()
        for n = 1, rounds do round(tostring(-n)) end
        assert.is_true(size() < before * 1.5, ("%d bytes, then %d"):format(before, size()))
        round "end"
        signal "CONT"
        assert.equal(("1\tend\n"):rep(10), p:read "a")
      end)

      it("clear reaches the others as one event for each key that they know, and spares other namespaces", function()
        local other = hearth.storage.open { url = url, namespace = "other" }
        other:set("k", "stays")
        store:set_many { a = "1", b = "2", c = "3" }
        store:get_many { "a", "b", "c" }
        local heard = {}
        local stop = store:watch({ prefix = "" }, function(e) if #e.key == 1 then heard[#heard + 1] = e.key .. tostring(e.value) end end)
        assert.same({ "" }, go(start(1, "store:clear()")))
        assert.is_true(wait_until(function() return #heard >= 3 end))
        assert.same({}, store:all_keys())
        stop()
        table.sort(heard)
        assert.same({ "anil", "bnil", "cnil" }, heard)
        assert.equal("stays", other:get "k")
        other:close()
      end)
    end)
  end
end

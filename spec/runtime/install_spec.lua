-- `make install` as a packager and an embedder meet it: below DESTDIR; then a program is built by pkg-config against what was installed,
-- shared and static.
local build = os.getenv "BUILD" or "build"
local sanitized = build:match "san$" ~= nil -- what is installed is built without sanitizers

local function run(command)
  local pipe = assert(io.popen("( " .. command .. " ) 2>&1"))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return status, text
end

describe("make install", not sanitized and function()
  local root
  setup(function()
    local _, name = run "mktemp -d"
    root = name:gsub("\n", "")
    -- The flags of a make that runs the tests are not for this one.
    local make = "env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s install BUILD=%s PREFIX=/opt/hearth DESTDIR=%s"
    local status, out = run(make:format(build, root))
    assert(status == 0, out)
  end)
  teardown(function() run("rm -r " .. root) end)

  -- What pkg-config says, below DESTDIR.
  local function flags(options)
    local status, out = run(("PKG_CONFIG_PATH=%s/opt/hearth/lib/pkgconfig pkg-config %s hearth"):format(root, options))
    assert(status == 0, out)
    return (out:gsub("%s+$", ""):gsub("/opt/hearth", root .. "/opt/hearth"))
  end

  local function compile(libs, out)
    return run(("${CC:-cc} -std=c11 %s -o %s/%s examples/embed/main.c %s"):format(flags "--cflags", root, out, libs))
  end

  it("puts the program, the header, the libraries and the module in their places", function()
    for _, file in ipairs { "bin/hearth", "include/hearth.h", "lib/libhearth.a", "lib/libhearth.so", "lib/lua/5.4/hearth.so",
      "lib/pkgconfig/hearth.pc", "lib/hearth/hearth-net.so", "lib/hearth/hearth-term.so" } do
      assert.are.equal(0, (run("test -s " .. root .. "/opt/hearth/" .. file)), file)
    end
    local answer = "-e 'print(require [[hearth]].to_thread(function() return 7 end))'"
    assert.are.same({ 0, "7\n" }, { run(root .. "/opt/hearth/bin/hearth " .. answer) })
  end)

  it("builds and runs a program against libhearth.so", function()
    local status, out = compile(flags "--libs", "shared")
    assert.are.same({ 0, "" }, { status, out })
    assert.are.same({ 0, "the script counted to 25\n" },
      { run(("LD_LIBRARY_PATH=%s/opt/hearth/lib %s/shared examples/embed/app.lua"):format(root, root)) })
    assert.are.equal(0, (run(("readelf -d %s/shared | grep -q libhearth.so"):format(root))))
  end)

  it("builds and runs a program against libhearth.a", function()
    local status, out = compile((flags "--static --libs":gsub("%-lhearth", "-l:libhearth.a")), "static")
    assert.are.same({ 0, "" }, { status, out })
    assert.are.same({ 0, "the script counted to 25\n" }, { run(root .. "/static examples/embed/app.lua") })
    assert.are_not.equal(0, (run(("readelf -d %s/static | grep -q libhearth.so"):format(root))))
  end)

  it("is a module of a plain lua5.4", function()
    local answer = "-e 'print(require [[hearth]].to_thread(function() return 0.5 end))'"
    local status, out = run(("LUA_CPATH='%s/opt/hearth/lib/lua/5.4/?.so' lua5.4 %s"):format(root, answer))
    assert.are.same({ 0, "0.5\n" }, { status, out })
  end)
end or function() end)

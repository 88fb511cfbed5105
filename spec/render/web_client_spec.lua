-- The script of a page as it is served: short, and still the same script.

local squeeze = require "hearth.render.web.squeeze"

describe("the script of a page", function()
  it("has at most 12 KB, without comments, in strict mode", function()
    local script = require "hearth.render.web.client"
    assert.is_true(#script <= 12 * 1024)
    assert.equal('"use strict";', script:sub(1, 13))
    assert.is_nil(script:find("\n", 1, true) and script:sub(1, -2):find("\n", 1, true))
    assert.is_nil(script:find("//", 1, true))
  end)

  local squeezed = squeeze.script

  it("loses comments and spaces, and keeps what is in quotes", function()
    assert.equal('f("a // b  c",`x  ${y+1}  z`,/[/ ]+ /)', squeezed 'f("a // b  c", /* no */ `x  ${ y + 1 }  z`, /[/ ]+ /) // end\n')
    assert.equal("return a in b", squeezed "return  a  in  b")
    assert.equal("a- -b", squeezed "a - -b")
    assert.equal("{a();b()}", squeezed "{\n  a();\n  b();\n}")
  end)

  it("has short names for what it declares, everywhere but in fields and keys", function()
    local script = squeezed "const amount = 1;\nlet total = amount + x.amount, other = { amount: amount };\n"
    assert.equal("let A=1;let C=A+x.amount,B={amount:A};", script)
    assert.equal("function C(A,B){return A+B}", squeezed "function add(first, second) { return first + second; }")
    assert.equal("let B=(A)=>A*2;", squeezed "const twice = (number) => number * 2;\n")
  end)

  it("has short names for the browser's longest", function()
    assert.equal("let A=document;A.title=A.URL;", squeezed "document.title = document.URL;")
  end)

  it("writes constants in their short forms", function()
    assert.equal("let a=!0,b=!1,c=void 0,d={true:!0};", squeezed "const a = true, b = false, c = undefined, d = { true: true };")
  end)
end)

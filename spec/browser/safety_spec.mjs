// Nothing that a user writes becomes more than text on another user's page.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
local evil = [[<img src=x onerror="window.owned=1"><script>window.owned=1</script>"'><svg onload=window.owned=1>&lt;b&gt;\\0]]
return hearth.component("App", function()
  local shared, set_shared = hearth.use_persisted_state("shared", "", { scope = "app" })
  local round, set_round = hearth.use_state(0)
  local all = {}
  for i, text in ipairs { evil .. round, shared } do
    all[i] = hearth.Column {
      key = i, hearth.Text(text), hearth.Text(text, { id = text, label = text, tooltip = text, class = text, role = text }), hearth.Button(text, { variant = text }),
      hearth.TextInput { label = text, value = text, placeholder = text, name = text, keyboard = text },
      hearth.TextInput { value = "</textarea>" .. text, multiline = true }, hearth.TextInput { default_value = text, secure = true },
      hearth.Checkbox { label = text }, hearth.Switch { label = text, role = text },
      hearth.Picker { label = text, options = { text, { value = 1, label = text } }, value = text, placeholder = text },
      hearth.Slider { label = text }, hearth.ProgressBar { label = text }, hearth.ActivityIndicator { label = text },
      hearth.Image { source = text, alt = text }, hearth.Image { source = "javascript:window.owned=1", alt = text },
      hearth.Image { source = "data:text/html;base64,PHNjcmlwdD4=", alt = text }, hearth.Image { source = "//127.0.0.1:1/x.png", alt = text },
      hearth.Modal { title = text, visible = false, hearth.Text(text) },
      hearth.View { style = { background = "red;position:fixed;top:0", font_family = "a}body{display:none", color = 'x"onclick="window.owned=1' } },
      hearth.View { style = { background = "url(http://127.0.0.1:1/x)", color = "</style><script>window.owned=1</script>" } },
    }
  end
  return hearth.Column {
    all, hearth.TextInput { id = "say", label = "Say", on_submit = set_shared },
    hearth.Button("Round", { on_click = function() set_round(function(n) return n + 1 end) end }), hearth.Text("round " .. round),
    hearth.Button("Alert", { on_click = function() hearth.Alert.choose(evil, { message = evil, options = { evil } }) end }),
  }
end)
`;

const EVIL = `"><img src=x onerror=window.owned=1><script>window.owned=1</script>`;

async function clean(page) {
  assert.equal(await page.evaluate(() => window.owned), undefined);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => /^(SCRIPT|IMG|SVG|IFRAME|STYLE|LINK)$/i.test(e.tagName) && e.closest("#hearth")
    && !(e.src ?? "").includes("/files/")).map((e) => e.outerHTML)), []);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("#hearth *")].flatMap((e) => [...e.attributes])
    .filter((a) => /^on|^(href|action|formaction|srcdoc)$/.test(a.name)).map((a) => a.name)), []);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).display), "block");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("#hearth .col")].filter((e) => getComputedStyle(e).position === "fixed").length), 0);
}

export default function () {
  it("shows markup as text: in the first HTML, in patches, in alerts, from one user to another", async (world) => {
    world.expect(/404/); // pictures that are not there
    const server = await world.serve({ source: APP });
    const [one, two] = [await world.open(server), await world.open(server)];
    await clean(one);
    await one.locator("label").filter({ hasText: /^Say$/ }).getByRole("textbox").fill(EVIL);
    await one.keyboard.press("Enter");
    await till(async () => (await two.getByText(EVIL).count()) > 2);
    for (const page of [one, two]) await clean(page);
    await one.getByRole("button", { name: "Round" }).click();
    await one.getByText("round 1").waitFor();
    await clean(one);
    await one.getByRole("button", { name: "Alert" }).click();
    await one.getByRole("alertdialog").waitFor();
    await clean(one);
    assert.match(await one.getByRole("alertdialog").getByRole("heading").textContent(), /^<img src=x onerror=/);
    await two.reload();
    await till(async () => (await two.getByText(EVIL).count()) > 2);
    await clean(two);
  });

  it("is held by a policy under which nothing inline and nothing from elsewhere runs", async (world) => {
    world.expect(/Content Security Policy|violates|inline|404/i);
    const page = await world.open(await world.serve({ source: APP }));
    const broken = await page.evaluate(async () => {
      const heard = [];
      document.addEventListener("securitypolicyviolation", (e) => heard.push(e.effectiveDirective));
      const add = (tag, more) => document.body.append(Object.assign(document.createElement(tag), more));
      add("script", { textContent: "window.owned = 1" });
      add("script", { src: "http://127.0.0.1:1/x.js" });
      add("img", { src: "x:y" });
      add("iframe", { src: "http://127.0.0.1:1/" });
      add("style", { textContent: "body{display:none}" });
      document.body.setAttribute("onclick", "window.owned = 1");
      document.body.click();
      add("form", { action: "http://127.0.0.1:1/" });
      document.body.lastChild.submit();
      await fetch("http://127.0.0.1:1/").catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 200));
      return [...new Set(heard)].sort();
    });
    for (const part of ["script-src-elem", "script-src-attr", "frame-src", "style-src-elem", "form-action", "connect-src"]) {
      assert.ok(broken.includes(part), `${part} is held: ${broken}`);
    }
    assert.equal(await page.evaluate(() => window.owned), undefined);
  });
}

// Nothing that a user writes becomes more than text on another user's page.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
      key = i, hearth.Text(text), hearth.Text(text, { id = text, label = text, tooltip = text, class = text, role = text }),
      hearth.Button(text, { variant = text }),
      hearth.TextInput { label = text, value = text, placeholder = text, name = text, keyboard = text },
      hearth.TextInput { value = "</textarea>" .. text, multiline = true }, hearth.TextInput { default_value = text, secure = true },
      hearth.Checkbox { label = text }, hearth.Switch { label = text, role = text },
      hearth.Picker { label = text, options = { text, { value = 1, label = text } }, value = text, placeholder = text },
      hearth.Slider { label = text }, hearth.ProgressBar { label = text }, hearth.ActivityIndicator { label = text },
      hearth.Image { source = text, alt = text }, hearth.Image { source = "javascript:window.owned=1", alt = text },
      hearth.Image { source = "data:text/html;base64,PHNjcmlwdD4=", alt = text }, hearth.Image { source = "//127.0.0.1:1/x.png", alt = text },
      hearth.Modal { title = text, visible = false, hearth.Text(text) },
      hearth.View { style = { background = "red;position:fixed;top:0", font_family = "a}body{display:none",
        color = 'x"onclick="window.owned=1' } },
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
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("#hearth *")].filter((e) =>
    /^(SCRIPT|IMG|SVG|IFRAME|STYLE|LINK)$/i.test(e.tagName) && !(e.src ?? "").includes("/files/")).map((e) => e.outerHTML)), []);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("#hearth *")].flatMap((e) => [...e.attributes])
    .filter((a) => /^on|^(href|action|formaction|srcdoc)$/.test(a.name)).map((a) => a.name)), []);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).display), "block");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("#hearth .col")]
    .filter((e) => getComputedStyle(e).position === "fixed").length), 0);
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

  it("is live over TLS, with the certificate that was given and a cookie for that alone", async (world) => {
    const folder = mkdtempSync(join(tmpdir(), "hearth-tls-")), [cert, key] = ["cert", "key"].map((name) => join(folder, name));
    world.ends.push(() => rmSync(folder, { recursive: true }));
    execFileSync("openssl", [..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1".split(" "), "-keyout", key, "-out", cert],
      { stdio: "ignore" });
    const server = await world.serve({ app: "examples/counter.lua", args: ["--cert", cert, "--key", key] });
    assert.match(server.url, /^https:/);
    const context = await world.context({ ignoreHTTPSErrors: true }), sockets = [];
    context.on("page", (page) => page.on("websocket", (socket) => sockets.push(socket.url())));
    const page = await world.tab(server, context);
    const before = await page.locator("#hearth").innerText();
    await page.getByRole("button").first().click();
    await till(async () => (await page.locator("#hearth").innerText()) !== before);
    assert.ok(sockets.length > 0 && sockets.every((url) => url.startsWith("wss:")), sockets.join(" "));
    const cookies = await context.cookies();
    assert.deepEqual(cookies.map((c) => [c.secure, c.httpOnly, c.sameSite]), [[true, true, "Lax"]]);
  });

  it("talks to its own pages alone: another origin gets no connection, and no frame around it", async (world) => {
    const server = await world.serve({ source: APP }), context = await world.context();
    world.expect(/404/);
    const own = await world.tab(server, context); // this browser has the cookie
    const connect = (url) => new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}live`, "hearth");
      for (const type of ["open", "error"]) socket.addEventListener(type, () => resolve(type));
    });
    assert.equal(await own.evaluate(connect, server.url), "open");
    const stranger = await context.newPage();
    const body = `<iframe src="${server.url}"></iframe>`;
    await stranger.route("http://stranger.test/", (route) => route.fulfill({ contentType: "text/html", body }));
    await stranger.goto("http://stranger.test/");
    assert.equal(await stranger.evaluate(connect, server.url), "error");
    const frame = stranger.frames()[1];
    await till(() => frame.url().startsWith("chrome-error:"));
  });
}

// Pages that lose their server and find it again, and pages that share what the app keeps.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
return hearth.component("App", function()
  local clicks, set_clicks = hearth.use_state(0)
  local draft, set_draft = hearth.use_state ""
  local all, set_all = hearth.use_persisted_state("all", 0, { scope = "app" })
  local mine, set_mine = hearth.use_persisted_state("mine", 0)
  local here, set_here = hearth.use_persisted_state("here", 0, { scope = "session" })
  local kept, set_kept, info = hearth.use_persisted_state("kept", "")
  local function add(set) return function() set(function(n) return n + 1 end) end end
  return hearth.Column {
    hearth.Text("clicks " .. clicks), hearth.Button("Click", { on_click = add(set_clicks) }),
    hearth.Text("all " .. all), hearth.Button("Share", { on_click = add(set_all) }),
    hearth.Text("mine " .. mine), hearth.Button("Keep", { on_click = add(set_mine) }),
    hearth.Text("here " .. here), hearth.Button("Mark", { on_click = add(set_here) }),
    hearth.TextInput { label = "Draft", value = draft, on_change = set_draft }, hearth.Text("draft " .. draft),
    hearth.TextInput { label = "Kept", value = kept, on_change = set_kept }, hearth.Text("kept " .. kept), hearth.Text(info.save),
    hearth.Button("Long", { on_click = function()
      for i = 1, 50 do
        hearth.sleep(0.02)
        set_clicks(function(n) return n + 1 end)
      end
    end }),
  }
end)
`;
const NOISE = [/WebSocket connection/, /ERR_CONNECTION/, /ERR_EMPTY_RESPONSE/];

const button = (page, name) => page.getByRole("button", { name, exact: true });
const shows = (page, text) => page.getByText(text, { exact: true }).waitFor();
const offline = (page) => page.waitForFunction(() => !document.getElementById("hearth").hasAttribute("data-live"));

async function start(world) {
  NOISE.forEach((noise) => world.expect(noise));
  const server = await world.serve({ source: APP });
  return { server, proxy: await world.proxy(server) };
}

export default function () {
  it("does what was done while the connection was cut, once, and misses nothing", async (world) => {
    const { proxy } = await start(world);
    const page = await world.open(proxy);
    await button(page, "Click").click();
    await shows(page, "clicks 1");
    await button(page, "Long").click();
    for (let i = 0; i < 4; i++) { // in the middle of patches and of events
      proxy.cut();
      await offline(page);
      await button(page, "Click").click();
      await page.getByLabel("Draft").press("End");
      await page.keyboard.type(`${i}`);
      proxy.mend();
      if (i % 2 === 0) await page.waitForFunction(() => document.getElementById("hearth").hasAttribute("data-live"));
    }
    await shows(page, "clicks 55");
    await shows(page, "draft 0123");
    assert.equal(await page.getByLabel("Draft").inputValue(), "0123");
  });

  it("says that it is not connected, and that it is again", async (world) => {
    const { proxy } = await start(world);
    const page = await world.open(proxy);
    proxy.cut();
    const state = page.getByRole("status");
    await till(async () => (await state.textContent()) === "Connecting…");
    proxy.mend();
    await till(async () => (await state.textContent()) === "");
  });

  for (const signal of ["SIGKILL", "SIGTERM"]) {
    it(`goes on after the server ended by ${signal}: state from the store, the draft and what was clicked from the page`, async (world) => {
      const { server, proxy } = await start(world);
      const page = await world.open(proxy);
      await button(page, "Keep").click();
      await shows(page, "mine 1");
      await page.getByLabel("Kept").pressSequentially("in the store");
      await shows(page, "kept in the store");
      await page.getByLabel("Draft").pressSequentially("not in the store");
      await shows(page, "draft not in the store");
      if (signal === "SIGKILL") await shows(page, "clean"); // it is on disk
      await server.stop(signal);
      await offline(page);
      await page.getByLabel("Draft").pressSequentially(" yet");
      await button(page, "Keep").click();
      await page.getByLabel("Draft").focus();
      await page.keyboard.press("Home");
      await server.start();
      await shows(page, "mine 2");
      await shows(page, "kept in the store");
      await shows(page, "draft not in the store yet");
      assert.equal(await page.getByLabel("Draft").inputValue(), "not in the store yet");
      assert.deepEqual(await page.getByLabel("Draft").evaluate((e) => [e === document.activeElement, e.selectionStart]), [true, 0]);
      await page.keyboard.type("still ");
      await shows(page, "draft still not in the store yet");
    });
  }

  it("shows what was changed in the app's file when it is saved, and keeps what was done and typed", async (world) => {
    world.expect(/^hearth serve: /); // the mistakes that it is given
    const server = await world.serve({ source: APP, args: ["--watch"] });
    const page = await world.open(server);
    await button(page, "Click").click();
    await shows(page, "clicks 1");
    await button(page, "Keep").click();
    await shows(page, "mine 1");
    await page.getByLabel("Draft").pressSequentially("half a");
    server.write(APP.replace('hearth.Text("clicks " ..', 'hearth.Text("presses " ..'));
    await shows(page, "presses 1");
    await shows(page, "mine 1");
    assert.equal(await page.getByLabel("Draft").inputValue(), "half a");
    server.write("this is no Lua");
    await till(() => server.errors.includes("app.lua"));
    await button(page, "Click").click(); // what was there goes on
    await shows(page, "presses 2");
    await page.getByLabel("Draft").press("End");
    server.write(APP.replace("hearth.use_state(0)", 'hearth.use_state("other hooks")')
      .replace("return hearth.Column {", "hearth.use_state(1) return hearth.Column {"));
    await shows(page, "clicks other hooks"); // begins anew
    await shows(page, "mine 1");
    assert.equal(await page.getByLabel("Draft").inputValue(), "half a");
  });

  it("is live between browsers in scope app; a browser's own and a tab's own state is nobody else's", async (world) => {
    const { server } = await start(world);
    const [ada, bob] = [await world.context(), await world.context()];
    const [one, two, three] = [await world.tab(server, ada), await world.tab(server, ada), await world.tab(server, bob)];
    await button(one, "Share").click();
    await button(three, "Share").click();
    for (const page of [one, two, three]) await shows(page, "all 2");
    await button(one, "Keep").click();
    for (const page of [one, two]) await shows(page, "mine 1");
    await button(one, "Mark").click();
    await shows(one, "here 1");
    await shows(two, "here 0");
    await shows(three, "mine 0");
    await one.reload();
    await shows(one, "here 1");
    await shows(one, "mine 1");
  });

  it("takes a tab that was opened as a copy of another for one of its own", async (world) => {
    const { server } = await start(world);
    const context = await world.context();
    const page = await world.tab(server, context);
    await button(page, "Mark").click();
    await shows(page, "here 1");
    const [copy] = await Promise.all([context.waitForEvent("page"), page.evaluate(() => { open(location.href); })]);
    await shows(copy, "here 0");
    await button(copy, "Mark").click();
    await button(copy, "Mark").click();
    await shows(copy, "here 2");
    await shows(page, "here 1");
  });

  it("does not take over another browser's session", async (world) => {
    const { server } = await start(world);
    const page = await world.open(server);
    await button(page, "Keep").click();
    await shows(page, "mine 1");
    const cookies = await page.context().cookies();
    assert.equal(cookies.length, 1);
    assert.equal(cookies[0].httpOnly, true);
    assert.equal(cookies[0].sameSite, "Lax");
    assert.equal(await page.evaluate(() => document.cookie), "");
  });
}

// localStorage in a real browser: what the app writes, what the page and other tabs write, in every order.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
return hearth.component("App", function()
  local storage = hearth.use_local_storage()
  local said, say = hearth.use_state ""
  local function button(label, fn) return hearth.Button(label, { key = label, on_click = fn }) end
  local lines = {}
  for i, item in ipairs(storage:items()) do
    local text = hearth.json.encode(item[2])
    lines[i] = item[1] .. "=" .. (#text > 100 and ("a text of " .. #text) or text)
  end
  return hearth.Column {
    hearth.Text(table.concat(lines, ";"), { id = "items" }), hearth.Text(said, { id = "said" }),
    button("theme", function() storage:set("theme", "dark") end),
    button("values", function()
      hearth.all { storage:set("no", false), storage:set("zero", 0), storage:set("empty", ""), storage:set("list", { 1, "two" }) }
      say "acknowledged"
    end),
    button("count", function() storage:set("count", storage:get("count", 0) + 1) end),
    button("pop", function() say("popped " .. tostring(storage:pop "theme")) end),
    button("clear", function() storage:clear() end),
    button("fill", function()
      storage:set("small", "old")
      local ok, err = pcall(function() storage:set("small", ("x"):rep(300000)):await() end)
      say(ok and "stored" or err.code)
    end),
  }
end)
`;

const button = (page, name) => page.getByRole("button", { name, exact: true });
const items = (page) => page.locator("#items").textContent();
const become = (page, text) => till(async () => (await items(page)) === text, text);
const local = (page) => page.evaluate(() => {
  const all = { ...localStorage };
  delete all["hearth:keys"];
  return all;
});

async function start(world) {
  world.expect(/WebSocket connection|ERR_CONNECTION|ERR_EMPTY/);
  const server = await world.serve({ source: APP });
  const proxy = await world.proxy(server), context = await world.context();
  return { server, proxy, context, page: await world.tab(proxy, context) };
}

export default function () {
  it("holds what the app sets: strings as they are, other values as JSON, false, 0 and the empty string too", async (world) => {
    const { page } = await start(world);
    await button(page, "theme").click();
    await button(page, "values").click();
    await page.getByText("acknowledged").waitFor();
    assert.deepEqual(await local(page), { theme: "dark", no: "false", zero: "0", empty: "", list: '[1,"two"]' });
    await page.reload();
    await become(page, 'empty="";list=[1,"two"];no=false;theme="dark";zero=0');
  });

  it("tells the app of what the page does, and leaves the page's own keys alone", async (world) => {
    const { page } = await start(world);
    await page.evaluate(() => {
      localStorage.setItem("foreign", "[1]");
      localStorage.setItem("theme", "light");
    });
    await become(page, 'foreign="[1]";theme="light"');
    await button(page, "theme").click();
    await become(page, 'foreign="[1]";theme="dark"');
    await button(page, "clear").click();
    await become(page, 'foreign="[1]"');
    assert.deepEqual(await local(page), { foreign: "[1]" });
    await page.evaluate(() => localStorage.removeItem("foreign"));
    await become(page, "");
    await button(page, "theme").click();
    await become(page, 'theme="dark"');
    await page.evaluate(() => localStorage.clear());
    await become(page, "");
    await button(page, "pop").click();
    await page.getByText("popped nil").waitFor();
  });

  it("is one for all tabs of a browser, and never another browser's", async (world) => {
    const { proxy, context, page } = await start(world);
    const second = await world.tab(proxy, context), other = await world.open(proxy);
    await button(page, "count").click();
    await become(second, "count=1");
    await button(second, "count").click();
    await become(page, "count=2");
    await second.evaluate(() => localStorage.setItem("by hand", "x"));
    await become(page, 'by hand="x";count=2');
    assert.equal(await items(other), "");
    assert.deepEqual(await local(other), {});
  });

  it("brings together what both sides did while they were apart", async (world) => {
    const { server, proxy, page } = await start(world);
    await button(page, "count").click();
    await become(page, "count=1");
    proxy.cut();
    await page.waitForFunction(() => !document.getElementById("hearth").hasAttribute("data-live"));
    await page.evaluate(() => localStorage.setItem("away", "here"));
    await button(page, "count").click(); // kept until the app hears of it
    proxy.mend();
    await become(page, 'away="here";count=2');
    assert.deepEqual(await local(page), { away: "here", count: "2" });
    await server.stop();
    await page.evaluate(() => {
      localStorage.setItem("away", "longer");
      localStorage.setItem("count", "7");
    });
    await server.start();
    await become(page, 'away="longer";count="7"'); // what the page wrote is a string
  });

  it("agrees everywhere, whoever writes what when: two tabs, their apps, and the pages themselves", async (world) => {
    const { proxy, context, page } = await start(world);
    const tabs = [page, await world.tab(proxy, context)];
    let seed = 11;
    const any = (n) => { // always the same numbers
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor(seed / 65536) % n;
    };
    const acts = [
      (tab) => button(tab, "theme").click(),
      (tab) => button(tab, "count").click(),
      (tab) => button(tab, "pop").click(),
      (tab) => button(tab, "clear").click(),
      (tab, n) => tab.evaluate((n) => localStorage.setItem("theme", `light ${n}`), n),
      (tab, n) => tab.evaluate((n) => localStorage.setItem(`own ${n % 3}`, String(n)), n),
      (tab) => tab.evaluate(() => localStorage.removeItem("count")),
      (tab) => tab.evaluate(() => localStorage.clear()),
    ];
    const agree = async (when) => till(async () => {
      const held = Object.entries(await local(page)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, text]) => `${key}=${text}`).join(";");
      const shown = await Promise.all(tabs.map(items));
      return shown[0] === shown[1] && shown[0].replaceAll('"', "") === held;
    }, `both apps and localStorage agree ${when}`);
    for (const delay of [0, 40]) {
      proxy.delay = delay;
      for (let round = 0; round < 3; round++) {
        for (let i = 1; i <= 8; i++) await acts[any(i < 8 ? 8 : 7)](tabs[any(2)], i + 10 * round); // the last empties nothing
      await agree(`after round ${round} with a delay of ${delay} ms`);
      }
      proxy.cut();
      for (const tab of tabs) await tab.waitForFunction(() => !document.getElementById("hearth").hasAttribute("data-live"));
      for (let i = 0; i < 8; i++) await acts[any(7)](tabs[any(2)], i);
      proxy.mend();
      for (const tab of tabs) await tab.evaluate(() => dispatchEvent(new Event("online")));
      await agree("after a time apart");
    }
  });

  it("clears what the app wrote in any tab, and nothing else", async (world) => {
    const { proxy, context, page } = await start(world);
    const second = await world.tab(proxy, context);
    await button(second, "count").click();
    await button(page, "theme").click();
    await page.evaluate(() => localStorage.setItem("by hand", "x"));
    for (const tab of [page, second]) await become(tab, 'by hand="x";count=1;theme="dark"');
    await button(second, "clear").click();
    for (const tab of [page, second]) await become(tab, 'by hand="x"');
    assert.deepEqual(await local(page), { "by hand": "x" });
  });

  it("mirrors a storage that is larger than a message, but for values that are", async (world) => {
    const { proxy, context, page } = await start(world);
    await page.evaluate(() => {
      for (const name of ["a", "b", "c"]) localStorage.setItem(name, "é".repeat(400000));
      localStorage.setItem("huge", "z".repeat(1200000));
    });
    const shown = ["a", "b", "c"].map((name) => `${name}=a text of 800002`).join(";");
    await become(page, shown);
    await become(await world.tab(proxy, context), shown);
  });

  it("gives EQUOTA back when the browser has no room, with the old value in place", async (world) => {
    const { page } = await start(world);
    await page.evaluate(() => {
      for (const size of [1200000, 100000]) {
        try {
          for (let i = 0; ; i++) localStorage.setItem(`${size} ${i}`, "y".repeat(size));
        } catch { /* full */ }
      }
    });
    await button(page, "fill").click();
    await page.getByText("EQUOTA").waitFor();
    assert.equal((await local(page)).small, "old");
    await till(async () => (await items(page)).includes('small="old"'));
  });
}

// Animations in a page: told of once, moved by the browser, and ended as the app ends them.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
local Animated = hearth.Animated
return hearth.component("App", function()
  local x, n = hearth.use_animated_value(0), hearth.use_animated_value(0)
  local said, say = hearth.use_state "nothing"
  local function button(label, fn) return hearth.Button(label, { key = label, on_click = fn }) end
  local function go(to, duration)
    return function()
      local done = hearth.await(Animated.timing(x, { to = to, duration = duration, easing = "linear" }))
      say(("%s at %.2f"):format(done.finished and "done" or "stopped", x.value))
    end
  end
  return hearth.Column {
    hearth.Text(said, { id = "said" }),
    button("Go", go(1, 600)), button("Back", go(0, 600)), button("Crawl", go(1, 60000)),
    button("Stop", function() x:stop_animation() end), button("Set", function() x:set_value(0.5) end),
    button("Count", function() Animated.timing(n, { to = 30, duration = 500 }):start() end),
    Animated.View { id = "box", height = 1, style = { opacity = x:interpolate { input = { 0, 1 }, output = { 1, 0.2 } }, width = x * 40,
      background = "blue" } },
    Animated.Text(n:interpolate { input = { 0, 30 }, output = { 0, 30 } }, { id = "number" }),
  }
end)
`;

const button = (page, name) => page.getByRole("button", { name, exact: true });
const look = (page) => page.locator("#box").evaluate((e) => ({
  opacity: Number(getComputedStyle(e).opacity), moving: e.getAnimations().length > 0, style: e.style.cssText,
}));

async function open(world, options) {
  const page = await world.open(await world.serve({ source: APP }), options);
  return page;
}
// Counts the patches that come.
async function listen(world) {
  const server = await world.serve({ source: APP }), context = await world.context();
  const frames = [];
  context.on("page", (page) => page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
    for (const text of String(payload).split("\n")) frames.push(...(JSON.parse(text).p ?? []));
  })));
  return { frames, page: await world.tab(server, context) };
}

export default function () {
  it("are moved by the browser, on one message, to where they end", async (world) => {
    const { frames, page } = await listen(world);
    await button(page, "Go").click();
    await till(async () => (await look(page)).moving);
    await page.getByText("done at 1.00").waitFor();
    await till(async () => !(await look(page)).moving);
    assert.equal((await look(page)).opacity, 0.2);
    assert.equal(frames.filter(([kind]) => kind === "m").length, 1);
    assert.ok(frames.length <= 4, JSON.stringify(frames));
    await button(page, "Back").click();
    await page.getByText("done at 0.00").waitFor();
    await till(async () => (await look(page)).opacity === 1);
  });

  it("stay where they were stopped, and are where they were set", async (world) => {
    const page = await open(world);
    await button(page, "Crawl").click();
    await till(async () => (await look(page)).moving);
    await button(page, "Stop").click();
    await page.getByText(/^stopped at 0\.0/).waitFor();
    await till(async () => !(await look(page)).moving);
    const { opacity } = await look(page);
    assert.ok(opacity > 0.9 && opacity <= 1, `${opacity}`);
    await button(page, "Crawl").click();
    await till(async () => (await look(page)).moving);
    await button(page, "Set").click();
    await till(async () => Math.abs((await look(page)).opacity - 0.6) < 0.001);
  });

  it("are pushed frame by frame where CSS cannot show them", async (world) => {
    const page = await open(world);
    await button(page, "Count").click();
    await till(async () => (await page.locator("#number").textContent()) === "30");
  });

  it("are over at once for who asked for less motion", async (world) => {
    const page = await open(world, { reducedMotion: "reduce" });
    await button(page, "Crawl").click();
    await till(async () => (await look(page)).opacity === 0.2);
    assert.equal((await look(page)).moving, false);
  });
}

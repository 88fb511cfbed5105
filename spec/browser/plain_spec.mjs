// The page without its script, and what a reader's settings ask for.

import assert from "node:assert/strict";
import { it } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
hearth.app { name = "plain", root = hearth.component("App", function()
  local n = hearth.use_persisted_state("n", 41)
  return hearth.Column {
    hearth.Text("The number is " .. n), hearth.Button "Add", hearth.TextInput { label = "Name", value = "Ada" },
    hearth.ActivityIndicator { label = "Busy" }, hearth.Row { id = "row", padding = 2, hearth.Text "a", hearth.Spacer(), hearth.Text "b" },
    hearth.Modal { title = "Welcome", hearth.Text "A dialog is readable too" },
  }
end) }
`;

export default function () {
  it("can be read without JavaScript, says what is missing, and is laid out", async (world) => {
    const page = await world.open(await world.serve({ source: APP }), { javaScriptEnabled: false });
    await page.getByText("The number is 41").waitFor();
    assert.match(await page.content(), /<noscript>[^]*Without JavaScript[^]*<\/noscript>/); // which emulation does not show
    await page.getByText("A dialog is readable too").waitFor();
    assert.equal(await page.title(), "plain");
    assert.equal(await page.getByLabel("Name").inputValue(), "Ada");
    const [a, b] = [await page.getByText("a", { exact: true }).boundingBox(), await page.getByText("b", { exact: true }).boundingBox()];
    assert.ok(b.x - a.x > 300, "styles are in effect before the script is"); // the Spacer between them
  });

  it("has a language, a title, a viewport, and no note where the script runs", async (world) => {
    const page = await world.open(await world.serve({ source: APP }));
    assert.equal(await page.title(), "plain");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.match(await page.locator("meta[name=viewport]").getAttribute("content"), /width=device-width/);
    assert.equal(await page.getByText("Without JavaScript").count(), 0);
    assert.equal(await page.getByRole("dialog", { name: "Welcome" }).evaluate((e) => e.matches(":modal")), true);
    assert.ok((await (await page.request.get(page.url() + "hearth.js")).body()).length <= 12 * 1024);
  });

  it("moves nothing for who asked for less motion, and is dark for who asked for that", async (world) => {
    const server = await world.serve({ source: APP });
    const moves = (page) => page.locator(".busy i").evaluate((e) => getComputedStyle(e).animationName);
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const calm = await world.open(server, { reducedMotion: "reduce", colorScheme: "dark" });
    const lively = await world.open(server, { reducedMotion: "no-preference", colorScheme: "light" });
    assert.equal(await moves(calm), "none");
    assert.equal(await moves(lively), "turn");
    assert.match(await ground(calm), /rgb\(2\d, /);
    assert.match(await ground(lively), /rgb\(25\d, /);
  });
}

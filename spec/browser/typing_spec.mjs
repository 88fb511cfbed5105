// What a person types stays: letters, their order, the caret, a selection, a composition.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const INPUTS = `
local hearth = require "hearth"
return hearth.component("App", function()
  local text, set_text = hearth.use_state ""
  return hearth.Column {
    hearth.TextInput { label = "Plain", value = text, on_change = set_text },
    hearth.Text("it has " .. text, { id = "echo" }),
  }
end)
`;

export default function () {
  it("gives the app every letter in order", async (world) => {
    const page = await world.open(await world.serve({ source: INPUTS }));
    const input = page.getByLabel("Plain");
    await input.pressSequentially("the quick brown fox jumps over the lazy dog");
    await till(async () => (await page.locator("#echo").textContent()) === "it has the quick brown fox jumps over the lazy dog");
    assert.equal(await input.inputValue(), "the quick brown fox jumps over the lazy dog");
  });
}

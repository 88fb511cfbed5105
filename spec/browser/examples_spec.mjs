// The examples in browsers.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { it, till } from "./support/world.mjs";

const EXAMPLES = readdirSync("examples").filter((f) => f.endsWith(".lua") && readFileSync(`examples/${f}`, "utf8").includes("hearth.app"))
  .map((f) => f.replace(".lua", "")); // the others are no apps

export default function () {
  for (const name of EXAMPLES) {
    it(`${name} can be read without its script, and is live with it, without a complaint`, async (world) => {
      const page = await world.open(await world.example(name));
      const first = await (await page.request.get(page.url())).text();
      assert.match(first, /<main id="hearth"[^]*class="(text|button|field)/);
      await page.locator("#hearth :is(button, input)").first().waitFor({ state: "attached" });
    });
  }

  it("shared_todo is live between two browsers", async (world) => {
    const server = await world.example("shared_todo");
    const ada = await world.open(server), bob = await world.open(server);
    await ada.getByLabel("New").pressSequentially("water the plants");
    await bob.getByLabel("New").pressSequentially("answer let"); // a draft of one's own
    await ada.getByLabel("New").press("Enter");
    await bob.getByLabel("water the plants").waitFor();
    assert.equal(await bob.getByLabel("New").inputValue(), "answer let");
    await till(async () => (await ada.getByLabel("New").inputValue()) === "");
    await bob.keyboard.type("ters");
    await bob.getByRole("button", { name: "Add" }).click();
    await ada.getByLabel("answer letters").check();
    await bob.getByLabel("answer letters").and(bob.locator(":checked")).waitFor();
    await bob.getByText("1 of 2 open").waitFor();
    // Both at once: both count.
    await Promise.all([ada.getByLabel("water the plants").check(), bob.getByLabel("answer letters").uncheck()]);
    for (const page of [ada, bob]) {
      await page.getByLabel("water the plants").and(page.locator(":checked")).waitFor();
      await page.getByLabel("answer letters").and(page.locator(":not(:checked)")).waitFor();
    }
    await bob.getByRole("button", { name: "Remove what is done" }).click();
    await ada.getByText("1 of 1 open").waitFor();
  });

  it("dashboard ticks, and stops when it is told to", async (world) => {
    const page = await world.open(await world.example("dashboard"));
    const ticks = async () => parseInt(await page.locator("#ticks").textContent(), 10);
    const first = await ticks();
    await till(async () => (await ticks()) >= first + 2);
    await page.getByLabel("Live").uncheck();
    await till(async () => {
      const now = await ticks();
      await page.waitForTimeout(1500);
      return now === (await ticks());
    }, "it stands still");
    const last = await ticks();
    await page.getByLabel("Live").check();
    await till(async () => (await ticks()) > last);
  });

  it("notes keep a draft for each user, over a reload and in another tab", async (world) => {
    const server = await world.example("notes");
    const context = await world.context(), page = await world.tab(server, context);
    await page.getByLabel("Note").pressSequentially("for ada");
    await page.getByLabel("User").selectOption({ label: "grace" });
    await till(async () => (await page.getByLabel("Note").inputValue()) === "");
    await page.getByLabel("User").selectOption({ label: "ada" });
    await till(async () => (await page.getByLabel("Note").inputValue()) === "for ada");
    const second = await world.tab(server, context);
    assert.equal(await second.getByLabel("Note").inputValue(), "for ada");
    await second.getByRole("button", { name: "Save" }).click();
    await page.getByText("1 notes of ada").waitFor();
    await till(async () => (await page.getByLabel("Note").inputValue()) === "");
    await page.reload();
    await page.getByText("for ada", { exact: true }).waitFor();
  });
}

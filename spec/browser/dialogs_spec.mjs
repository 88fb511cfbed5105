// Alerts in a page: dialogs that wait for their answer, also while the connection is away.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
local Alert = hearth.Alert
return hearth.component("App", function()
  local said, say = hearth.use_state "nothing"
  local asking = hearth.use_ref(nil)
  local function button(label, fn) return hearth.Button(label, { key = label, on_click = fn }) end
  return hearth.Column {
    hearth.Text(said, { id = "said" }),
    button("Show", function() Alert.show("Look", "It is **not** markup", "I see") end),
    button("Confirm", function() say("confirmed " .. tostring(Alert.confirm("Sure?", "Really?", "Yes", "No"))) end),
    button("Choose", function()
      say("chose " .. tostring(Alert.choose("Which?", { options = { "one", "two", "three" }, destructive = "three" })))
    end),
    button("Prompt", function()
      say("typed " .. tostring(Alert.prompt("Your name", { message = "As on the door", default = "Ada", placeholder = "name" })))
    end),
    button("Secret", function() say("typed " .. tostring(Alert.prompt("Word", { secure = true }))) end),
    button("Both", function()
      local function ask(what) return hearth.run_async(function() return Alert.confirm(what) end) end
      local both = hearth.all { ask "First?", ask "Second?" }
      say(tostring(both[1]) .. " " .. tostring(both[2]))
    end),
    button("Brief", function()
      asking.current = hearth.run_async(function() return Alert.confirm "Soon gone" end)
      hearth.sleep(0.3)
      asking.current:cancel()
      say "gone"
    end),
  }
end)
`;

const alert = (page) => page.getByRole("alertdialog");
const button = (page, name) => page.getByRole("button", { name, exact: true });
const said = (page, text) => till(async () => (await page.locator("#said").textContent()) === text, `it says '${text}'`);
const offline = (page) => page.waitForFunction(() => !document.getElementById("hearth").hasAttribute("data-live"));

async function open(world) {
  [/WebSocket connection/, /ERR_CONNECTION/, /ERR_EMPTY_RESPONSE/].forEach((noise) => world.expect(noise));
  const server = await world.serve({ source: APP });
  const proxy = await world.proxy(server);
  return { server, proxy, page: await world.open(proxy) };
}

export default function () {
  it("have a name, a text and the buttons that were given, and the keyboard to themselves", async (world) => {
    const { page } = await open(world);
    await button(page, "Show").click();
    await page.getByRole("alertdialog", { name: "Look" }).getByText("It is **not** markup", { exact: true }).waitFor();
    assert.equal(await alert(page).evaluate((e) => e.matches(":modal") && e.contains(document.activeElement)), true);
    await page.keyboard.press("Enter"); // its one button has the focus
    await alert(page).waitFor({ state: "detached" });
    assert.equal(await button(page, "Show").evaluate((e) => e === document.activeElement), true);
    await button(page, "Choose").click();
    await alert(page).waitFor();
    assert.deepEqual(await alert(page).getByRole("button").allTextContents(), ["one", "two", "three", "Cancel"]);
    await button(page, "Cancel").click();
    await said(page, "chose nil");
    await button(page, "Choose").click();
    await button(page, "three").click();
    await said(page, "chose three");
  });

  it("take a text, by its button and by Enter; dismissed, they give none", async (world) => {
    const { page } = await open(world);
    await button(page, "Prompt").click();
    const field = alert(page).getByRole("textbox");
    assert.equal(await field.inputValue(), "Ada");
    assert.equal(await field.evaluate((e) => e === document.activeElement), true);
    await field.fill("Ada L.");
    await button(page, "OK").click();
    await said(page, "typed Ada L.");
    await button(page, "Prompt").click();
    await field.fill("Grace");
    await field.press("Enter");
    await said(page, "typed Grace");
    await button(page, "Prompt").click();
    await field.press("Escape");
    await said(page, "typed nil");
    await button(page, "Secret").click();
    const secret = alert(page).locator("input[type=password]");
    await secret.fill("xyzzy");
    await secret.press("Enter");
    await said(page, "typed xyzzy");
  });

  it("come one after the other, and go when nobody waits for them any more", async (world) => {
    const { page } = await open(world);
    await button(page, "Both").click();
    await page.getByRole("alertdialog", { name: "First?" }).waitFor();
    assert.equal(await alert(page).count(), 1);
    await button(page, "OK").click();
    await page.getByRole("alertdialog", { name: "Second?" }).waitFor();
    await button(page, "Cancel").click();
    await said(page, "true false");
    await button(page, "Brief").click();
    await alert(page).getByText("Soon gone").waitFor();
    await said(page, "gone");
    await alert(page).waitFor({ state: "detached" });
    await button(page, "Confirm").click(); // the page can be used again
    await button(page, "Yes").click();
    await said(page, "confirmed true");
  });

  it("outlive a lost connection: an answer that is given meanwhile counts, once", async (world) => {
    const { proxy, page } = await open(world);
    await button(page, "Confirm").click();
    await alert(page).waitFor();
    proxy.cut();
    await offline(page);
    assert.equal(await alert(page).count(), 1);
    await button(page, "Yes").click();
    await alert(page).waitFor({ state: "detached" });
    proxy.mend();
    await said(page, "confirmed true");
    await button(page, "Confirm").click();
    await alert(page).waitFor();
    proxy.cut();
    await offline(page);
    proxy.mend();
    await page.waitForFunction(() => document.getElementById("hearth").hasAttribute("data-live"));
    assert.equal(await alert(page).count(), 1); // still there, and there once
    await button(page, "No").click();
    await said(page, "confirmed false");
  });

  it("go with a server that nobody hears of again", async (world) => {
    const { server, page } = await open(world);
    await button(page, "Confirm").click();
    await alert(page).waitFor();
    await server.stop();
    await server.start();
    await alert(page).waitFor({ state: "detached" });
    await button(page, "Confirm").click();
    await button(page, "Yes").click();
    await said(page, "confirmed true");
  });
}

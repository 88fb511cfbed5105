// What a person types stays: letters, their order, the caret, a selection, a composition; also where the server is slow, and where the
// app makes something else of it.

import assert from "node:assert/strict";
import { it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
local TextInput = hearth.TextInput
return hearth.component("App", function()
  local plain, set_plain = hearth.use_state ""
  local upper, set_upper = hearth.use_state ""
  local digits, set_digits = hearth.use_state ""
  local fixed = hearth.use_state "fixed"
  local free, set_free = hearth.use_state ""
  local note, set_note = hearth.use_state ""
  local sent, set_sent = hearth.use_state({})
  local entry, set_entry = hearth.use_state ""
  local ticks, set_ticks = hearth.use_state(0)
  local rows = {}
  for i = 1, 60 do rows[i] = hearth.Text(("row %d of tick %d"):format(i, ticks), { key = ticks % 2 == 0 and i or 61 - i }) end
  return hearth.Column {
    ticks % 2 == 1 and hearth.Text("a line that comes and goes", { key = "line" }) or nil,
    TextInput { key = "plain", label = "Plain", value = plain, on_change = set_plain },
    TextInput { key = "upper", label = "Upper", value = upper, on_change = function(text) set_upper(text:upper()) end },
    TextInput { key = "digits", label = "Digits", value = digits, on_change = function(text) set_digits((text:gsub("%D", ""):sub(1, 4))) end },
    TextInput { key = "fixed", label = "Fixed", value = fixed, on_change = function() end },
    TextInput { key = "free", label = "Free", default_value = "start", on_change = set_free },
    TextInput { key = "note", label = "Note", multiline = true, value = note, on_change = set_note },
    TextInput { key = "entry", label = "Entry", value = entry, on_change = set_entry, on_submit = function(text)
      set_sent(function(list)
        local longer = table.move(list, 1, #list, 1, {})
        longer[#longer + 1] = text
        return longer
      end)
      set_entry ""
    end },
    hearth.Button("Tick", { key = "tick", on_click = function() set_ticks(function(n) return n + 1 end) end }),
    hearth.Button("Many", { key = "many", on_click = function()
      for _ = 1, 20 do
        hearth.sleep(0.02)
        set_ticks(function(n) return n + 1 end)
      end
    end }),
    hearth.Text(table.concat({ plain, upper, digits, free, note, table.concat(sent, ",") }, "|"), { key = "echo", id = "echo" }),
    hearth.ScrollView { key = "rows", label = "Rows", height = 6, rows },
  }
end)
`;

const FOX = "the quick brown fox jumps over the lazy dog";
const echo = (page, place) => async () => (await page.locator("#echo").textContent()).split("|")[place];
const becomes = (page, place, text) => till(async () => (await echo(page, place)()) === text, `the app has '${text}'`);
const caret = (input) => input.evaluate((e) => [e.selectionStart, e.selectionEnd]);

// Compositions as an input method makes them.
async function composer(page) {
  const client = await page.context().newCDPSession(page);
  return {
    set: (text) => client.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length }),
    commit: (text) => client.send("Input.insertText", { text }),
  };
}

async function live(world, options) {
  const server = await world.serve({ source: APP, ...options });
  const proxy = await world.proxy(server);
  return { server, proxy, page: await world.open(proxy) };
}

export default function () {
  it("gives the app every letter in order", async (world) => {
    const { page } = await live(world);
    await page.getByLabel("Plain").pressSequentially(FOX);
    await becomes(page, 0, FOX);
    assert.equal(await page.getByLabel("Plain").inputValue(), FOX);
  });

  it("loses and reorders nothing where the server is slow, whatever the app makes of it", async (world) => {
    const { page, proxy } = await live(world);
    proxy.delay = 120;
    for (const [label, place, result] of [["Plain", 0, FOX], ["Upper", 1, FOX.toUpperCase()], ["Note", 4, FOX]]) {
      const input = page.getByLabel(label);
      await input.pressSequentially(FOX, { delay: 7 });
      if (label === "Plain") assert.equal(await input.inputValue(), FOX); // what is on its way is never taken back
      await becomes(page, place, result);
      await till(async () => (await input.inputValue()) === result);
    }
  });

  it("empties an input that was submitted, and keeps what was typed since", async (world) => {
    const { page, proxy } = await live(world);
    proxy.delay = 150;
    const input = page.getByLabel("Entry");
    await input.pressSequentially("milk", { delay: 10 });
    await input.press("Enter");
    await input.pressSequentially("ho", { delay: 10 });
    assert.equal(await input.inputValue(), "milkho"); // the app has not said yet that it is empty
    await becomes(page, 5, "milk");
    await input.pressSequentially("ney", { delay: 10 });
    await till(async () => (await input.inputValue()) === "honey");
  });

  it("submits one text after the other where the app is slow to empty the input", async (world) => {
    const { page, proxy } = await live(world);
    proxy.delay = 150;
    const input = page.getByLabel("Entry"), lines = ["milk", "honey", "a", "", "bread and butter", "a"];
    await input.focus();
    for (const line of lines) {
      await page.keyboard.type(line, { delay: 3 });
      await page.keyboard.press("Enter");
    }
    await page.keyboard.type("rest", { delay: 3 });
    await becomes(page, 5, lines.join(","));
    await till(async () => (await input.inputValue()) === "rest");
    await page.keyboard.press("Enter");
    await becomes(page, 5, [...lines, "rest"].join(","));
    await till(async () => (await input.inputValue()) === "");
  });

  it("agrees with the app in the end, however slow that is and whatever it leaves out", async (world) => {
    const { page, proxy } = await live(world);
    for (const delay of [1, 20, 60]) {
      proxy.delay = delay;
      for (const [label, place, typed, result] of [["Digits", 2, "1a2bb3ccc", "123"], ["Upper", 1, "abcdefghij", "ABCDEFGHIJ"]]) {
        const input = page.getByLabel(label);
        await input.fill("");
        await becomes(page, place, "");
        await input.pressSequentially(typed, { delay: 15 });
        await becomes(page, place, result);
        await till(async () => (await input.inputValue()) === result);
      }
    }
  });

  it("loses nothing of what comes faster than a page may send", async (world) => {
    const { page } = await live(world);
    const input = page.getByLabel("Note"), text = FOX.repeat(30);
    await input.focus();
    await page.evaluate((text) => { // thousands of letters a second, each an event of its own
      for (const c of text) document.execCommand("insertText", false, c);
    }, text);
    await becomes(page, 4, text);
    await input.pressSequentially(" and more");
    await becomes(page, 4, `${text} and more`);
    assert.equal(await input.inputValue(), `${text} and more`);
  });

  it("takes edits anywhere in a text as an input without a server does", async (world) => {
    const { page, proxy } = await live(world);
    proxy.delay = 50;
    let seed = 5;
    const any = (n) => { // always the same numbers
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor(seed / 65536) % n;
    };
    const moves = ["Backspace", "Delete", "ArrowLeft", "ArrowLeft", "ArrowRight", "Home", "End"];
    const keys = Array.from({ length: 120 }, () => (any(3) > 0 ? "abcdefghij"[any(10)] : moves[any(moves.length)]));
    const results = [];
    for (const label of ["Free", "Plain", "Upper"]) { // the first is nobody's but the browser's
      const input = page.getByLabel(label);
      await input.fill("");
      for (const key of keys) await page.keyboard.press(key, { delay: 2 });
      results.push(await input.inputValue());
      if (label !== "Free") await becomes(page, label === "Plain" ? 0 : 1, label === "Plain" ? results[0] : results[0].toUpperCase());
      await till(async () => (await input.inputValue()).toLowerCase() === results[0]);
    }
    assert.equal(results[1], results[0]);
    assert.equal(results[2].toLowerCase(), results[0]);
  });

  it("keeps caret and selection in the middle of a text", async (world) => {
    const { page } = await live(world);
    const input = page.getByLabel("Plain");
    await input.fill("one three");
    await becomes(page, 0, "one three");
    await input.evaluate((e) => e.setSelectionRange(4, 4));
    await input.pressSequentially("two ");
    await becomes(page, 0, "one two three");
    assert.deepEqual(await caret(input), [8, 8]);
    await input.evaluate((e) => e.setSelectionRange(4, 7));
    await page.evaluate(() => document.querySelector("button").click()); // a change of the page, without the mouse
    await page.getByText("row 1 of tick 1", { exact: true }).waitFor();
    assert.deepEqual(await caret(input), [4, 7]);
    assert.equal(await page.evaluate(() => document.activeElement.closest("label").textContent), "Plain");
  });

  it("shows what a component makes of a text, with the caret where one expects it", async (world) => {
    const { page } = await live(world);
    const upper = page.getByLabel("Upper");
    await upper.fill("abef");
    await becomes(page, 1, "ABEF");
    await upper.evaluate((e) => e.setSelectionRange(2, 2));
    await upper.pressSequentially("c");
    await becomes(page, 1, "ABCEF");
    await till(async () => (await upper.inputValue()) === "ABCEF");
    assert.deepEqual(await caret(upper), [3, 3]);

    const digits = page.getByLabel("Digits");
    await digits.pressSequentially("1a2b3");
    await till(async () => (await digits.inputValue()) === "123");
    await digits.evaluate((e) => e.setSelectionRange(1, 1));
    await digits.pressSequentially("x");
    await till(async () => (await digits.inputValue()) === "123");
    assert.deepEqual(await caret(digits), [1, 1]);
    await digits.press("End");
    await digits.pressSequentially("4567");
    await till(async () => (await digits.inputValue()) === "1234");
    await becomes(page, 2, "1234");
  });

  it("shows what the app says where it takes nothing, and leaves an input alone of which it says nothing", async (world) => {
    const { page } = await live(world);
    const fixed = page.getByLabel("Fixed");
    await fixed.pressSequentially("!!!");
    await till(async () => (await fixed.inputValue()) === "fixed");
    const free = page.getByLabel("Free");
    assert.equal(await free.inputValue(), "start");
    await free.press("End");
    await free.pressSequentially("ed");
    await becomes(page, 3, "started");
    await page.getByRole("button", { name: "Tick" }).click();
    await page.getByText("row 1 of tick 1", { exact: true }).waitFor();
    assert.equal(await free.inputValue(), "started");
  });

  it("lets a composition be, also when the app changes the input meanwhile", async (world) => {
    const { page } = await live(world);
    for (const [label, place, after] of [["Plain", 0, "日本語!"], ["Upper", 1, "日本語!"]]) {
      const input = page.getByLabel(label);
      await input.focus();
      const ime = await composer(page);
      for (const text of ["n", "に", "にh", "にほ", "にほん"]) {
        await ime.set(text);
        assert.equal(await input.inputValue(), text);
        await becomes(page, place, label === "Upper" ? text.toUpperCase() : text); // the app hears of it while it is composed
        assert.equal(await input.inputValue(), text); // and changes nothing here
      }
      await ime.commit("日本語");
      await input.pressSequentially("!");
      await becomes(page, place, after);
      assert.equal(await input.inputValue(), after);
    }
  });

  it("puts a composition upon what the app made of the text before it", async (world) => {
    const { page, proxy } = await live(world);
    const input = page.getByLabel("Upper");
    proxy.delay = 150;
    await input.pressSequentially("ab", { delay: 5 });
    const ime = await composer(page);
    await ime.set("か");
    await becomes(page, 1, "ABか"); // AB came while it was composed
    assert.equal(await input.inputValue(), "abか");
    await ime.commit("蚊");
    await becomes(page, 1, "AB蚊");
    await till(async () => (await input.inputValue()) === "AB蚊");
  });

  it("keeps focus, letters and the places of what is scrolled while everything around changes", async (world) => {
    const { page } = await live(world);
    const rows = page.getByLabel("Rows"), input = page.getByLabel("Plain");
    await rows.evaluate((e) => { e.scrollTop = 300; });
    await page.evaluate(() => scrollTo(0, 60));
    const at = await page.evaluate(() => scrollY);
    await input.evaluate((e) => e.focus({ preventScroll: true }));
    await page.evaluate(() => [...document.querySelectorAll("button")].find((b) => b.textContent === "Many").click());
    await page.keyboard.type(FOX, { delay: 8 });
    await page.getByText("row 1 of tick 20", { exact: true }).waitFor();
    await becomes(page, 0, FOX);
    assert.equal(await input.evaluate((e) => e === document.activeElement), true);
    assert.equal(await rows.evaluate((e) => e.scrollTop), 300);
    assert.ok(Math.abs(await page.evaluate(() => scrollY) - at) <= 80);
  });

  it("hands over what was typed before the page's script was there", async (world) => {
    const server = await world.serve({ source: APP });
    const context = await world.context();
    let release;
    await context.route("**/hearth.js", async (route) => {
      await new Promise((resolve) => { release = resolve; });
      await route.continue();
    });
    const page = await world.tab(server, context, { live: false, until: "commit" });
    const input = page.getByLabel("Plain");
    await input.pressSequentially("early");
    release();
    await becomes(page, 0, "early");
    await input.pressSequentially(" bird");
    await becomes(page, 0, "early bird");
  });
}

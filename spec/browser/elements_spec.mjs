// Every element as the people meet it who use a keyboard, a screen reader or a finger: by role and name.

import assert from "node:assert/strict";
import { PHONE, it, till } from "./support/world.mjs";

const APP = `
local hearth = require "hearth"
local Alert, Column, Row, Text, Button, TextInput = hearth.Alert, hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput
local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = { id = i, text = "Row " .. i } end
  return list
end
return hearth.component("App", function()
  local said, say = hearth.use_state "nothing"
  local open, set_open = hearth.use_state(false)
  local secret, set_secret = hearth.use_state(true)
  local v, set_v = hearth.use_state({ check = false, switch = true, pick = "b", slide = 20, text = "" })
  local rows = hearth.use_memo(function() return numbers(5000) end, {})
  local more, set_more = hearth.use_state(30)
  local function put(name)
    return function(value)
      set_v(function(now)
        local copy = {}
        for k, old in pairs(now) do copy[k] = old end
        copy[name] = value
        return copy
      end)
      say(name .. " " .. tostring(value))
    end
  end
  return Column {
    Text(said, { id = "said" }),
    Row { label = "Actions", spacing = 1,
      Button("Press", { on_click = function() say "pressed" end, on_long_click = function() say "pressed long" end }),
      Button("Never", { disabled = true, on_click = function() say "impossible" end }),
      Text("A text to click", { on_click = function() say "text" end }),
      hearth.Pressable { label = "A box", on_click = function() say "box" end, Text "inside" },
      Button("Ask", { on_click = function() say("answer " .. tostring(Alert.confirm("Sure?", "Really?", "Yes", "No"))) end }),
      Button("Choose", { on_click = function() say("chose " .. tostring(Alert.choose("Which?", { options = { "one", "two" } }))) end }),
      Button("Open", { on_click = function() set_open(true) end }),
    },
    TextInput { label = "Line", value = v.text, on_change = put "text", on_submit = function(t) say("submitted " .. t) end, max_length = 9,
      keyboard = "email", on_focus = function() say "focus" end, on_blur = function() say "blur" end },
    TextInput { label = "Secret", secure = secret, default_value = "" }, Button("Show it", { on_click = function() set_secret(false) end }),
    TextInput { placeholder = "Many lines", multiline = true, on_submit = function(t) say("submitted " .. t) end, default_value = "" },
    TextInput { label = "Fixed", read_only = true, value = "as it is" },
    hearth.Checkbox { label = "Check", value = v.check, on_change = put "check" },
    hearth.Switch { label = "Switch", value = v.switch, on_change = put "switch" },
    hearth.Picker { label = "Pick", options = { "a", { value = "b", label = "bee" }, 3 }, value = v.pick, on_change = put "pick" },
    hearth.Slider { label = "Slide", min = 0, max = 100, step = 10, value = v.slide, on_change = put "slide" },
    hearth.ProgressBar { label = "Done", value = v.slide, max = 100 }, hearth.ProgressBar { label = "Busy" },
    hearth.ActivityIndicator { label = "Working" },
    hearth.Image { source = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
      alt = "a dot", on_load = function() say "loaded" end },
    hearth.View { label = "Keys", focusable = true,
      on_key = function(e) say("key " .. e.key .. " " .. tostring(e.text) .. (e.ctrl and " ctrl" or "")) end,
      on_layout = function(box) hearth.app_box = box end, Text "keys go here" },
    hearth.FlatList(rows, { label = "Long", height = 8, key_extractor = function(r) return r.id end, render_item = function(r)
      return Text(r.text) end }),
    hearth.FlatList(numbers(more), { label = "Endless", height = 6, render_item = function(r) return Text("Item " .. r.id) end,
      on_end_reached = function() set_more(function(n) return n + 30 end) end }),
    hearth.SectionList { label = "Sections", sections = { { title = "Fruit", data = { "apple", "pear" } } }, render_item = function(s)
      return Text(s) end },
    hearth.ScrollView { label = "Scroll", height = 3, on_scroll = function(row) say("scrolled " .. row) end, Text(("long "):rep(900)) },
    hearth.Portal { Text "from a portal" },
    hearth.View { hidden = true, Button "hidden" },
    hearth.Modal { visible = open, title = "A dialog", on_close = function() set_open(false) end,
      Text "in front", Button("First", { on_click = function() say "first" end }),
      Button("Done here", { on_click = function() set_open(false) end }) },
  }
end)
`;

const button = (page, name) => page.getByRole("button", { name, exact: true });
const said = (page, text) => till(async () => (await page.locator("#said").textContent()) === text, `it says '${text}'`);
const focused = (page) => page.evaluate(() => document.activeElement.textContent || document.activeElement.ariaLabel);

async function open(world, options) {
  const server = await world.serve({ source: APP });
  return world.open(server, options);
}

export default function () {
  it("have roles and names", async (world) => {
    const page = await open(world);
    for (const [role, name] of [["button", "Press"], ["button", "A text to click"], ["button", "A box"], ["group", "Actions"], ["textbox", "Line"],
      ["textbox", "Many lines"], ["checkbox", "Check"], ["switch", "Switch"], ["combobox", "Pick"], ["slider", "Slide"], ["progressbar", "Done"],
      ["progressbar", "Busy"], ["img", "a dot"], ["list", "Long"], ["list", "Sections"], ["region", "Scroll"]]) {
      assert.equal(await page.getByRole(role, { name, exact: true }).count(), 1, `${role} ${name}`);
    }
    assert.equal(await page.getByRole("status").filter({ hasText: "Working" }).count(), 1);
    assert.equal(await page.getByRole("button", { name: "hidden" }).count(), 0);
    assert.equal(await page.getByRole("main").count(), 1);
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.getByText("from a portal").waitFor();
    assert.equal(await page.getByRole("list", { name: "Sections" }).getByRole("listitem").count(), 3);
    // Nothing that can be used is without a name.
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("button,input,select,textarea,[role=button]")]
      .filter((e) => !(e.textContent || e.ariaLabel || e.closest("label")?.textContent)).map((e) => e.outerHTML)), []);
  });

  it("can be used by mouse", async (world) => {
    const page = await open(world);
    await button(page, "Press").click();
    await said(page, "pressed");
    await button(page, "A text to click").click();
    await said(page, "text");
    await button(page, "A box").click();
    await said(page, "box");
    await page.getByLabel("Check").check();
    await said(page, "check true");
    await page.getByText("Switch").click();
    await said(page, "switch false");
    await page.getByLabel("Pick").selectOption("3");
    await said(page, "pick 3");
    assert.equal(await button(page, "Never").isDisabled(), true);
    const box = await button(page, "Press").boundingBox();
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.mouse.down();
    await said(page, "pressed long");
    await page.mouse.up();
    await button(page, "A box").click();
    await said(page, "box"); // the long press was no click, and the next click is one
  });

  it("can be used by keyboard alone", async (world) => {
    const page = await open(world);
    const seen = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      seen.push(await page.evaluate(() => {
        const e = document.activeElement;
        return e.closest("label")?.querySelector("span")?.textContent ?? e.ariaLabel ?? (e.placeholder || e.textContent);
      }));
    }
    assert.deepEqual(seen, ["Press", "A text to click", "A box", "Ask", "Choose", "Open", "Line", "Secret", "Show it", "Many lines", "Fixed", "Check"]);
    await page.keyboard.press("Space");
    await said(page, "check true");
    for (const [name, key, what] of [["A box", "Enter", "box"], ["A text to click", "Space", "text"], ["Press", "Enter", "pressed"]]) {
      await button(page, name).focus();
      await page.keyboard.press(key);
      await said(page, what);
    }
    await page.getByLabel("Slide").focus();
    await page.keyboard.press("ArrowRight");
    await said(page, "slide 30");
    await page.getByRole("progressbar", { name: "Done" }).and(page.locator('[value="30"]')).waitFor();
    const line = page.getByLabel("Line", { exact: true });
    await line.focus();
    await said(page, "focus");
    await page.keyboard.type("0123456789");
    assert.equal(await line.inputValue(), "012345678");
    await page.keyboard.press("Enter");
    await said(page, "submitted 012345678");
    await page.keyboard.press("Tab");
    await said(page, "blur");
    const many = page.getByPlaceholder("Many lines");
    await many.focus();
    await page.keyboard.type("a");
    await page.keyboard.press("Enter");
    await page.keyboard.type("b");
    await page.keyboard.press("Control+Enter");
    await said(page, "submitted a\nb");
    await page.getByLabel("Keys").focus();
    await page.keyboard.press("x");
    await said(page, "key x x");
    await page.keyboard.press("Control+ArrowLeft");
    await said(page, "key left nil ctrl");
    await page.keyboard.press("PageUp");
    await said(page, "key page_up nil");
  });

  it("take the input that they are made for", async (world) => {
    const page = await open(world);
    assert.equal(await page.getByLabel("Line", { exact: true }).getAttribute("inputmode"), "email");
    assert.equal(await page.getByLabel("Fixed").isEditable(), false);
    const secret = page.getByLabel("Secret");
    assert.equal(await secret.getAttribute("type"), "password");
    await secret.fill("12345");
    await button(page, "Show it").click();
    await till(async () => (await secret.getAttribute("type")) === "text");
    assert.equal(await secret.inputValue(), "12345");
  });

  it("Modal has the keyboard to itself, closes by Escape and outside, and gives the focus back", async (world) => {
    const page = await open(world);
    await button(page, "Open").focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "A dialog" });
    await dialog.waitFor();
    const inside = () => page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest("dialog"));
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press("Tab");
      assert.equal(await inside(), true);
    }
    assert.equal(await button(page, "Press").evaluate((e) => {
      e.focus();
      return e === document.activeElement;
    }), false); // what lies behind is out of reach
    await button(page, "First").click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await till(async () => (await focused(page)) === "Open");
    await said(page, "first");
    await page.keyboard.press("Enter");
    await dialog.waitFor();
    await page.mouse.click(5, 5);
    await dialog.waitFor({ state: "hidden" });
    await button(page, "Open").click();
    await button(page, "Done here").click();
    await dialog.waitFor({ state: "hidden" });
    await button(page, "Press").click();
    await said(page, "pressed");
  });

  it("Alerts are dialogs that wait for an answer", async (world) => {
    const page = await open(world);
    const alert = page.getByRole("alertdialog");
    await button(page, "Ask").click();
    await alert.getByText("Really?").waitFor();
    assert.equal(await alert.getByRole("heading").textContent(), "Sure?");
    await alert.getByRole("button", { name: "Yes" }).click();
    await said(page, "answer true");
    assert.equal(await alert.count(), 0);
    await button(page, "Ask").click();
    await alert.waitFor();
    await page.keyboard.press("Escape");
    await said(page, "answer false");
    await button(page, "Choose").click();
    await alert.getByRole("button", { name: "two" }).click();
    await said(page, "chose two");
  });

  it("lists hold the rows in sight, wherever one scrolls, and their bar tells the truth", async (world) => {
    const page = await open(world);
    const list = page.getByLabel("Long");
    const inSight = () => list.evaluate((e) => {
      const box = e.getBoundingClientRect();
      return [...e.children].filter((c) => c.getBoundingClientRect().bottom > box.top + 1 && c.getBoundingClientRect().top < box.bottom - 1)
        .map((c) => c.textContent);
    });
    assert.equal(await list.getByRole("listitem").count(), 100);
    const height = await list.evaluate((e) => e.scrollHeight);
    assert.ok(Math.abs(height - 5000 * 24) < 200, `${height} px for 5000 rows`);
    for (const row of [60, 150, 2500, 4990, 2000, 1]) { // by wheel and by bar, forwards and back
      await list.evaluate((e, at) => { e.scrollTop = at; }, (row - 1) * 24);
      await till(async () => {
        const rows = await inSight();
        return rows.length >= 8 && Math.abs(Number(rows[0].slice(4)) - Math.min(row, 4993)) <= 1;
      }, `row ${row} is on top`);
      assert.ok((await list.getByRole("listitem").count()) <= 100);
    }
    await list.hover();
    for (let i = 0; i < 30; i++) await page.mouse.wheel(0, 200);
    await till(async () => (await inSight()).length >= 8 && Number((await inSight())[0].slice(4)) >= 240);
    const rows = (await inSight()).map((text) => Number(text.slice(4)));
    assert.deepEqual(rows, rows.map((_, i) => rows[0] + i));
  });

  it("a list that reaches its end says so, and a ScrollView where it is", async (world) => {
    const page = await open(world);
    const list = page.getByLabel("Endless");
    for (const last of [60, 90]) {
      await list.evaluate((e) => { e.scrollTop = e.scrollHeight; });
      await list.getByText(`Item ${last}`, { exact: true }).waitFor({ state: "attached" });
    }
    await page.getByLabel("Scroll").evaluate((e) => { e.scrollTop = 240; });
    await said(page, "scrolled 10");
  });

  it("can be used with a finger, on a small screen", async (world) => {
    const page = await open(world, PHONE);
    await button(page, "Press").tap();
    await said(page, "pressed");
    await page.getByLabel("Switch").tap();
    await said(page, "switch false");
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= PHONE.viewport.width);
    const low = await page.evaluate(() => [...document.querySelectorAll("#hearth button, #hearth input:not([type=checkbox]), #hearth select")]
      .filter((e) => e.checkVisibility() && e.type !== "range" && e.getBoundingClientRect().height < 40).map((e) => e.outerHTML));
    assert.deepEqual(low, []);
  });
}

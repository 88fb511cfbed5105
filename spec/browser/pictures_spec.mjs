// Pictures of the examples for people to look at, in build/screenshots: at a desk and on a phone, light and dark. What can be said of
// them without looking: nothing is wider than the screen, and text can be told from what is behind it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { BUILD, PHONE, it } from "./support/world.mjs";

const LOOKS = {
  "desktop-light": { viewport: { width: 1100, height: 800 }, colorScheme: "light" },
  "desktop-dark": { viewport: { width: 1100, height: 800 }, colorScheme: "dark" },
  "phone-light": { ...PHONE, colorScheme: "light" },
  "phone-dark": { ...PHONE, colorScheme: "dark" },
};

// The smallest contrast of a visible text with the nearest background behind it (WCAG 2).
function contrast() {
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = rgb(getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] > 0.5) return c;
    }
    return [255, 255, 255];
  };
  let least = { ratio: 21 };
  for (const e of document.querySelectorAll("#hearth .text, #hearth button:enabled, #hearth label > span, #hearth select, #hearth small")) {
    if (!e.textContent.trim() || !e.checkVisibility()) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least.ratio) least = { ratio, text: e.textContent };
  }
  return least;
}

async function look(page, name) {
  await page.mouse.move(0, 0);
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished)));
  await page.screenshot({ path: join(BUILD, "screenshots", `${name}.png`), fullPage: true });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `${name} is ${wider} px wider than the screen`);
  const least = await page.evaluate(contrast);
  assert.ok(least.ratio >= 4.5, `${name}: '${least.text}' has a contrast of ${least.ratio?.toFixed(2)}`);
}

const ARGS = { dashboard: ["0.2"] };
// What is done in an example before its picture is taken.
const EXAMPLES = {
  gallery: async (page, shot) => {
    for (const name of ["Welcome", "Controls", "Typing", "Lists", "Feedback"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("button", { name, exact: true }).and(page.locator("[style*=underline]")).waitFor();
      await shot(name.toLowerCase());
    }
    await page.getByRole("button", { name: "Ask me something" }).click();
    await page.getByRole("dialog").waitFor();
    await shot("modal");
    await page.getByRole("button", { name: "Yes" }).click();
    await page.getByRole("button", { name: "Alert" }).click();
    await page.getByRole("alertdialog").waitFor();
    await shot("alert");
  },
  notes: async (page, shot) => {
    for (const note of ["Buy milk and bread", "Ask Ada about the engine: does it weave algebraic patterns just as the loom weaves flowers and leaves?"]) {
      await page.getByLabel("Note").fill(note);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText(note, { exact: true }).waitFor();
    }
    await page.getByLabel("Note").pressSequentially("half a thou");
    await shot("");
  },
  todo: async (page, shot) => {
    for (const text of ["Water the plants", "Answer letters"]) {
      await page.getByLabel("What is to do").fill(text);
      await page.getByLabel("What is to do").press("Enter");
      await page.getByLabel(text).waitFor();
    }
    await page.getByLabel("Answer letters").check();
    await page.getByText("1 open").waitFor();
    await shot("");
  },
  shared_todo: async (page, shot) => {
    for (const text of ["Water the plants", "Answer letters", "Ask Grace whether the compiler is ready, and if so bring cake for everyone"]) {
      await page.getByLabel("New").fill(text);
      await page.getByLabel("New").press("Enter");
      await page.getByLabel(text, { exact: true }).waitFor();
    }
    await page.getByLabel("Answer letters", { exact: true }).check();
    await page.getByText("2 of 3 open").waitFor();
    await shot("");
  },
  dashboard: async (page, shot) => {
    await page.getByText("3 s", { exact: true }).waitFor(); // of sixteen samples
    await shot("");
  },
  posts: async (page, shot) => {
    await page.getByRole("button", { name: "Hearth" }).click();
    await page.getByText("Its state stays.").waitFor();
    await page.getByLabel("Title").pressSequentially("A third one");
    await shot("");
  },
  form: (page, shot) => shot(""),
  settings: (page, shot) => shot(""),
};

export default function () {
  for (const [example, act] of Object.entries(EXAMPLES)) {
    it(`${example} at a desk and on a phone, light and dark`, async (world) => {
      for (const [look_, options] of Object.entries(LOOKS)) {
        const page = await world.open(await world.example(example, ARGS[example]), options);
        await act(page, (part) => look(page, [example, part, look_].filter(Boolean).join("-")));
      }
    });
  }
}

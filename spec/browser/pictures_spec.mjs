// Pictures of the examples for people to look at, in build/screenshots: at a desk and on a phone, light and dark. What can be said of
// them without looking: nothing is wider than the screen, and text can be told from what is behind it.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD, PHONE, it } from "./support/world.mjs";

const SCREENS = { desktop: { viewport: { width: 1100, height: 800 } }, phone: PHONE };

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
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await shoot(page, `${name}-${colorScheme}`);
  }
}

async function shoot(page, name) {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished)));
  await page.screenshot({ path: join(BUILD, "screenshots", `${name}.png`), fullPage: true });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `${name} is ${wider} px wider than the screen`);
  const least = await page.evaluate(contrast);
  assert.ok(least.ratio >= 4.5, `${name}: '${least.text}' has a contrast of ${least.ratio?.toFixed(2)}`);
}

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
  dashboard: async (page, shot, { say }) => {
    for (let i = 1; i <= 14; i++) await page.getByText(say(i), { exact: true }).waitFor();
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

// What an example is given: for the dashboard, a machine on which something happens when we say so.
const BESIDE = {
  dashboard: (world) => {
    const folder = mkdtempSync(join(tmpdir(), "hearth-machine-"));
    world.ends.push(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "self"));
    const put = (name, text) => { // whole, or not at all
      writeFileSync(join(folder, "new"), text);
      renameSync(join(folder, "new"), join(folder, name));
    };
    const say = (i) => {
      const load = (2 + 1.5 * Math.sin(i / 2.5) + i / 20).toFixed(2);
      put("meminfo", `MemTotal: 8000000 kB\nMemAvailable: ${5000000 - i * 100000} kB\n`);
      put("self/status", `VmRSS: ${10000 + (i % 7) * 800} kB\n`);
      put("loadavg", `${load} 0 0 1/1 1\n`);
      return load;
    };
    say(0);
    return { args: ["0.05", folder], say };
  },
};

export default function () {
  for (const [example, act] of Object.entries(EXAMPLES)) {
    it(`${example} at a desk and on a phone, light and dark`, async (world) => {
      for (const [screen, options] of Object.entries(SCREENS)) {
        const beside = BESIDE[example]?.(world);
        const page = await world.open(await world.example(example, beside?.args), options);
        await act(page, (part) => look(page, [example, part, screen].filter(Boolean).join("-")), beside);
      }
    });
  }
}

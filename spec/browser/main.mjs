// Runs the specs of this folder, or those named, one after the other in one browser.

import { readdirSync } from "node:fs";
import { describe } from "node:test";

const here = new URL("./", import.meta.url);
const named = process.argv.slice(2);
const files = readdirSync(here).filter((f) => f.endsWith("_spec.mjs")).sort();
for (const file of files) {
  const name = file.replace("_spec.mjs", "");
  if (named.length > 0 && !named.includes(name)) continue;
  const spec = await import(new URL(file, here));
  describe(name, spec.default);
}

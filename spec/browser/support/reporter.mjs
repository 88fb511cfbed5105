// One line for each test that failed and one for each file, then the closing line that tools/test.sh adds up.

export default async function* reporter(source) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite") {
      if (data.nesting === 0) yield `${data.name}: ${(data.details.duration_ms / 1000).toFixed(1)} s\n`;
      continue;
    }
    if (data.skip !== undefined || data.todo !== undefined) count.skipped++;
    else if (type === "test:pass") count.passed++;
    else {
      count.failed++;
      const error = data.details.error.cause ?? data.details.error;
      yield `FAILED: ${data.name}\n${String(error?.stack ?? error).replace(/^/gm, "  ")}\n`;
    }
    if (process.env.BROWSER_VERBOSE) yield `  ${type.slice(5)} ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
  }
  yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
}

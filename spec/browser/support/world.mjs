// What a test opens, and its end: servers stopped, browsers closed. A test in which a page logged an error, broke the
// Content-Security-Policy or raised, or a server wrote to its standard error, fails, unless it said beforehand that it expects such.

import { createRequire } from "node:module";
import { after, test } from "node:test";
import { Posts, Proxy, Server } from "./server.mjs";

const { chromium, devices } = createRequire(import.meta.url)("playwright-core"); // found by NODE_PATH

export const BUILD = process.env.BUILD ?? "build";
export const PHONE = devices["iPhone 13"];
const PATIENCE = 30000; // what never comes fails after this; what comes is waited for no longer than it takes
const TIMEOUT = 8 * PATIENCE;

let browser;
export async function chrome() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM,
    chromiumSandbox: process.getuid() !== 0,
    args: ["--disable-gpu", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
  return browser;
}
after(async () => { await browser?.close(); });

class World {
  ends = [];
  servers = [];
  pages = [];
  problems = [];
  expected = [];

  async serve(options) {
    const server = new Server(options);
    this.ends.push(() => server.close());
    this.servers.push(server);
    await server.start();
    return server;
  }

  // An example, with what it needs beside it.
  async example(name, args = []) {
    const posts = new Posts();
    if (name === "posts") {
      this.ends.push(() => posts.close());
      await posts.start();
    }
    return this.serve({ app: `examples/${name}.lua`, args: args.length > 0 ? ["--", ...args] : [], env: { POSTS_URL: posts.url } });
  }

  async proxy(server) {
    const proxy = new Proxy(server.port);
    this.ends.push(() => proxy.close());
    return proxy.start();
  }

  // A browser of its own: cookies and localStorage are shared by its tabs alone.
  async context(options = {}) {
    const context = await (await chrome()).newContext({ serviceWorkers: "block", ...options });
    context.setDefaultTimeout(PATIENCE);
    this.ends.unshift(() => context.close());
    return context;
  }

  // A tab that shows this server (or proxy), live unless the browser runs no scripts.
  async tab(at, context, { path = "", live = true, until = "load" } = {}) {
    const page = await context.newPage();
    this.pages.push(page);
    page.on("pageerror", (error) => this.problems.push(`raised: ${error.stack}`));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.problems.push(`${message.type()}: ${message.text()}`);
    });
    await page.goto(at.url + path, { waitUntil: until });
    if (live) await page.waitForFunction(() => document.getElementById("hearth").hasAttribute("data-live"));
    return page;
  }

  // A tab in a browser of its own.
  async open(at, options = {}) {
    return this.tab(at, await this.context(options), { live: options.javaScriptEnabled !== false });
  }

  // Messages of the console that a test is about: a text or an expression.
  expect(what) { this.expected.push(what); }

  verdict() {
    const said = this.servers.flatMap((s) => s.errors.split("\n").filter(Boolean).map((line) => `hearth serve: ${line}`));
    const rest = [...this.problems, ...said].filter((p) => !this.expected.some((e) => (e instanceof RegExp ? e.test(p) : p.includes(e))));
    if (rest.length > 0) throw new Error(`there were complaints:\n${rest.join("\n")}`);
  }

  async close() {
    for (const end of this.ends) await end();
  }
}

export function it(name, fn) {
  test(name, { timeout: TIMEOUT }, async () => {
    const world = new World();
    try {
      await fn(world);
      world.verdict();
    } catch (error) {
      for (const page of world.pages) {
        const text = await page.locator("#hearth").innerText({ timeout: 1000 }).catch(() => "nothing");
        error.stack += `\na page showed: ${text.replace(/\n+/g, " | ").slice(0, 600)}`;
      }
      if (world.problems.length > 0) error.stack += `\nwhat pages said:\n${world.problems.join("\n")}`;
      throw error;
    } finally {
      await world.close();
    }
  });
}

// Waits until fn() gives something true.
export async function till(fn, what = fn.toString()) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await fn();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`it never came to: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

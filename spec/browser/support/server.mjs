// `hearth serve` as a process of its own, and a proxy in front of it that is slow, or breaks, when a test says so.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BUILD = process.env.BUILD ?? "build";

// The first line that a program prints.
async function firstLine(program, errors = () => "") {
  let out = "";
  return new Promise((resolve, reject) => {
    program.stdout.on("data", (bytes) => { out += bytes; if (out.includes("\n")) resolve(out.split("\n")[0]); });
    program.once("error", reject);
    program.once("exit", (status) => reject(new Error(`${program.spawnargs.join(" ")} ended with ${status}: ${errors()}`)));
  });
}

// A program is killed, if it still runs, and has ended when this returns.
async function end(program, signal = "SIGKILL") {
  if (!program || program.exitCode !== null || program.signalCode) return;
  const ended = once(program, "exit");
  program.kill(signal);
  await ended;
}

// The web server that examples/posts.lua asks.
export class Posts {
  async start() {
    this.process = spawn(join(BUILD, "posts-server"), [], { stdio: ["ignore", "pipe", "inherit"] });
    this.url = `http://127.0.0.1:${await firstLine(this.process)}`;
    return this;
  }

  close() { return end(this.process); }
}

export class Server {
  // app: the path of an app; source: the text of one; env: more of its environment
  constructor({ app, source, args = [], env = {} }) {
    this.folder = mkdtempSync(join(tmpdir(), "hearth-browser-"));
    this.app = app ?? join(this.folder, "app.lua");
    this.args = args;
    this.env = { ...process.env, ...env };
    if (source) this.write(source);
    this.port = 0;
    this.errors = "";
  }

  write(source) { writeFileSync(this.app, source); }

  async start() {
    const store = join(this.folder, "store.sqlite3");
    this.process = spawn(join(BUILD, "hearth"), ["serve", this.app, "--port", String(this.port), "--store", store, ...this.args],
      { stdio: ["ignore", "pipe", "pipe"], env: this.env });
    this.process.stderr.on("data", (bytes) => { this.errors += bytes; });
    const line = await firstLine(this.process, () => this.errors);
    const [, url, port] = /^hearth: (https?:\/\/[^:]+:(\d+)\/)/.exec(line) ?? [];
    if (!url) throw new Error(`hearth serve said ${line}`);
    this.url = url;
    this.port = Number(port);
    return this;
  }

  // SIGKILL unless told otherwise: nothing is said to the pages.
  stop(signal) { return end(this.process, signal); }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Proxy {
  constructor(port) {
    this.target = port;
    this.delay = 0; // milliseconds, each way
    this.open = true;
    this.sockets = new Set();
    this.server = net.createServer((near) => this.join(near));
  }

  async start() {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}/`;
    return this;
  }

  join(near) {
    if (!this.open) return near.destroy();
    const far = net.connect(this.target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      this.sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("data", (bytes) => {
        if (this.delay === 0) to.write(bytes);
        else setTimeout(() => to.destroyed || to.write(bytes), this.delay);
      });
      from.on("close", () => { this.sockets.delete(from); to.destroy(); });
    }
  }

  // Every connection breaks without a word; new ones are refused until `mend`.
  cut() {
    this.open = false;
    for (const socket of this.sockets) socket.destroy();
  }
  mend() { this.open = true; }

  async close() {
    this.cut();
    this.server.close();
  }
}

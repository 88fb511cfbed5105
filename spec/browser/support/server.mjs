// `hearth serve` as a process of its own, and a proxy in front of it that is slow, or breaks, when a test says so.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const HEARTH = join(process.env.BUILD ?? "build", "hearth");

export class Server {
  // app: the path of an app; source: the text of one
  constructor({ app, source, args = [] }) {
    this.folder = mkdtempSync(join(tmpdir(), "hearth-browser-"));
    this.app = app ?? join(this.folder, "app.lua");
    this.args = args;
    if (source) this.write(source);
    this.port = 0;
    this.errors = "";
  }

  write(source) { writeFileSync(this.app, source); }

  async start() {
    this.process = spawn(HEARTH, ["serve", this.app, "--port", String(this.port), "--store", join(this.folder, "store.sqlite3"), ...this.args],
      { stdio: ["ignore", "pipe", "pipe"] });
    this.process.stderr.on("data", (bytes) => { this.errors += bytes; });
    let out = "";
    await new Promise((resolve, reject) => {
      this.process.stdout.on("data", (bytes) => { out += bytes; if (out.includes("\n")) resolve(); });
      this.process.once("exit", (status) => reject(new Error(`hearth serve ended with ${status}: ${this.errors}`)));
    });
    const [, url, port] = /^hearth: (https?:\/\/[^:]+:(\d+)\/)/.exec(out) ?? [];
    if (!url) throw new Error(`hearth serve said ${out}`);
    this.url = url;
    this.port = Number(port);
    return this;
  }

  // SIGKILL unless told otherwise: nothing is said to the pages.
  async stop(signal = "SIGKILL") {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
  }

  async close() {
    await this.stop("SIGKILL");
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

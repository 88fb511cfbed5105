// The stores that Hearth's is measured against, each at its durable setting, on the same disk: npm's lmdb, better-sqlite3 and classic-level, and Redis
// with appendfsync always. Prints "NAME VERB MICROSECONDS", or "NAME missing REASON". Usage: node store.js FOLDER. bench/peers.lua starts it.
"use strict";
const { spawn } = require("child_process");
const fs = require("fs");
const net = require("net");
const path = require("path");

const folder = process.argv[2];
const SETS = 500, MANY = 10000, ROUNDS = 5, GETS = 200000;

const now = () => Number(process.hrtime.bigint()) / 1e3;
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const value = (i) => "value of some length " + i;

async function times(n, fn) {
  const took = [];
  for (let i = 0; i < n; i++) {
    const t = now();
    await fn(i);
    took.push(now() - t);
  }
  return median(took);
}

// A peer: set(key, value) durable, together(list) each on its own but not waited for one by one, many(list) in one commit, get(key). A get is awaited,
// as Hearth's is.
async function measure(name, peer) {
  const report = (verb, us) => console.log(name, verb, us.toFixed(3));
  let round = 0;
  const list = () => {
    round++;
    return Array.from({ length: MANY }, (_, i) => ["key:" + i, value(round * MANY + i)]);
  };
  await peer.many(list());
  report("set", await times(SETS, (i) => peer.set("key:" + (i % 100), value(i))));
  if (peer.together) report("together", await times(ROUNDS, () => peer.together(list())));
  report("many", await times(ROUNDS, () => peer.many(list())));
  await peer.set("hot", "value");
  const gets = peer.remote ? 1000 : GETS;
  report("get", (await times(9, async () => {
    for (let i = 0; i < gets; i++) await peer.get("hot");
  })) / gets);
  await peer.close();
}

const peers = {
  lmdb() {
    const db = require("lmdb").open({ path: path.join(folder, "lmdb"), encoding: "string" });
    return {
      async set(key, v) { // put resolves with the commit; it is on disk when flushed does
        await db.put(key, v);
        await db.flushed;
      },
      async together(list) {
        await Promise.all(list.map(([k, v]) => db.put(k, v)));
        await db.flushed;
      },
      async many(list) {
        await db.transaction(() => { for (const [k, v] of list) db.put(k, v); });
        await db.flushed;
      },
      get: (key) => db.get(key),
      close: () => db.close(),
    };
  },

  "better-sqlite3"() {
    const db = new (require("better-sqlite3"))(path.join(folder, "better.sqlite3"));
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.exec("CREATE TABLE record(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
    const put = db.prepare("INSERT INTO record VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    const get = db.prepare("SELECT value FROM record WHERE key = ?").pluck();
    const all = db.transaction((list) => { for (const [k, v] of list) put.run(k, v); });
    return { set: (k, v) => put.run(k, v), many: all, get: (k) => get.get(k), close: () => db.close() };
  },

  async "classic-level"() {
    const db = new (require("classic-level").ClassicLevel)(path.join(folder, "level"));
    await db.open();
    const sync = { sync: true };
    return {
      set: (k, v) => db.put(k, v, sync),
      together: (list) => Promise.all(list.map(([k, v]) => db.put(k, v, sync))),
      many: (list) => db.batch(list.map(([key, v]) => ({ type: "put", key, value: v })), sync),
      get: (k) => db.getSync(k),
      close: () => db.close(),
    };
  },

  async redis() {
    const socket_path = path.join(folder, "redis.sock");
    const server = spawn("redis-server", ["--port", "0", "--unixsocket", socket_path, "--dir", folder, "--save", "", "--appendonly", "yes",
      "--appendfsync", "always"], { stdio: "ignore" });
    await new Promise((resolve, reject) => {
      server.on("error", () => reject(new Error("there is no redis-server")));
      const look = setInterval(() => {
        if (!fs.existsSync(socket_path)) return;
        clearInterval(look);
        resolve();
      }, 10);
    });
    const socket = net.connect(socket_path);
    const waiting = []; // one for each answer
    let rest = "";
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      rest += data;
      for (;;) { // answers here are +OK, or a string of known size
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        let size = end + 2;
        if (rest[0] === "$") size += Number(rest.slice(1, end)) + 2;
        if (rest.length < size) return;
        if (rest[0] === "-") throw new Error(rest.slice(1, end));
        rest = rest.slice(size);
        waiting.shift()();
      }
    });
    const text = (words) => "*" + words.length + "\r\n" + words.map((w) => "$" + w.length + "\r\n" + w + "\r\n").join("");
    const answers = (n) => Promise.all(Array.from({ length: n }, () => new Promise((resolve) => waiting.push(resolve))));
    const send = (...words) => {
      socket.write(text(words));
      return answers(1);
    };
    return {
      set: (k, v) => send("SET", k, v),
      together(list) {
        socket.write(list.map(([k, v]) => text(["SET", k, v])).join(""));
        return answers(list.length);
      },
      many: (list) => send("MSET", ...list.flat()),
      remote: true,
      get: (k) => send("GET", k),
      async close() {
        socket.end();
        const ended = new Promise((resolve) => server.on("exit", resolve));
        server.kill();
        await ended;
      },
    };
  },
};

async function main() {
  const map = new Map([["hot", "value"]]);
  console.log("map", "get", ((await times(9, async () => {
    for (let i = 0; i < GETS; i++) await map.get("hot");
  })) / GETS).toFixed(3));
  for (const [name, make] of Object.entries(peers)) {
    let peer;
    try {
      peer = await make();
    } catch (err) {
      console.log(name, "missing", err.message.split("\n")[0]);
      continue;
    }
    await measure(name, peer);
  }
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});

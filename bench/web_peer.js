// What bench/support/web_app.lua does, on Node with `ws`: the same page and the same messages.
//
// Told apart by the argument: with none it does what Hearth does, for pages that may lose their connection and come back. Each has numbers of its own for what it
// is told, and what it has not acknowledged is kept; the change itself is encoded once. With `light` all pages get one and the same text and nothing is kept: a
// page that is away for a moment has missed what was said.
"use strict";
const http = require("http");
const { WebSocketServer } = require("ws");

const light = process.argv[2] === "light";
const html = (all, own) => '<main id="hearth" data-h="0" data-s><div data-h="1" class="col" data-s><span data-h="2" class="text">All ' + all +
  '</span><button type="button" data-h="3" class="button" data-e="c">Share</button><span data-h="4" class="text">Own ' + own +
  '</span><button type="button" data-h="5" class="button" data-e="c">Count</button></div></main>';
const patch = (node, text) => '"p":' + JSON.stringify([["u", node, '<span data-h="' + node + '" class="text">' + text + "</span>"]]);
const numbered = (q, handled, body) => '{"q":' + q + ',"a":' + handled + "," + body + "}";

class Session {
  constructor(socket) {
    this.socket = socket;
    this.own = this.said = this.got = this.handled = 0;
    this.kept = [];
  }
  say(body) {
    const text = numbered(++this.said, this.handled, body);
    this.kept.push(text);
    this.socket.send(text);
  }
  acknowledged(q) {
    this.kept.splice(0, q - this.got);
    this.got = q;
  }
}

let all = 0;
const sessions = new Set();
const server = http.createServer((request, response) => {
  response.setHeader("set-cookie", "peer=1");
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end("<!doctype html><html><body>" + html(all, 0) + "</body></html>");
});
const pages = new WebSocketServer({ server, path: "/live", perMessageDeflate: false });
pages.on("connection", (socket) => {
  const session = new Session(socket);
  sessions.add(session);
  socket.on("close", () => sessions.delete(session));
  socket.on("message", (data) => {
    const [number, kind, node] = JSON.parse(data);
    if (kind === "h") socket.send(JSON.stringify({ t: "new", s: "x", html: html(all, session.own), a: 0 }));
    else if (kind === "a") session.acknowledged(node);
    if (kind !== "e") return;
    session.handled = number;
    if (node === 3) {
      const body = patch(2, "All " + ++all);
      const text = light ? numbered(all, number, body) : null;
      for (const other of sessions) light ? other.socket.send(text) : other.say(body);
    } else if (node === 5) {
      session.say(patch(4, "Own " + ++session.own));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

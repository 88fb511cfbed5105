// What bench/support/web_app.lua does, on Node with `ws`: the same page, the same messages, one encode for all pages.
"use strict";
const http = require("http");
const { WebSocketServer } = require("ws");

const html = (all, own) => '<main id="hearth" data-h="0" data-s><div data-h="1" class="col" data-s><span data-h="2" class="text">All ' + all +
  '</span><button type="button" data-h="3" class="button" data-e="c">Share</button><span data-h="4" class="text">Own ' + own +
  '</span><button type="button" data-h="5" class="button" data-e="c">Count</button></div></main>';
let all = 0;
const server = http.createServer((request, response) => {
  response.setHeader("set-cookie", "peer=1");
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end("<!doctype html><html><body>" + html(all, 0) + "</body></html>");
});
const pages = new WebSocketServer({ server, path: "/live", perMessageDeflate: false });
pages.on("connection", (socket) => {
  let own = 0, q = 0;
  socket.on("message", (data) => {
    const m = JSON.parse(data);
    if (m[1] === "h") socket.send(JSON.stringify({ t: "new", s: "x", html: html(all, own), a: 0 }));
    else if (m[1] === "e" && m[2] === 3) {
      all++;
      const text = JSON.stringify({ q: ++q, a: m[0], p: [["u", 2, '<span data-h="2" class="text">All ' + all + "</span>"]] });
      for (const other of pages.clients) other.send(text);
    } else if (m[1] === "e" && m[2] === 5) {
      own++;
      socket.send(JSON.stringify({ q: ++q, a: m[0], p: [["u", 4, '<span data-h="4" class="text">Own ' + own + "</span>"]] }));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

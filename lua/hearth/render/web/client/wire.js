// The connection. What is said carries a number and is kept until the server has acknowledged it; docs/web.md has the messages.

const state = document.getElementById("hearth-state"), TAB = "hearth:tab";
let socket, session = null, ready = false, number = 0, out = [], greeted = 0, got = 0, acked = 0, tries = 0, timer, notice, owed, asked;

function send(kind, ...body) {
  const last = out[out.length - 1];
  // What was typed and has not been sent is one event.
  if (body[1] === "v" && last && !last.gone && last[2] === body[0] && last[3] === "v") {
    last[4] = body[2];
    return last[0];
  }
  const m = [++number, kind, ...body];
  out.push(m);
  deliver();
  return number;
}
// Some at a time: a page that sends more than the server takes would be cut, and what waits here may still become one event.
function deliver() {
  for (const m of ready ? out.slice(0, 64) : []) {
    if (m.gone === socket) continue;
    m.gone = socket;
    socket.send(JSON.stringify(m));
  }
}
function event(el, kind, ...value) {
  const n = send("e", +el.dataset.h, kind, ...value);
  return Object.assign(out[out.length - 1], { el, label: el.textContent }) && n;
}

// The tab's id is in sessionStorage only while the tab is not looked at, or goes: a tab that is opened as a copy of this one is another.
const hex = (x) => (x + 256).toString(16).slice(1);
let id = sessionStorage.getItem(TAB) || [...crypto.getRandomValues(new Uint8Array(12))].map(hex).join("");
const keepTab = (e) => sessionStorage[document.hidden || e.type === "pagehide" ? "setItem" : "removeItem"](TAB, id);
addEventListener("visibilitychange", keepTab);
addEventListener("pagehide", keepTab);
addEventListener("pageshow", (e) => {
  if (e.persisted) location.reload();
  keepTab(e);
});

function live(on) {
  ready = on;
  main.toggleAttribute("data-live", on);
  clearTimeout(notice);
  notice = setTimeout(() => { state.textContent = on ? "" : state.dataset.text; }, on ? 0 : 700);
}

// The dialog of an alert, which the server has made; null: none is open any more.
function ask_(html) {
  const d = html && make(html);
  if (asked && d && asked.id === d.id) return; // sent again after a resume
  if (asked) drop(asked);
  asked = d;
  if (!d) return;
  document.body.append(d);
  d.showModal();
}
function answer(i) {
  const d = asked, field = d.querySelector("input");
  ask_(null);
  send("r", +d.dataset.i, +i, ...field ? [field.value] : []);
}

function receive(m) {
  if (m.t === "bye") tries = 0;
  if (m.t === "reload") session = null;
  if (m.a !== undefined) {
    acked = m.a;
    out = out.filter((x) => x[0] > acked);
    deliver();
  }
  if (m.t === "new") {
    session = m.s;
    got = applied = 0;
    ask_(null);
    mount(m.html, out.filter((x, i) => i >= greeted || x[1] === "e"));
  }
  if (m.t === "new" || m.t === "ok") {
    tries = 0;
    live(true);
    deliver();
    settle();
  }
  if (!m.q || m.q <= got) return;
  got = m.q;
  if (m.p) {
    anchor();
    m.p.forEach(patch);
    settle();
  }
  if (m.ls) store(m.ls);
  if (m.al !== undefined) ask_(m.al);
  // An acknowledgement only lets the server forget: some at once.
  clearTimeout(owed);
  if (got % 64) owed = setTimeout(acknowledge, 500);
  else acknowledge();
}
const acknowledge = () => ready && socket.send(`[0,"a",${got}]`);

function connect() {
  const s = socket = new WebSocket(`${location.origin.replace("http", "ws")}/live`, "hearth");
  clearTimeout(timer);
  s.onopen = () => {
    const [items, m] = contents();
    greeted = out.length; // what the page does to localStorage from here on is not in `items`
    told = true;
    let room = ROOM;
    for (const key of Object.keys(items)) {
      room -= bytes([key, items[key]]);
      if (room > 0) continue;
      delete items[key];
      tell(key); // after the greeting, in a message of its own
    }
    s.send(JSON.stringify([0, "h", { s: session, g: got, tab: id, items: items, own: Object.keys(m), rev: applied }]));
  };
  s.onmessage = (e) => {
    for (const m of e.data.split("\n")) {
      if (s !== socket) return;
      receive(JSON.parse(m));
      release();
    }
  };
  s.onclose = () => {
    if (s !== socket) return;
    live(false);
    timer = setTimeout(connect, Math.min(5000, 100 * 2 ** tries++) * (0.5 + Math.random()));
  };
}
addEventListener("online", () => ready || connect());

-- The script of a page: applies patches, sends events, resumes a lost connection, mirrors localStorage. Plain JavaScript as it is served, without a build
-- step. What it says carries a number and is kept until the server has acknowledged it; `docs/web.md` has the messages.

return [==[
"use strict";
(function () {
  var main = document.getElementById("hearth"), socket = null, ready = false, session = null, first = true;
  var number = 0, out = [], got = 0, acked = 0, told = 0, ackTimer = 0, tries = 0, composing = false, timer = 0;
  var MARKS = "hearth:keys", applied = 0, inside = false, raw = Storage.prototype;
  var setItem = raw.setItem, removeItem = raw.removeItem, clearAll = raw.clear;
  var state = document.getElementById("hearth-state");

  // ---- what is sent
  function send(kind, body, element) {
    var m = [++number, kind].concat(body);
    m.el = element;
    if (element) m.label = element.textContent;
    out.push(m);
    if (out.length > 2000) { out = []; location.reload(); }
    if (ready) socket.send(JSON.stringify(m));
    return number;
  }
  function event(element, kind, value) {
    return send("e", value === undefined ? [+element.dataset.h, kind] : [+element.dataset.h, kind, value], element);
  }

  // ---- patches
  function make(html) {
    var t = document.createElement("template");
    t.innerHTML = html;
    return t.content.firstElementChild;
  }
  function find(id) { return id === 0 ? main : main.querySelector('[data-h="' + id + '"]'); }
  function slot(e) { return e.hasAttribute("data-s") ? e : e.querySelector("[data-s]"); }
  function dress(e) {
    var all = e.querySelectorAll("[data-y]"), i;
    if (e.dataset.y) e.style.cssText = e.dataset.y;
    for (i = 0; i < all.length; i++) all[i].style.cssText = all[i].dataset.y;
    return e;
  }
  function isInput(e) { return e.tagName === "INPUT" || e.tagName === "TEXTAREA" || e.tagName === "SELECT"; }
  // What the user has typed and the server has not seen yet is never replaced.
  function value(a, b, fresh) {
    if (!b.hasAttribute("data-v") || a.sentAs > acked || composing && a === document.activeElement) return;
    if (fresh && a.edited) return;
    if (a.type === "checkbox") a.checked = b.checked;
    else if (a.value !== b.value) {
      var from = a.selectionStart, to = a.selectionEnd, end = from === a.value.length;
      a.value = b.value;
      a.edited = false;
      if (a === document.activeElement && from !== null && a.tagName !== "SELECT") a.setSelectionRange(end ? a.value.length : from, end ? a.value.length : to);
    }
  }
  function morph(a, b, deep) {
    var i, n, kids, other;
    if (a.nodeType !== b.nodeType || a.nodeType === 1 && (a.tagName !== b.tagName || a.type !== b.type)) {
      if (b.nodeType === 1) {
        dress(b);
        if (!deep && a.nodeType === 1 && slot(a) && slot(b)) while (slot(a).firstChild) slot(b).appendChild(slot(a).firstChild);
      }
      a.replaceWith(b);
      return;
    }
    if (a.nodeType !== 1) { if (a.data !== b.data) a.data = b.data; return; }
    for (i = a.attributes.length; i--;) {
      n = a.attributes[i].name;
      if (n !== "style" && !b.hasAttribute(n)) a.removeAttribute(n);
    }
    for (i = 0; i < b.attributes.length; i++) {
      n = b.attributes[i].name;
      if (a.getAttribute(n) !== b.attributes[i].value) a.setAttribute(n, b.attributes[i].value);
    }
    if (a.style.cssText || a.dataset.y) a.style.cssText = a.dataset.y || "";
    if (a.tagName === "TEXTAREA") return value(a, b, deep);
    if (deep || !a.hasAttribute("data-s")) {
      kids = Array.prototype.slice.call(b.childNodes);
      for (i = 0; i < kids.length; i++) {
        other = a.childNodes[i];
        if (other) morph(other, kids[i], deep);
        else a.appendChild(kids[i].nodeType === 1 ? dress(kids[i]) : kids[i]);
      }
      while (a.childNodes.length > kids.length) a.lastChild.remove();
    }
    if (isInput(a)) value(a, b, deep);
  }
  function children(id, list) {
    var parent = find(id), s = parent && slot(parent), have = {}, want = [], focus = document.activeElement, i;
    if (!s) return;
    for (i = 0; i < s.children.length; i++) have[s.children[i].dataset.h] = s.children[i];
    for (i = 0; i < list.length; i++) want.push(typeof list[i] === "string" ? dress(make(list[i])) : have[list[i]]);
    for (i = s.children.length; i--;) if (want.indexOf(s.children[i]) < 0) s.children[i].remove();
    for (i = 0; i < want.length; i++) if (s.childNodes[i] !== want[i]) s.insertBefore(want[i], s.childNodes[i] || null);
    if (focus !== document.activeElement && focus.isConnected) focus.focus();
  }
  function focusNew() {
    var e = main.querySelector("[autofocus]:not([data-seen])"), m;
    if (e) { e.setAttribute("data-seen", ""); e.focus(); }
    m = modal();
    if (m && !m.contains(document.activeElement)) m.firstElementChild.focus();
  }
  function modal() {
    var all = main.querySelectorAll(".modal:not([hidden])");
    return all[all.length - 1];
  }
  // A new mount of the app: what was typed or clicked here and still has its element goes to it.
  function mount(html) {
    var waiting = out, i, m, inputs;
    out = [];
    number = acked = 0;
    morph(main, make(html), true);
    dress(main);
    inputs = main.querySelectorAll("input,textarea,select");
    for (i = 0; i < inputs.length; i++) { inputs[i].sentAs = 0; if (inputs[i].edited) changed(inputs[i]); }
    for (i = 0; i < waiting.length; i++) {
      m = waiting[i];
      if (m[1] === "e" && m[3] === "c" && m.el && m.el.isConnected && m.el.textContent === m.label) event(m.el, "c");
    }
  }

  // ---- localStorage
  function hash(s) {
    var h = 5381, i = s.length;
    while (i) h = h * 33 ^ s.charCodeAt(--i);
    return (h >>> 0).toString(36);
  }
  function marks() { try { return JSON.parse(localStorage.getItem(MARKS)) || {}; } catch (e) { return {}; } }
  function held(key, m) {
    var text = localStorage.getItem(key);
    return text === null ? null : [text, m[key] === hash(text)];
  }
  function items(m) {
    var all = {}, i, key;
    for (i = 0; i < localStorage.length; i++) { key = localStorage.key(i); if (key !== MARKS) all[key] = held(key, m); }
    return all;
  }
  function store(d) {
    var m = marks(), answer = { ack: d.revision }, key, i, old;
    function drop(k) { removeItem.call(localStorage, k); delete m[k]; }
    if (d.revision <= applied) return send("l", [answer]);
    applied = d.revision;
    if (d.cleared) for (key in m) drop(key);
    for (i = 0; d.removed && i < d.removed.length; i++) drop(d.removed[i]);
    for (key in d.localstorage || {}) {
      old = m[key];
      try {
        m[key] = d.localstorage[key][1] ? hash(d.localstorage[key][0]) : 1;
        setItem.call(localStorage, MARKS, JSON.stringify(m));
        setItem.call(localStorage, key, d.localstorage[key][0]);
      } catch (e) {
        if (old === undefined) delete m[key]; else m[key] = old;
        (answer.refused = answer.refused || {})[key] = "EQUOTA";
        if (held(key, m)) (answer.localstorage = answer.localstorage || {})[key] = held(key, m);
        else (answer.removed = answer.removed || []).push(key);
      }
    }
    try { setItem.call(localStorage, MARKS, JSON.stringify(m)); } catch (e) { /* the marks in it are older: raw strings */ }
    send("l", [answer]);
  }
  function told(key) {
    var d = {}, now;
    if (key === MARKS || !session) return;
    if (key === null) d.cleared = true;
    else if ((now = held(key, marks()))) (d.localstorage = {})[key] = now;
    else d.removed = [key];
    send("l", [d]);
  }
  addEventListener("storage", function (e) { if (e.storageArea === localStorage) told(e.key); });
  raw.setItem = function (k) { setItem.apply(this, arguments); if (this === localStorage) told(String(k)); };
  raw.removeItem = function (k) { removeItem.apply(this, arguments); if (this === localStorage) told(String(k)); };
  raw.clear = function () { clearAll.apply(this, arguments); if (this === localStorage) told(null); };

  // ---- the connection
  function tab() {
    var id = sessionStorage.getItem("hearth:tab"), b = new Uint8Array(12);
    if (!id) {
      crypto.getRandomValues(b);
      id = Array.prototype.map.call(b, function (x) { return (x + 256).toString(16).slice(1); }).join("");
      setItem.call(sessionStorage, "hearth:tab", id);
    }
    return id;
  }
  // At leisure: an acknowledgement only lets the server forget.
  function ackSoon() {
    if (got - told >= 64) ack();
    else if (!ackTimer) ackTimer = setTimeout(ack, 500);
  }
  function ack() {
    clearTimeout(ackTimer);
    ackTimer = 0;
    if (ready && told < got) socket.send("[0,\"a\"," + (told = got) + "]");
  }
  function receive(m) {
    var i, p;
    if (m.t === "bye") { tries = 0; return; }
    if (m.t === "reload") { location.reload(); return; }
    if (m.a !== undefined) {
      acked = m.a;
      while (out.length && out[0][0] <= acked) out.shift();
    }
    if (m.t === "new") { session = m.s; got = told = applied = 0; mount(m.html); }
    if (m.t) {
      ready = true;
      main.dataset.live = 1;
      tries = 0;
      if (state) state.hidden = true;
      for (i = 0; i < out.length; i++) socket.send(JSON.stringify(out[i]));
      focusNew();
    }
    if (m.q) {
      if (m.q <= got) return;
      got = m.q;
      for (i = 0; m.p && i < m.p.length; i++) {
        p = m.p[i];
        if (p[0] === "c") children(p[1], p[2]);
        else if (find(p[1])) morph(find(p[1]), make(p[2]), false);
      }
      if (m.ls) store(m.ls);
      focusNew();
      ackSoon();
    }
  }
  function connect() {
    var s = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/live", "hearth");
    clearTimeout(timer);
    socket = s;
    s.onopen = function () {
      var m = marks();
      s.send(JSON.stringify([0, "h", { s: session, g: got, tab: tab(), items: items(m), own: Object.keys(m), rev: applied }]));
    };
    s.onmessage = function (e) { e.data.split("\n").forEach(function (m) { if (s === socket) receive(JSON.parse(m)); }); };
    s.onclose = function () {
      if (s !== socket) return;
      ready = false;
      delete main.dataset.live;
      if (state && !first) state.hidden = false;
      first = false;
      timer = setTimeout(connect, Math.min(5000, 100 * Math.pow(2, tries++)) * (0.5 + Math.random()));
    };
  }
  addEventListener("online", function () { if (!ready) connect(); });

  // ---- events
  function wants(target, kind) { return target.closest && target.closest('[data-e*="' + kind + '"]'); }
  function changed(t) {
    var node = wants(t, "v"), v = t.type === "checkbox" ? t.checked : t.type === "range" || t.tagName === "SELECT" ? +t.value : t.value;
    t.edited = true;
    if (node) t.sentAs = event(node, "v", v);
  }
  main.addEventListener("click", function (e) {
    var node = wants(e.target, "c"), control = e.target.closest("label");
    if (node && !(control && node.contains(control))) event(node, "c");
  });
  main.addEventListener("input", function (e) { if (isInput(e.target) && !e.isComposing) changed(e.target); });
  main.addEventListener("change", function (e) {
    var node = wants(e.target, "s");
    if (e.target.type === "range" && node) event(node, "s", +e.target.value);
  });
  main.addEventListener("compositionstart", function () { composing = true; });
  main.addEventListener("compositionend", function (e) { composing = false; if (isInput(e.target)) changed(e.target); });
  main.addEventListener("keydown", function (e) {
    var node, t = e.target, m;
    if (e.isComposing) return;
    if (e.key === "Enter" && t.tagName === "INPUT" && t.type !== "checkbox" && (node = wants(t, "s"))) { e.preventDefault(); event(node, "s", t.value); }
    else if ((e.key === "Enter" || e.key === " ") && t.tagName === "DIV" && t.getAttribute("role") === "button" && wants(t, "c") === t) {
      e.preventDefault();
      event(t, "c");
    } else if (e.key === "Escape" && (m = modal()) && m.dataset.e) event(m, "x");
  });
  main.addEventListener("focusin", function (e) { var n = wants(e.target, "f"); if (n) event(n, "f"); });
  main.addEventListener("focusout", function (e) { var n = wants(e.target, "b"); if (n && !inside) event(n, "b"); });
  main.addEventListener("scroll", function (e) {
    var t = e.target, w = t.dataset && t.dataset.w && t.dataset.w.split(",");
    if (!w || t.asked === t.dataset.w) return;
    if (t.scrollTop + t.clientHeight > t.scrollHeight - 200 && +w[1] < +w[2]) { t.asked = t.dataset.w; event(t, "w", +w[1]); }
    else if (t.scrollTop < 200 && +w[0] > 1) { t.asked = t.dataset.w; event(t, "w", +w[0]); }
  }, true);
  dress(main);
  connect();
})();
]==]

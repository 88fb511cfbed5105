// Controls whose value the app says, while somebody types. What was typed and is under way to the app is never replaced: where the app
// meanwhile made something else of it, what was typed since is put upon that.

let composing = null; // the control in which a composition is under way

// `mine` came out of `base` by an edit; the same edit upon `theirs`.
function rebase(base, mine, theirs) {
  if (theirs === base || theirs === mine) return mine;
  let p = 0, s = 0;
  while (p < base.length && base[p] === mine[p]) p++;
  while (s < Math.min(base.length, mine.length) - p && base.at(-1 - s) === mine.at(-1 - s)) s++;
  const at = p === base.length ? theirs.length : Math.min(p, theirs.length), gone = base.length - s - p;
  const fits = theirs.length === base.length || theirs.startsWith(base.slice(0, p + gone));
  return theirs.slice(0, at) + mine.slice(p, mine.length - s) + theirs.slice(fits ? at + gone : at);
}

// Another text, and the caret where it was: counted from the end where what follows it is the same.
function put(a, text) {
  if (a.value === text) return;
  const old = a.value, ends = [a.selectionStart, a.selectionEnd];
  a.value = text;
  if (a !== document.activeElement) return;
  a.setSelectionRange(...ends.map((i) => (text.endsWith(old.slice(i)) ? text.length - old.length + i : Math.min(i, text.length))));
}

// `log` is what was sent, [number, value], from the last that the app has handled on; `typed` is the last number that the user made,
// and `redone` the last that we made, when we put upon the app's text what was typed since: what the app makes of older texts is of no
// interest.
function setValue(a, b, fresh) {
  const log = a.log || [[0, a.value]];
  if (fresh) {
    a.log = a.sent = a.typed = a.redone = 0;
    if (a.draft && a.draft.name === name(b)) return;
  } else if (b.dataset.v === undefined) return;
  else {
    while (log[1] && log[1][0] <= acked) log.shift();
    if (a.redone > acked || submitted.has(a)) return;
    if (a === composing) return a.late = [log[0][1], b.value];
    if (isText(a) && a.typed > acked) {
      const text = rebase(log[0][1], a.value, b.value);
      log[0][1] = b.value;
      if (text === a.value) return;
      put(a, text);
      return changed(a, true);
    }
    if (a.sent > acked) return;
  }
  a.log = 0;
  a.checked = b.checked;
  if (a.value === b.value) return;
  if (isText(a)) put(a, b.value);
  else a.value = b.value;
  a.edited = false;
}

function changed(t, ours, v = t.type === "checkbox" ? t.checked : isText(t) ? t.value : +t.value) {
  const node = wants(t, "v");
  t.edited = true;
  if (!node || submitted.has(t)) return;
  t.log = t.log || [[0, t.defaultValue]];
  t.sent = event(node, "v", v);
  t[ours ? "redone" : "typed"] = t.sent;
  t.log.push([t.sent, v]);
}

// A submit may empty the control. Until the app has handled it, what is typed is held back, and so are more submits, as the texts at them.
const submitted = new Set();

function submit(t, text = t.value) {
  if (submitted.has(t)) return t.more.push(text);
  submitted.add(t);
  t.more = [];
  t.log = [[event(wants(t, "s"), "s", text), text]];
}
function release() {
  for (const t of [...submitted]) {
    const [n, base] = t.log[0], theirs = t.dataset.v === undefined ? base : t.defaultValue, upon = (x) => rebase(base, x, theirs);
    if (n > acked || t === composing) continue;
    submitted.delete(t);
    put(t, upon(t.value));
    t.log = [[0, theirs]];
    const [text, ...more] = t.more.map(upon);
    if (text !== undefined) {
      changed(t, false, text);
      submit(t, text);
      t.more = more;
    } else if (t.value !== theirs) changed(t);
  }
}

// A fresh mount of the app: what was typed here is given to it, by the name of its control; so is what was clicked.
function mount(html, waiting) {
  const each = (fn) => {
    const count = {};
    for (const e of all("input,textarea,select")) fn(e, name(e) + "\n" + (count[name(e)] = -~count[name(e)]));
  };
  const drafts = {}, focus = document.activeElement;
  each((e, key) => {
    const kept = isText(e) ? e.edited : e.sent > acked;
    e.draft = kept ? drafts[key] = { name: name(e), value: e.value, on: e.checked, at: e.selectionEnd, e } : null;
  });
  number = acked = 0;
  out = [];
  submitted.clear();
  morph(main, make(html), true);
  each((e, key) => {
    const d = drafts[key];
    if (!d) return;
    if (d.e === focus) e.focus();
    if (e.value !== d.value) {
      e.value = d.value;
      if (isText(e)) e.setSelectionRange(d.at, d.at);
    }
    e.checked = d.on;
    e.log = [[0, e.value]]; // it is no edit of what the fresh app shows
    changed(e, true);
  });
  for (const m of waiting) {
    if (m[1] === "l") send("l", m[2]);
    else if (m[3] === "c" && m.el.isConnected && m.el.textContent === m.label) event(m.el, "c");
  }
}

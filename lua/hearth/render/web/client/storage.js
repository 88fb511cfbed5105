// localStorage, mirrored in the app. MARKS holds the keys that the app wrote, each with the hash of its text if that is JSON: a text
// that the page has changed since is a string of the page's own.

const MARKS = "hearth:keys", raw = Storage.prototype, { setItem, removeItem, clear } = raw;
let applied = 0, told = false;

function hash(s) {
  let h = 5381, i = s.length;
  while (i) h = h * 33 ^ s.charCodeAt(--i);
  return (h >>> 0).toString(36);
}
const held = (key, m) => {
  const text = localStorage.getItem(key);
  return text === null ? undefined : [text, m[key] === hash(text)];
};
// All that is there, and the marks. A storage that is switched off is an empty one.
function contents() {
  let m = {};
  const items = {};
  try {
    m = JSON.parse(localStorage.getItem(MARKS)) || m;
    for (const key of Object.keys(localStorage)) if (key !== MARKS) items[key] = held(key, m);
  } catch (e) { /* empty, then */ }
  return [items, m];
}
// A message has at most 1 MiB: a value that is larger is not mirrored.
const ROOM = 9e5;
const bytes = (x) => new Blob([JSON.stringify(x)]).size;
function store(d) {
  const m = contents()[1], answer = { ack: d.revision }, removed = d.cleared ? Object.keys(m) : [];
  const keep = () => setItem.call(localStorage, MARKS, JSON.stringify(m));
  if (d.revision > applied) {
    applied = d.revision;
    if (d.cleared) answer.removed = removed; // other tabs' keys too
    for (const key of removed.concat(d.removed || [])) {
      removeItem.call(localStorage, key);
      delete m[key];
    }
    if (d.cleared) { // what is left is told: the marks may be older than another tab's last write
      let room = ROOM;
      for (const [key, now] of Object.entries(contents()[0])) {
        room -= bytes([key, now]);
        if (room > 0) answer.localstorage = { ...answer.localstorage, [key]: now };
      }
    }
    for (const [key, [text, json]] of Object.entries(d.localstorage || {})) {
      const old = m[key];
      try {
        m[key] = json ? hash(text) : 1;
        keep();
        setItem.call(localStorage, key, text);
      } catch (e) {
        m[key] = old; // JSON leaves out what is undefined
        answer.refused = { ...answer.refused, [key]: "EQUOTA" };
        const now = contents()[0][key];
        if (now) answer.localstorage = { ...answer.localstorage, [key]: now };
        else answer.removed = [...answer.removed || [], key];
      }
    }
    try { keep(); } catch (e) { /* the older marks in it make strings of what they do not know */ }
  }
  send("l", answer);
}
function tell(key) {
  const [items, m] = contents(), now = items[key];
  if (key === MARKS || !told || now && bytes(now) > ROOM) return;
  send("l", key === null ? { cleared: true } : now ? { localstorage: { [key]: now }, own: m[key] && [key] } : { removed: [key] });
}
addEventListener("storage", (e) => { if (e.storageArea === localStorage) tell(e.key); });
for (const [verb, was] of Object.entries({ setItem, removeItem, clear })) {
  raw[verb] = function (...args) {
    was.apply(this, args);
    if (this === localStorage) tell(verb === "clear" ? null : String(args[0]));
  };
}

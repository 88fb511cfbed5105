// Patches become elements. What the user has in hand stays where it is: the focus, a caret, a place in a scrolled list.

const main = document.getElementById("hearth");
const all = (what, e = main) => [...e.querySelectorAll(what)];
const find = (id) => all(`[data-h="${id}"]`, document)[0];
const slot = (e) => (e.dataset.s === "" ? e : e.querySelector("[data-s]"));
const isText = (e) => e.tagName === "TEXTAREA" || /^(text|password)$/.test(e.type);

function make(html) {
  const t = document.createElement("template");
  t.innerHTML = html;
  return t.content.firstElementChild;
}
// The Content-Security-Policy allows no style attribute in HTML; `pad` is the room of rows that are not here (lists.js).
const paint = (e) => { e.style.cssText = (e.dataset.y || "") + (e.pad || ""); };
function dress(e) {
  if (e.dataset) for (const x of [e, ...all("[data-y]", e)]) if (x.dataset.y) paint(x);
  return e;
}
// Removes a node and gives what came after it. A dialog is closed before: that gives the focus back.
function drop(e) {
  const next = e.nextSibling;
  if (e.dataset) for (const d of [e, ...all("dialog", e)]) if (d.open) d.close();
  e.remove();
  return next;
}

const alike = (a, b) => a.nodeName === b.nodeName && (a.type === b.type || isText(a) && isText(b));
// What the control in a label is called: by that it is known again, also in a fresh mount.
const name = (e) => {
  const label = e.closest && e.closest("label"), c = label && label.querySelector("[name],[placeholder]");
  const span = label && label.querySelector("span");
  return label ? (c ? c.name + c.placeholder : "") + (span ? span.textContent : "") : "";
};

// Makes a look like b. `deep`: with all below it; else what has a place for children keeps those that it has.
function morph(a, b, deep) {
  if (!alike(a, b)) return a.replaceWith(dress(b));
  if (!a.dataset) {
    if (a.data !== b.data) a.data = b.data;
    return;
  }
  const fixed = /^(style|open)$/;
  for (const x of [...a.attributes]) if (!fixed.test(x.name) && !b.hasAttribute(x.name)) a.removeAttribute(x.name);
  for (const x of b.attributes) if (!fixed.test(x.name) && a.getAttribute(x.name) !== x.value) a.setAttribute(x.name, x.value);
  paint(a);
  if (a.tagName === "TEXTAREA") a.defaultValue = b.defaultValue;
  else if (deep || a.dataset.s !== "") {
    let at = a.firstChild;
    for (const kid of [...b.childNodes]) {
      let same = at;
      while (same && !(alike(same, kid) && name(same) === name(kid))) same = same.nextSibling;
      if (!same && at && alike(at, kid)) same = at;
      if (same) {
        while (at !== same) at = drop(at);
        at = at.nextSibling;
        morph(same, kid, deep);
      } else a.insertBefore(dress(kid), at);
    }
    while (at) at = drop(at);
  }
  if (a.form !== undefined && a.type !== "button") setValue(a, b, deep);
}

// The children of a node, in order: ids of those that are here, HTML of new ones. The one with the focus is not moved, the others go
// around it.
function setChildren(s, list) {
  const have = {}, focus = document.activeElement;
  for (const c of s.children) have[c.dataset.h] = c;
  const want = list.map((x) => have[x] || dress(make(x)));
  for (const c of [...s.childNodes]) if (!want.includes(c)) drop(c);
  let at = s.firstChild;
  for (const w of want) {
    if (at && w.parentNode === s && (w.contains(focus) || at.nextSibling === w && !at.contains(focus))) {
      while (at !== w) {
        const next = at.nextSibling;
        s.append(at);
        at = next;
      }
    }
    if (at === w) at = at.nextSibling;
    else s.insertBefore(w, at);
  }
}

function patch([kind, id, what, ms, easing]) {
  const e = find(id);
  if (!e) return;
  if (kind === "c") setChildren(slot(e), what);
  else if (kind === "u") morph(e, make(what));
  else { // the style goes there by itself, from what is shown now; the next patch of the node ends that
    e.offsetWidth;
    e.dataset.y = what;
    paint(e);
    e.style.transition = `all ${ms}ms ${easing}`;
  }
}

// What is done by hand once the elements are there: dialogs, the keyboard's focus, sizes, lists.
const sizes = new ResizeObserver((list) => list.forEach((x) => layout(x.target)));
function layout(e) {
  const r = e.getBoundingClientRect(), v = [r.x + scrollX, r.y + scrollY, r.width, r.height].map(Math.round);
  if (e.laid === (e.laid = v + id + session)) return;
  event(e, "y", v);
}
function settle() {
  for (const d of all("dialog")) {
    const shown = d.dataset.open === "" && !d.closest("[hidden]");
    if (shown && !d.matches(":modal")) {
      d.removeAttribute("open");
      d.showModal();
    } else if (!shown && d.open) d.close();
  }
  for (const e of all("[autofocus]")) {
    if (!e.met) e.focus();
    e.met = true;
  }
  if (!ready) return;
  for (const e of all('[data-e*="y"]')) {
    sizes.observe(e);
    layout(e);
  }
  all("[data-w],[data-o]").forEach(fill);
}

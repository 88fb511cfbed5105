// What the user does, as events of the nodes that want to hear of it: `data-e` lists their kinds.

const wants = (target, kind) => target.closest && target.closest(`[data-e*="${kind}"]`);
const on = (type, fn) => document.addEventListener(type, fn, true);
const fire = (kind) => (e) => wants(e.target, kind) && event(wants(e.target, kind), kind);
let pressed, long;

function leave(d) {
  if (d === asked) answer(-1);
  else if (wants(d, "x") === d) event(d, "x");
}

on("click", (e) => {
  const t = e.target, node = wants(t, "c"), control = t.closest("label"), reply = t.closest("[data-b]");
  if (reply) answer(reply.dataset.b);
  else if (t.tagName === "DIALOG") leave(t); // outside of its box
  else if (node && !long && !(control && node.contains(control))) event(node, "c");
});
on("input", (e) => { if (main.contains(e.target)) changed(e.target); });
on("change", (e) => {
  const node = wants(e.target, "s");
  if (node && e.target.type === "range") event(node, "s", +e.target.value);
});
on("compositionstart", (e) => { composing = e.target; });
on("compositionend", ({ target: t }) => {
  composing = null;
  if (!main.contains(t)) return;
  if (t.late) put(t, rebase(t.late[0], t.value, t.late[1]));
  changed(t, t.late);
  t.late = null;
  release();
});
on("focusin", fire("f"));
on("focusout", fire("b"));
on("load", fire("o"));
on("error", fire("n"));

function press(node) {
  clearTimeout(pressed);
  if (!long) event(node, "p");
  long = true;
}
on("pointerdown", (e) => {
  const node = wants(e.target, "p");
  long = false;
  if (node && !e.button) pressed = setTimeout(press, 500, node);
});
on("pointerup", () => clearTimeout(pressed));
on("pointercancel", () => clearTimeout(pressed));
on("contextmenu", (e) => { // a finger's long press, the right button, the keyboard's menu key
  const node = wants(e.target, "p");
  if (!node) return;
  e.preventDefault();
  press(node);
  long = e.button === 0;
});

on("keydown", (e) => {
  const t = e.target, key = e.key, d = all("dialog:modal", document).pop();
  let node;
  if (e.isComposing || /^(Shift|Control|Alt|Meta|Dead|Process|Unid)/.test(key)) return;
  if ((node = wants(t, "k"))) {
    event(node, "k", {
      key: key === " " ? "space" : key[1] ? key.replace("Arrow", "").replace(/(.)([A-Z])/g, "$1_$2").toLowerCase() : key,
      text: key[1] || e.ctrlKey || e.altKey ? undefined : key, shift: e.shiftKey, ctrl: e.ctrlKey, alt: e.altKey,
    });
    if (t.tagName === "DIV" && /^( |Arrow.*|Page.*|Home|End)$/.test(key)) e.preventDefault();
  }
  if (key === "Escape" && d) {
    e.preventDefault();
    leave(d);
  } else if (key === "Enter" && isText(t)) {
    if (t.tagName !== "INPUT" && !e.ctrlKey && !e.metaKey) return;
    if (d && d === asked) {
      e.preventDefault(); // the key is not for what has the focus next
      answer(d.dataset.n);
    } else if (wants(t, "s")) submit(t);
  } else if (/^(Enter| )$/.test(key) && /^(DIV|SPAN|IMG)$/.test(t.tagName) && wants(t, "c") === t) {
    e.preventDefault();
    event(t, "c");
  }
});
on("cancel", (e) => {
  e.preventDefault();
  leave(e.target);
});
on("close", settle);

for (const e of all("[autofocus]")) e.met = true; // the browser has done that
dress(main);
settle();
for (const e of all(":focus")) if (e.value !== e.defaultValue && isText(e)) changed(e); // typed before this script was here
connect();

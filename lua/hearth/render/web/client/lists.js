// Long lists of which only some rows are here: `data-w` is "first,last,total". The others are room, as high as these are on average, so
// that the scroll bar tells the truth; where rows come in sight that are not here, the app is asked for the window around them.

const LINE = 24; // of a text renderer's line, in pixels: what offsets of a ScrollView count

const place = (row, e) => row.getBoundingClientRect().top - e.getBoundingClientRect().top;

function fill(e) {
  if (e.dataset.o !== e.offset) e.scrollTop = (e.offset = e.dataset.o) * LINE;
  if (!e.dataset.w || e.filled === e.dataset.w) return;
  const [first, last, total] = (e.filled = e.dataset.w).split(","), [row, top] = e.anchor || [];
  e.each = e.each || e.scrollHeight / (last - first + 1);
  const room = (side, rows) => (rows > 0 ? `;--${side}:"";--${side}-room:${rows * e.each}px` : "");
  e.pad = room("before", first - 1) + room("after", total - last);
  paint(e);
  if (row && row.parentNode === e) e.scrollTop += place(row, e) - top; // what the user looks at stays under their eyes
  e.asked = 0;
  ask(e);
}
// Before patches: which row is on top, and where.
function anchor() {
  for (const e of all("[data-w]")) {
    const row = [...e.children].find((c) => place(c, e) >= 0);
    e.anchor = row && [row, place(row, e)];
  }
}
function ask(e, moved) {
  const [first, last, total] = e.dataset.w.split(",").map(Number), margin = (last - first) >> 3;
  const row = Math.max(1, Math.min(total, Math.floor(e.scrollTop / e.each) + 1)), end = row + Math.ceil(e.clientHeight / e.each);
  const low = end > last - margin && (last < total || moved && e.ended !== total);
  if (e.asked || !(low || row < first + margin && first > 1)) return;
  if (last >= total) e.ended = total;
  e.asked = row;
  event(e, "w", row);
}
main.addEventListener("scroll", ({ target: e }) => {
  if (e.dataset && e.dataset.w) ask(e, true);
  else if (wants(e, "w") === e) event(e, "w", Math.round(e.scrollTop / LINE));
}, true);

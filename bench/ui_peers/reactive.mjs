// The reactive cores of Preact, React, Vue and Solid on a renderer that does next to nothing, as Hearth's headless one: what bench/reactive.lua
// compares with. Prints a line for each figure: NAME CASE SECONDS; the cases are those of bench/reactive.lua. Medians of processor time.
// Needs `node --expose-gc --conditions=browser` (Solid's package gives Node its renderer of strings otherwise).
const MANY = 10000, TIMES = 2000, ROWS = 1000, RUNS = Number(process.argv[2] || 5);

// ---- the tree: nodes with children in a list, and the little of a DOM that Preact asks for

class Node { // siblings are a list both ways, as in a browser: nothing is searched for
  constructor(type) {
    this.localName = this.nodeName = type;
    this.nodeType = type === "#text" ? 3 : 1;
    this.ownerDocument = document;
    this.parentNode = this.firstChild = this.lastChild = this.previousSibling = this.nextSibling = null;
    this.text = "";
  }
  get childNodes() {
    const list = [];
    for (let n = this.firstChild; n; n = n.nextSibling) list.push(n);
    return list;
  }
  insertBefore(child, before) {
    if (child === before) return child;
    child.remove();
    const previous = before ? before.previousSibling : this.lastChild;
    child.parentNode = this;
    child.previousSibling = previous;
    child.nextSibling = before;
    if (previous) previous.nextSibling = child; else this.firstChild = child;
    if (before) before.previousSibling = child; else this.lastChild = child;
    return child;
  }
  appendChild(child) { return this.insertBefore(child, null); }
  removeChild(child) { child.remove(); }
  remove() {
    const parent = this.parentNode, previous = this.previousSibling, next = this.nextSibling;
    if (!parent) return;
    if (previous) previous.nextSibling = next; else parent.firstChild = next;
    if (next) next.previousSibling = previous; else parent.lastChild = previous;
    this.parentNode = this.previousSibling = this.nextSibling = null;
  }
  contains(other) { for (let n = other; n; n = n.parentNode) if (n === this) return true; return false; }
  setAttribute(name, value) { this[name] = value; }
  removeAttribute(name) { delete this[name]; }
  addEventListener() {}
}
const document = {
  createElement: (type) => new Node(type), createElementNS: (_, type) => new Node(type), createTextNode: () => new Node("#text"),
};
globalThis.document = document;

// ---- measuring

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

// Processor time in seconds, as os.clock gives it to Lua.
function spent() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(name, what, runs, divisor, prepare, run, after) {
  const times = [];
  for (let i = 0; i < runs + 3; i++) { // the first three let the compiler see the code
    const given = await prepare(i);
    globalThis.gc?.();
    const t = spent();
    const made = await run(given, i);
    if (i >= 3) times.push((spent() - t) / divisor);
    await after?.(made);
  }
  console.log(name, what, median(times));
}

// A first mount: code that no compiler has seen yet.
async function first(name, what, mount) {
  const t = spent();
  const unmount = await mount();
  console.log(name, what, spent() - t);
  await unmount();
}

function order_of(kind) {
  const order = Array.from({ length: ROWS }, (_, i) => i + 1);
  if (kind === "swap") [order[1], order[ROWS - 2]] = [order[ROWS - 2], order[1]];
  if (kind === "reverse") order.reverse();
  if (kind === "insert") order.unshift(0);
  return order;
}

// peer: texts() and cells(setters) mount and give an unmount; set and flush; rows() gives {show(order)}.
async function bench(name, peer) {
  await first(name, "texts", () => peer.texts());
  await first(name, "cells", () => peer.cells([]));
  await measure(name, "texts_again", RUNS, 1, () => {}, () => peer.texts(), (unmount) => unmount());
  await measure(name, "cells_again", RUNS, 1, () => {}, () => peer.cells([]), (unmount) => unmount());
  const setters = [];
  const unmount = await peer.cells(setters);
  if (setters.length !== MANY) throw new Error("not all components were mounted");
  await measure(name, "update", RUNS, TIMES, () => {}, async (_, run) => {
    for (let i = 0; i < TIMES; i++) {
      setters[i](run * 2 + (i % 2) + 1);
      const done = peer.flush();
      if (done) await done;
    }
  });
  await measure(name, "sets", RUNS, 100000, () => {}, (_, run) => {
    for (let i = 1; i <= 100000; i++) setters[0](run * 1000000 + i);
  }, () => peer.flush());
  await unmount();
  const rows = await peer.rows();
  for (const kind of ["same", "swap", "reverse", "insert"])
    await measure(name, kind, RUNS * 2 + 1, 1, (i) => order_of(i % 2 ? "same" : kind), async (order) => {
      rows.show(order);
      const done = peer.flush();
      if (done) await done;
    });
}

const list = (n, fn) => Array.from({ length: n }, (_, i) => fn(i));

// ---- peers

async function of_preact() {
  const { h, render, options, Component } = await import("preact");
  const { useState } = await import("preact/hooks");
  let pending;
  options.debounceRendering = (fn) => { pending = fn; };
  const mount = (element) => {
    const root = new Node("root");
    render(element, root);
    return () => render(null, root);
  };
  const Cell = ({ i, setters }) => {
    const [n, set] = useState(0);
    setters[i] = set;
    return h("text", { text: n === 0 ? "zero" : "more" + n });
  };
  return {
    texts: () => mount(h("column", null, list(MANY, () => h("text", { text: "row" })))),
    cells: (setters) => mount(h("column", null, list(MANY, (i) => h(Cell, { i, setters })))),
    flush: () => { const fn = pending; pending = null; fn?.(); },
    rows: () => {
      let show;
      const List = () => {
        const [order, set] = useState([]);
        show = set;
        return h("column", null, order.map((k) => h("text", { key: k, text: "row" })));
      };
      mount(h(List));
      return { show };
    },
  };
}

async function of_react() {
  const React = (await import("react")).default;
  const Reconciler = (await import("react-reconciler")).default;
  const { DefaultEventPriority, DiscreteEventPriority } = (await import("react-reconciler/constants.js")).default;
  const nothing = () => {}, no = () => false, none = () => null;
  const reconciler = Reconciler({
    supportsMutation: true, supportsPersistence: false, supportsHydration: false, isPrimaryRenderer: true, noTimeout: -1,
    createInstance: (type, props) => Object.assign(new Node(type), { text: props.text }), createTextInstance: () => new Node("#text"),
    appendInitialChild: (p, c) => p.appendChild(c), appendChild: (p, c) => p.appendChild(c), appendChildToContainer: (p, c) => p.appendChild(c),
    insertBefore: (p, c, b) => p.insertBefore(c, b), insertInContainerBefore: (p, c, b) => p.insertBefore(c, b),
    removeChild: (p, c) => p.removeChild(c), removeChildFromContainer: (p, c) => p.removeChild(c), clearContainer: nothing,
    finalizeInitialChildren: no, shouldSetTextContent: no, commitUpdate: (node, _type, _old, props) => { node.text = props.text; },
    commitTextUpdate: nothing, commitMount: nothing, getRootHostContext: none, getChildHostContext: (c) => c, getPublicInstance: (n) => n,
    prepareForCommit: none, resetAfterCommit: nothing, preparePortalMount: nothing, scheduleTimeout: setTimeout, cancelTimeout: clearTimeout,
    getInstanceFromNode: none, beforeActiveInstanceBlur: nothing, afterActiveInstanceBlur: nothing, prepareScopeUpdate: nothing,
    getInstanceFromScope: none, detachDeletedInstance: nothing, resetTextContent: nothing, hideInstance: nothing, unhideInstance: nothing,
    setCurrentUpdatePriority: nothing, getCurrentUpdatePriority: () => DiscreteEventPriority, resolveUpdatePriority: () => DiscreteEventPriority,
    NotPendingTransition: null, HostTransitionContext: React.createContext(null), resetFormInstance: nothing, requestPostPaintCallback: nothing,
    shouldAttemptEagerTransition: no, trackSchedulerEvent: nothing, resolveEventType: none, resolveEventTimeStamp: () => DefaultEventPriority,
    maySuspendCommit: no, preloadInstance: () => true, startSuspendingCommit: nothing, suspendInstance: nothing, waitForCommitToBeReady: none,
    supportsMicrotasks: false,
  });
  const h = React.createElement;
  const mount = (element) => {
    const container = reconciler.createContainer(new Node("root"), 1, null, false, null, "", nothing, nothing, nothing, null);
    const show = (what) => {
      reconciler.updateContainerSync(what, container, null, null);
      reconciler.flushSyncWork();
      reconciler.flushPassiveEffects?.();
    };
    show(element);
    return () => show(null);
  };
  const Cell = ({ i, setters }) => {
    const [n, set] = React.useState(0);
    setters[i] = set;
    return h("text", { text: n === 0 ? "zero" : "more" + n });
  };
  return {
    texts: () => mount(h("column", null, list(MANY, (i) => h("text", { key: i, text: "row" })))),
    cells: (setters) => mount(h("column", null, list(MANY, (i) => h(Cell, { key: i, i, setters })))),
    flush: () => { reconciler.flushSyncWork(); },
    rows: () => {
      let show;
      const List = () => {
        const [order, set] = React.useState([]);
        show = set;
        return h("column", null, order.map((k) => h("text", { key: k, text: "row" })));
      };
      mount(h(List));
      return { show };
    },
  };
}

async function of_vue() {
  const { createRenderer, h, ref, shallowRef, nextTick, defineComponent } = await import("@vue/runtime-core");
  const { render } = createRenderer({
    createElement: (type) => new Node(type), createText: () => new Node("#text"), createComment: () => new Node("#comment"),
    setText: () => {}, setElementText: () => {}, insert: (child, parent, anchor) => parent.insertBefore(child, anchor ?? null),
    remove: (child) => child.remove(), parentNode: (n) => n.parentNode, nextSibling: (n) => n.nextSibling,
    patchProp: (node, name, _old, value) => { node[name] = value; },
  });
  const mount = (element) => {
    const root = new Node("root");
    render(element, root);
    return () => render(null, root);
  };
  const Cell = defineComponent({
    props: ["i", "setters"],
    setup(props) {
      const n = ref(0);
      props.setters[props.i] = (v) => { n.value = v; };
      return () => h("text", { text: n.value === 0 ? "zero" : "more" + n.value });
    },
  });
  return {
    texts: () => mount(h("column", null, list(MANY, () => h("text", { text: "row" })))),
    cells: (setters) => mount(h("column", null, list(MANY, (i) => h(Cell, { i, setters })))),
    flush: () => nextTick(),
    rows: () => {
      const order = shallowRef([]);
      mount(h({ setup: () => () => h("column", null, order.value.map((k) => h("text", { key: k, text: "row" }))) }));
      return { show: (v) => { order.value = v; } };
    },
  };
}

async function of_solid() {
  const { createSignal, createComponent, mapArray } = await import("solid-js");
  const { createRenderer } = await import("solid-js/universal");
  const dom = createRenderer({
    createElement: (type) => new Node(type), createTextNode: () => new Node("#text"), replaceText: () => {},
    isTextNode: (n) => n.nodeName === "#text", setProperty: (node, name, value) => { node[name] = value; },
    insertNode: (p, c, b) => p.insertBefore(c, b ?? null), removeNode: (p, c) => p.removeChild(c),
    getParentNode: (n) => n.parentNode, getFirstChild: (n) => n.firstChild, getNextSibling: (n) => n.nextSibling,
  });
  const text = (value) => {
    const node = dom.createElement("text");
    if (typeof value === "function") dom.effect((old) => dom.setProp(node, "text", value(), old)); else dom.setProp(node, "text", value);
    return node;
  };
  const column = (children) => {
    const node = dom.createElement("column");
    dom.insert(node, children);
    return node;
  };
  const mount = (fn) => dom.render(fn, new Node("root"));
  const Cell = ({ i, setters }) => {
    const [n, set] = createSignal(0);
    setters[i] = set;
    return text(() => (n() === 0 ? "zero" : "more" + n()));
  };
  return {
    texts: () => mount(() => column(list(MANY, () => text("row")))),
    cells: (setters) => mount(() => column(list(MANY, (i) => createComponent(Cell, { i, setters })))),
    flush: () => {},
    rows: () => {
      const [order, set] = createSignal([]);
      mount(() => column(mapArray(order, () => text("row"))));
      return { show: set };
    },
  };
}

const peers = { preact: of_preact, react: of_react, vue: of_vue, solid: of_solid };
for (const [name, make] of Object.entries(peers)) {
  if (process.argv[3] && process.argv[3] !== name) continue;
  try {
    await bench(name, await make());
  } catch (err) {
    console.log(name, "missing", String(err).split("\n")[0]);
  }
}

// Elements from code. Text is always text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, keys = {}, ...children) {
  return fill(document.createElement(name), keys, children);
}

export function svg(name, keys = {}, ...children) {
  return fill(document.createElementNS(SVG, name), keys, children);
}

function fill(node, keys, children) {
  for (const [key, value] of Object.entries(keys)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/// Writes only what differs, so that nothing is laid out anew for nothing.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, key, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(key)) node.removeAttribute(key);
  } else if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
}

/// Signs of the four states: told apart by their shape, too.
export function sign(state, size = 13) {
  const shapes = {
    open: ["path", { d: "M2.500 8.500l3.500 3.500 7.500-8", fill: "none", stroke: "currentColor", "stroke-width": 2.600, "stroke-linecap": "round", "stroke-linejoin": "round" }],
    degraded: ["path", { d: "M8 1.500L15 14H1Z M8 6v4 M8 12v.3", fill: "none", stroke: "currentColor", "stroke-width": 1.900, "stroke-linejoin": "round", "stroke-linecap": "round" }],
    closed: ["path", { d: "M3 3l10 10M13 3L3 13", stroke: "currentColor", "stroke-width": 2.800, "stroke-linecap": "round" }],
    unknown: ["path", { d: "M5 5.500a3 3 0 1 1 4.500 2.600C8.400 8.800 8 9.300 8 10.400 M8 13.400v.2", fill: "none", stroke: "currentColor", "stroke-width": 2.200, "stroke-linecap": "round" }],
  };
  const [name, keys] = shapes[state] ?? shapes.unknown;
  return svg("svg", { viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true" }, svg(name, keys));
}

export function pill(state, large = false) {
  return el("span", { class: large ? "pill large" : "pill", "data-state": state }, sign(state, large ? 16 : 12), el("span", { text: state }));
}

/// Another state in the same pill.
export function repill(node, state) {
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  node.firstChild.replaceWith(sign(state, Number(node.firstChild.getAttribute("width"))));
  node.lastChild.textContent = state;
}

let toasts = 0;
export function toast(text, bad = false) {
  const node = el("p", { class: bad ? "toast bad" : "toast", text });
  document.getElementById("toasts").append(node);
  toasts += 1;
  setTimeout(() => node.remove(), bad ? 9000 : 4500);
}

// All cameras, a card each.

import { draw, describe, forgetSize, watchSize } from "/page/chart.js";
import { addStream } from "/page/dialogs.js";
import { el, mark, pill, repill, say, svg } from "/page/element.js";
import { letGo, show } from "/page/pictures.js";
import { on, stateOf, store } from "/page/store.js";
import { clock, score, why } from "/page/words.js";

const ORDER = { closed: 0, unknown: 1, degraded: 2, open: 3 };
const choice = { text: "", state: "", worst: false };

/// Charts that are to be drawn: a few a frame, so that nothing stutters.
const waiting = new Set();
function work() {
  const until = performance.now() + 6;
  for (const card of waiting) {
    waiting.delete(card);
    card.paint();
    if (performance.now() > until) break;
  }
  if (waiting.size) requestAnimationFrame(work);
}
function later(card) {
  if (!waiting.size) requestAnimationFrame(work);
  waiting.add(card);
}

class Card {
  constructor(stream) {
    this.name = stream.name;
    this.pill = pill("unknown");
    this.said = el("span", { class: "said" });
    this.age = el("span", { class: "age", hidden: true });
    this.shot = el("div", { class: "shot" }, this.said, this.age, el("span", { class: "corner" }, this.pill));
    this.score = el("span", { class: "score" });
    this.why = el("p", { class: "why" });
    this.canvas = el("canvas", { role: "img", "aria-label": "Score" });
    this.chips = el("div", { class: "chips" });
    this.link = el("a", { class: "name", href: `#/camera/${encodeURIComponent(stream.name)}`, text: stream.name });
    this.node = el("li", { class: "card", "data-name": stream.name },
      this.shot,
      el("div", { class: "body" }, el("div", { class: "head" }, el("h2", {}, this.link), this.score), this.why, this.canvas, this.chips));
    this.pictured = null;
    this.described = 0;
    watchSize(this.canvas);
    this.canvas.addEventListener("resized", () => later(this));
    this.update();
  }

  update() {
    const stream = store.streams.get(this.name);
    if (!stream) return;
    const state = stateOf(stream);
    mark(this.node, "data-state", state);
    repill(this.pill, state);
    say(this.score, score(stream.gate.smoothed));
    // An overload is said once, above all cards.
    const detail = stream.paused || stream.gate.detail?.startsWith("overloaded") ? null : stream.gate.detail;
    say(this.why, why(stream) + (detail ? `: ${detail}` : ""));
    this.tag(stream);
    const live = stream.pictures && !stream.paused;
    if (live !== this.pictured) {
      this.pictured = live;
      if (live) show(this.shot, this.name, "small", () => `${this.name} now`);
      else { letGo(this.shot); this.shot.querySelector("img")?.remove(); }
    }
    say(this.said, stream.paused ? "Paused" : stream.pictures ? "Waiting for a picture…" : "Pictures of this camera are not shown");
    mark(this.age, "hidden", this.shot.dataset.picture !== "old");
    say(this.age, "old picture");
    later(this);
  }

  tag(stream) {
    const tags = [];
    if (stream.gate.by_hand) tags.push(["hand", `set ${stream.gate.by_hand.state} by hand${stream.gate.by_hand.until ? ` until ${clock(stream.gate.by_hand.until)}` : ""}`]);
    if (stream.shadow) tags.push(["", "shadow: nothing commanded"]);
    if (store.silences.some((silence) => silence.stream === this.name)) tags.push(["", "silenced"]);
    if (stream.added) tags.push(["", "added"]);
    const key = tags.join("|");
    if (key === this.tagged) return;
    this.tagged = key;
    this.chips.replaceChildren(...tags.map(([kind, text]) => el("span", { class: `chip ${kind}`, text })));
  }

  paint() {
    const [stream, history] = [store.streams.get(this.name), store.histories.get(this.name)];
    if (!stream || !history) return;
    draw(this.canvas, history, { thresholds: stream.thresholds, normal: stream.normal });
    // Read aloud at most now and then: a label that changes each second helps nobody.
    if (performance.now() - this.described > 15000) {
      this.described = performance.now();
      mark(this.canvas, "aria-label", describe(history, stream.thresholds));
    }
  }

  close() {
    letGo(this.shot);
    forgetSize(this.canvas);
    waiting.delete(this);
  }
}

function nothing() {
  const may = store.about?.add.length;
  return el("div", { class: "empty" },
    svg("svg", { viewBox: "0 0 64 64", width: 72, height: 72, "aria-hidden": "true", fill: "none", stroke: "currentColor", "stroke-width": 3, "stroke-linejoin": "round" },
      svg("rect", { x: 6, y: 18, width: 38, height: 28, rx: 5 }), svg("path", { d: "M44 28l14-7v22l-14-7" }), svg("circle", { cx: 25, cy: 32, r: 7 })),
    el("h1", { text: "No cameras yet" }),
    el("p", { text: may ? "Add one here, or write a [[stream]] into the configuration file and reload miqa." : "Write a [[stream]] into the configuration file and reload miqa." }),
    may ? el("button", { class: "primary", type: "button", onclick: addStream, text: "Add a stream" }) : null);
}

export function view(main) {
  const cards = new Map();
  const grid = el("ul", { class: "grid", "aria-label": "Cameras" });
  const found = el("p", { class: "muted", role: "status" });
  const search = el("input", { type: "search", placeholder: "Find a camera", "aria-label": "Find a camera", value: choice.text, oninput: () => { choice.text = search.value; arrange(); } });
  const states = el("select", { "aria-label": "Which gates", onchange: () => { choice.state = states.value; arrange(); } },
    ...[["", "All gates"], ["closed", "Closed"], ["degraded", "Degraded"], ["unknown", "Unknown"], ["open", "Open"]].map(([value, text]) => el("option", { value, text, selected: value === choice.state })));
  const worst = el("input", { type: "checkbox", id: "worst", checked: choice.worst, onchange: () => { choice.worst = worst.checked; arrange(); } });
  const add = el("button", { type: "button", class: "primary", onclick: addStream, text: "Add a stream" });
  const bar = el("div", { class: "bar" }, el("h1", { text: "Cameras" }), search, states, el("span", { class: "row" }, worst, el("label", { for: "worst", text: "Worst first" })), add);
  const place = el("div");
  main.replaceChildren(bar, found, place);

  function arrange() {
    mark(add, "hidden", !store.about?.add.length);
    if (!store.streams.size) {
      found.textContent = "";
      place.replaceChildren(nothing());
      bar.hidden = true;
      return;
    }
    bar.hidden = false;
    for (const [name, card] of cards) if (!store.streams.has(name)) { card.close(); card.node.remove(); cards.delete(name); }
    for (const [name, stream] of store.streams) if (!cards.has(name)) cards.set(name, new Card(stream));
    const text = choice.text.trim().toLowerCase();
    let names = [...store.streams.keys()].filter((name) => name.toLowerCase().includes(text) && (!choice.state || stateOf(store.streams.get(name)) === choice.state));
    if (choice.worst) {
      const rank = (name) => { const stream = store.streams.get(name); return [ORDER[stateOf(stream)], stream.gate.smoothed ?? 2]; };
      names = names.map((name) => [rank(name), name]).sort(([a], [b]) => a[0] - b[0] || a[1] - b[1]).map(([, name]) => name);
    }
    const key = names.join("\n");
    if (grid.dataset.key !== key) {
      grid.dataset.key = key;
      grid.replaceChildren(...names.map((name) => cards.get(name).node));
    }
    if (grid.parentNode !== place) place.replaceChildren(grid);
    say(found, names.length ? "" : "No camera is like that.");
    for (const name of names) cards.get(name).update();
  }
  arrange();
  const stops = ["names", "streams", "about", "alerts", "histories"].map((name) => on(name, arrange));
  return () => { stops.forEach((stop) => stop()); cards.forEach((card) => card.close()); };
}

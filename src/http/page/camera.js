// One camera: now beside the last good picture, its gate, its score, its causes, its history.

import { api } from "/page/api.js";
import { describe, draw, forgetSize, watchSize } from "/page/chart.js";
import { confirmThat, setGate, silence } from "/page/dialogs.js";
import { el, mark, pill, repill, say, toast } from "/page/element.js";
import { letGo, show } from "/page/pictures.js";
import { now, on, refresh, stateOf, store } from "/page/store.js";
import { clock, event, length, light, percent, plain, reason, score } from "/page/words.js";
import { alertItem } from "/page/alerts.js";

const GOOD_EVERY = 10000;

export function view(main, name) {
  if (!store.streams.has(name)) {
    main.replaceChildren(el("div", { class: "empty" }, el("h1", { text: "No such camera" }), el("p", { text: `Nothing called ${name} is watched.` }), el("a", { class: "button", href: "#/", text: "All cameras" })));
    const stop = on("names", () => { if (store.streams.has(name)) { stop(); dispatchEvent(new HashChangeEvent("hashchange")); } });
    return stop;
  }
  const state = pill("unknown", true);
  const facts = el("dl", { class: "facts" });
  const rows = new Map();
  const fact = (key, text) => {
    if (!rows.has(key)) {
      const value = el("dd");
      const term = el("dt", { text: key });
      rows.set(key, [term, value]);
      facts.append(term, value);
    }
    const [term, value] = rows.get(key);
    mark(term, "hidden", text === null);
    mark(value, "hidden", text === null);
    if (text !== null) say(value, text);
  };
  const nowSaid = el("span", { class: "said" });
  const nowShot = el("div", { class: "shot" }, nowSaid);
  const goodSaid = el("span", { class: "said" });
  const goodShot = el("div", { class: "shot" }, goodSaid);
  const goodWhen = el("span", { class: "muted small" });
  const causes = el("div");
  const canvas = el("canvas", { class: "big", role: "img", "aria-label": "Score of the last hour" });
  const key = el("p", { class: "legend" },
    el("span", {}, el("i", { class: "key-score" }), "score"), el("span", {}, el("i", { class: "dash key-close" }), "closes below"),
    el("span", {}, el("i", { class: "dash key-open" }), "opens from"), el("span", { class: "key-band", hidden: true }, el("i", { class: "block key-normal" }), "normal for this camera"));
  const buttons = el("div", { class: "row" });
  const log = el("ul", { class: "list" });
  const alerts = el("ul", { class: "list" });
  const none = el("p", { class: "muted", text: "None, lately." });
  const title = el("h1", { text: name });
  main.replaceChildren(
    el("div", { class: "bar" }, el("a", { class: "button", href: "#/", "aria-label": "All cameras", text: "←" }), title, buttons),
    el("div", { class: "sides" },
      el("div", { class: "stack" },
        el("section", { class: "panel early", "aria-labelledby": "pictures" }, el("h2", { id: "pictures", text: "Now against the last good picture" }),
          el("div", { class: "pair" },
            el("figure", {}, nowShot, el("figcaption", {}, "Now")),
            el("figure", {}, goodShot, el("figcaption", {}, "Last good", goodWhen)))),
        el("section", { class: "panel", "aria-labelledby": "hour" }, el("h2", { id: "hour", text: "The last hour" }), canvas, key),
        el("section", { class: "panel", "aria-labelledby": "said" }, el("h2", { id: "said", text: "What happened" }), log)),
      el("div", { class: "stack" },
        el("section", { class: "panel early", "aria-labelledby": "gate" }, el("h2", { id: "gate", text: "Gate" }), el("p", {}, state), facts),
        el("section", { class: "panel early", "aria-labelledby": "causes" }, el("h2", { id: "causes", text: "Likely causes" }), causes),
        el("section", { class: "panel", "aria-labelledby": "alerts" }, el("h2", { id: "alerts", text: "Alerts" }), alerts, none))));
  facts.classList.add("spaced");

  let history = null;
  let goodTaken = "";
  let live = null;
  let shownCauses = "";
  let shownButtons = "";

  const done = async (what, call) => {
    try { await call(); toast(what); } catch (error) { toast(error.message, true); }
  };

  function act(stream) {
    const set = Boolean(stream.gate.by_hand);
    const silenced = store.silences.filter((one) => one.stream === name);
    const shape = JSON.stringify([store.about?.commands, set, stream.paused, stream.added, silenced.map((one) => one.rule)]);
    if (shape === shownButtons) return;
    shownButtons = shape;
    if (!store.about?.commands) { buttons.replaceChildren(); return; }
    buttons.replaceChildren(...[
      set
        ? el("button", { type: "button", text: "Take back what was set", onclick: () => done("Taken back", () => api.takeBack(name)) })
        : el("button", { type: "button", text: "Set the gate…", onclick: () => setGate(name) }),
      silenced.length
        ? el("button", { type: "button", text: "End the silence", onclick: () => done("Alerts are sent again", () => api.endSilence(name)) })
        : el("button", { type: "button", text: "Silence alerts…", onclick: () => silence(name) }),
      el("button", { type: "button", text: stream.paused ? "Resume" : "Pause", onclick: () => done(stream.paused ? "Resumed" : "Paused", async () => { await api.pause(name, !stream.paused); await refresh(); }) }),
      stream.added
        ? el("button", { type: "button", class: "danger", text: "Remove", onclick: async () => {
          if (await confirmThat(`Remove ${name}?`, "It is watched no longer, and its history is forgotten.", "Remove")) done("Removed", async () => { await api.remove(name); location.hash = "#/"; });
        } })
        : null,
    ].filter(Boolean));
  }

  async function good() {
    const stream = store.streams.get(name);
    if (!stream?.pictures) { say(goodSaid, "Pictures of this camera are not shown"); return; }
    try {
      const response = await fetch(api.good(name));
      if (!response.ok) { say(goodSaid, "None yet: the gate has not been open since the start"); return; }
      const taken = response.headers.get("miqa-taken") ?? "";
      if (taken === goodTaken) return;
      goodTaken = taken;
      const image = new Image();
      image.alt = `The last good picture of ${name}, taken ${clock(Number(taken))}`;
      image.src = `${api.good(name)}?t=${taken}`;
      await image.decode();
      goodShot.querySelector("img")?.remove();
      goodShot.prepend(image);
      say(goodWhen, clock(Number(taken)));
    } catch { /* the next turn tries again */ }
  }

  function paint() {
    const stream = store.streams.get(name);
    if (!stream || !history) return;
    draw(canvas, history, { thresholds: stream.thresholds, normal: stream.normal, axis: true });
  }

  async function hour() {
    try {
      history = await api.history(name);
      mark(canvas, "aria-label", describe(history, store.streams.get(name)?.thresholds));
      paint();
    } catch { /* said by the banner */ }
  }

  function update() {
    const stream = store.streams.get(name);
    if (!stream) return;
    const gate = stream.gate;
    repill(state, stateOf(stream));
    fact("Why", reason(gate.reason));
    fact("Detail", gate.detail ?? null);
    fact("Since", stream.stands_since ? `${clock(stream.stands_since)}, ${length(now() - stream.stands_since)} ago` : null);
    fact("Score", `${score(gate.smoothed)} (newest ${score(gate.score)})`);
    fact("Closes below", stream.thresholds ? score(stream.thresholds.close_below) : null);
    fact("Opens from", stream.thresholds ? score(stream.thresholds.open_above) : null);
    fact("Normal", stream.normal ? `${score(stream.normal.low)} to ${score(stream.normal.high)}, median ${score(stream.normal.median)}` : null);
    fact("Enforced", stream.shadow ? "nothing: shadow mode" : gate.enforced ?? "nothing");
    fact("By hand", gate.by_hand ? `${gate.by_hand.state}${gate.by_hand.until ? `, until ${clock(gate.by_hand.until)}` : ", until it is taken back"}` : null);
    fact("Lease", `${gate.valid_for.toFixed(1)} s: for so long it may be believed`);
    fact("Moves", `${stream.flaps} within the last hour`);
    fact("Decides", stream.head);
    fact("Light", light(stream.light));
    fact("Picture", stream.size ? `${stream.size[0]}×${stream.size[1]}, every ${length(stream.interval) === "0 s" ? `${Math.round(stream.interval * 1000)} ms` : length(stream.interval)}` : null);
    fact("From", stream.location);
    act(stream);
    const wanted = stream.pictures && !stream.paused;
    if (wanted !== live) {
      live = wanted;
      if (wanted) show(nowShot, name, "large", () => `${name} now`);
      else { letGo(nowShot); nowShot.querySelector("img")?.remove(); }
    }
    say(nowSaid, stream.paused ? "Paused" : stream.pictures ? "Waiting for a picture…" : "Pictures of this camera are not shown");
    mark(key.querySelector(".key-band"), "hidden", !stream.normal);
    const shape = JSON.stringify(gate.causes);
    if (shape !== shownCauses) {
      shownCauses = shape;
      const list = gate.causes ?? [];
      causes.replaceChildren(...(list.length ? list.map((cause) => {
        const fill = el("i");
        fill.style.width = percent(cause.probability).replace(" ", "");
        return el("div", { class: "meter" }, el("span", { text: plain(cause.distortion) }), el("i", { "aria-hidden": "true" }, fill), el("span", { text: percent(cause.probability) }));
      }) : [el("p", { class: "muted", text: gate.decided === "open" ? "None: the picture is good enough." : "The model names none." })]));
    }
  }

  function tell() {
    const own = store.log.filter((e) => e.stream === name).slice(0, 25);
    log.replaceChildren(...(own.length ? own.map((e) => el("li", {}, el("span", { class: "when", text: clock(e.time) }), el("span", { class: "what", text: event(e) }))) : [el("li", {}, el("span", { class: "muted", text: "Nothing since miqa started." }))]));
  }

  function warn() {
    const own = store.alerts.filter((alert) => alert.stream === name);
    alerts.replaceChildren(...own.slice(0, 8).map((alert) => alertItem(alert, true)));
    none.hidden = own.length > 0;
  }

  watchSize(canvas);
  canvas.addEventListener("resized", paint);
  update(); tell(); warn(); good(); hour();
  const timers = [setInterval(good, GOOD_EVERY), setInterval(hour, 5000)];
  const stops = [on("streams", update), on("about", update), on("log", (e) => { if (!e || e.stream === name) tell(); }), on("alerts", () => { warn(); update(); })];
  return () => { timers.forEach(clearInterval); stops.forEach((stop) => stop()); letGo(nowShot); forgetSize(canvas); };
}

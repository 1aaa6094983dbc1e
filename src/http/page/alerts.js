// Alerts: what fires, what is looked after, what is silenced.

import { api } from "/page/api.js";
import { silence } from "/page/dialogs.js";
import { el, toast } from "/page/element.js";
import { on, refreshAlerts, store } from "/page/store.js";
import { causes, clock, length, plain, score } from "/page/words.js";

async function done(what, call) {
  try { await call(); await refreshAlerts(); toast(what); } catch (error) { toast(error.message, true); }
}

function thumb(src, text, alt) {
  const figure = el("a", { href: src, target: "_blank", rel: "noopener" }, el("span", { text }));
  const image = el("img", { alt, loading: "lazy" });
  image.addEventListener("error", () => figure.remove());
  image.src = src;
  figure.prepend(image);
  return figure;
}

/// One alert as a list's item; `close`: on its own camera's page.
export function alertItem(alert, close = false) {
  const firing = alert.state === "firing";
  const likely = causes(alert.causes.filter((cause) => cause.distortion !== alert.subject));
  const what = el("div", { class: "what" },
    el("strong", { text: alert.rule }), close ? null : " on ", close ? null : el("a", { href: `#/camera/${encodeURIComponent(alert.stream)}`, text: alert.stream }),
    el("p", { class: "muted small", text: [
      `${plain(alert.subject)} ${score(alert.smoothed)}`,
      likely && `likely ${likely}`,
      alert.flaps > 1 && `${alert.flaps}× within the hour`,
      alert.silenced && "silenced: nobody was told",
      ...alert.unjudged.map((one) => `${plain(one.what)} not judged: ${one.why}`),
    ].filter(Boolean).join("; ") }));
  const pictures = [];
  if (!close && alert.snapshot) pictures.push(thumb(api.snapshot(alert.id), "when it fired", `${alert.stream} when ${alert.rule} fired`));
  if (!close && alert.last_good) pictures.push(thumb(api.lastGood(alert.id), "last good before", `Last good picture of ${alert.stream} before ${alert.rule} fired`));
  if (pictures.length) what.append(el("div", { class: "thumbs" }, ...pictures));
  const actions = el("div", { class: "row" });
  if (firing && store.about?.commands) {
    if (alert.acknowledged) actions.append(el("span", { class: "chip", text: `acknowledged ${clock(alert.acknowledged)}` }));
    else actions.append(el("button", { type: "button", "aria-label": `Acknowledge ${alert.rule} on ${alert.stream}`, text: "Acknowledge", onclick: () => done("Acknowledged", () => api.acknowledge(alert.id)) }));
    if (!close) actions.append(el("button", { type: "button", "aria-label": `Silence ${alert.rule} on ${alert.stream}`, text: "Silence…", onclick: () => silence(alert.stream, alert.rule) }));
  }
  const when = firing ? `since ${clock(alert.fired)}` : `fired ${clock(alert.fired)}, resolved ${length(alert.resolved - alert.fired)} later`;
  what.append(el("p", { class: "when", text: when }));
  return el("li", { class: "alert", "data-severity": alert.severity }, el("span", { class: "severity", text: alert.severity }), what, actions);
}

function section(id, title, items, nothing) {
  return el("section", { class: "panel", "aria-labelledby": id }, el("h2", { id, text: title }),
    items.length ? el("ul", { class: "list" }, ...items) : el("p", { class: "muted", text: nothing }));
}

export function view(main) {
  const place = el("div", { class: "stack" });
  main.replaceChildren(el("div", { class: "bar" }, el("h1", { text: "Alerts" })), place);
  let shown = "";
  function update() {
    const shape = JSON.stringify([store.alerts, store.silences, store.about?.commands]);
    if (shape === shown) return;
    shown = shape;
    const focused = document.activeElement?.getAttribute("aria-label");
    const firing = store.alerts.filter((alert) => alert.state === "firing");
    const resolved = store.alerts.filter((alert) => alert.state === "resolved");
    const silences = store.silences.map((one) => el("li", {},
      el("span", { class: "chip", text: "silenced" }),
      el("div", { class: "what" }, el("a", { href: `#/camera/${encodeURIComponent(one.stream)}`, text: one.stream }), one.rule ? `, rule ${one.rule}` : ", all rules", el("p", { class: "when", text: `until ${clock(one.until)}` })),
      store.about?.commands ? el("button", { type: "button", "aria-label": `End the silence of ${one.stream} ${one.rule ?? ""}`, text: "End", onclick: () => done("Alerts are sent again", () => api.endSilence(one.stream, one.rule)) }) : null));
    place.replaceChildren(
      section("firing", "Firing", firing.map((alert) => alertItem(alert)), store.about?.rules.length ? "All quiet: no alert fires." : "There are no rules. Write [[rule]] tables into the configuration file to be told of what matters."),
      section("silences", "Silences", silences, "Nothing is silenced."),
      section("resolved", "Resolved lately", resolved.slice(0, 50).map((alert) => alertItem(alert)), "None since miqa started."));
    if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }
  update();
  const stops = [on("alerts", update), on("about", update)];
  return () => stops.forEach((stop) => stop());
}

// What was gated, and what shadow mode would have gated.

import { api } from "/page/api.js";
import { el } from "/page/element.js";
import { clock, causes, length, number, reason } from "/page/words.js";

const SPANS = [[3600, "The last hour"], [86400, "The last day"], [604800, "The last week"], [2592000, "The last 30 days"], [31536000, "The last year"]];
let span = 604800;

function shares(seconds) {
  const total = Object.values(seconds).reduce((a, b) => a + b, 0) || 1;
  const bar = el("div", { class: "split", role: "img", "aria-label": Object.entries(seconds).map(([state, s]) => `${state} ${Math.round((100 * s) / total)} %`).join(", ") });
  for (const state of ["open", "degraded", "closed", "unknown"]) {
    if (!seconds[state]) continue;
    const part = el("i", { "data-state": state, title: `${state} ${length(seconds[state])}` });
    part.style.width = `${(100 * seconds[state]) / total}%`;
    bar.append(part);
  }
  return bar;
}

// In shadow mode: what it would have been.
function saved(report) {
  const [seconds, shadow] = [report.saved.seconds, report.would_have_saved.seconds];
  if (!seconds && !shadow) return "–";
  return seconds ? length(seconds) : `${length(shadow)} (shadow)`;
}

function table(streams) {
  const sum = (list, key) => list.reduce((all, [, report]) => all + (report[key] ?? 0), 0);
  const list = Object.entries(streams);
  const head = ["Camera", "Open, degraded, closed, unknown", "Gated", "Would have gated (shadow)", "Closed", "Flaps", "Detector time saved"];
  return el("table", {},
    el("caption", { class: "hidden", text: "Time gated by camera" }),
    el("thead", {}, el("tr", {}, ...head.map((text, i) => el("th", { scope: "col", class: i > 1 ? "number" : null, text })))),
    el("tbody", {}, ...list.map(([name, report]) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: `#/camera/${encodeURIComponent(name)}`, text: name })),
      el("td", {}, shares(report.seconds)),
      el("td", { class: "number", text: report.gated ? length(report.gated) : "–" }),
      el("td", { class: "number", text: report.would_have_gated ? length(report.would_have_gated) : "–" }),
      el("td", { class: "number", text: number(report.times.closed ?? 0, "time", "times") }),
      el("td", { class: "number", text: String(report.flaps) }),
      el("td", { class: "number", text: saved(report) })))),
    list.length > 1 ? el("tfoot", {}, el("tr", {}, el("th", { scope: "row", text: "All" }), el("td"), el("td", { class: "number", text: length(sum(list, "gated")) }), el("td", { class: "number", text: length(sum(list, "would_have_gated")) }), el("td"), el("td", { class: "number", text: String(sum(list, "flaps")) }), el("td"))) : null);
}

function stretches(streams) {
  const all = Object.entries(streams).flatMap(([name, report]) => report.stretches.map((one) => ({ ...one, name }))).sort((a, b) => b.from - a.from).slice(0, 100);
  return el("ul", { class: "list" }, ...all.map((one) => el("li", {},
    el("span", { class: "pill", "data-state": one.state, text: one.state }),
    el("span", { class: "what" }, el("strong", { text: one.name }), ` ${reason(one.reason)}${one.causes.length ? `, likely ${causes(one.causes)}` : ""}${one.enforced === null ? " (shadow: nothing was commanded)" : ""}`),
    el("span", { class: "when", text: `${clock(one.from)}, ${length(one.until - one.from)}${one.end === "lasting" ? " so far" : ""}` }))));
}

export function view(main) {
  const choose = el("select", { "aria-label": "Which time", onchange: () => { span = Number(choose.value); load(); } }, ...SPANS.map(([value, text]) => el("option", { value, text, selected: value === span })));
  const place = el("div", { class: "stack" });
  main.replaceChildren(el("div", { class: "bar" }, el("h1", { text: "Report" }), choose), place);
  let gone = false;
  async function load() {
    place.replaceChildren(el("p", { class: "muted", role: "status", text: "Adding up…" }));
    let report;
    try { report = await api.report(span); } catch (error) {
      if (!gone) place.replaceChildren(el("div", { class: "empty" }, el("h2", { text: "No report" }), el("p", { text: error.message })));
      return;
    }
    if (gone) return;
    if (!Object.keys(report.streams).length) {
      place.replaceChildren(el("div", { class: "empty" }, el("h2", { text: "No gate has moved in this time" }), el("p", { text: report.ledger_begins ? `The ledger begins ${clock(report.ledger_begins)}.` : "The ledger has just begun." })));
      return;
    }
    const begins = report.ledger_begins > report.since ? el("p", { class: "muted small", text: `The ledger begins ${clock(report.ledger_begins)}.` }) : null;
    place.replaceChildren(
      el("section", { class: "panel", "aria-labelledby": "sums" }, el("h2", { id: "sums", text: "Time gated by camera" }), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of time gated" }, table(report.streams)), begins),
      el("section", { class: "panel", "aria-labelledby": "stretches" }, el("h2", { id: "stretches", text: "When and why" }), stretches(report.streams)));
  }
  load();
  return () => { gone = true; };
}

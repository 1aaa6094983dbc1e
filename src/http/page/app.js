// Begins: which view, which colours, who may see it, and what is said above everything.

import { api } from "/page/api.js";
import { forgetColours } from "/page/chart.js";
import { el, say, svg } from "/page/element.js";
import { view as alerts } from "/page/alerts.js";
import { view as camera } from "/page/camera.js";
import { view as cameras } from "/page/cameras.js";
import { view as report } from "/page/report.js";
import { listen, load, on, stateOf, store } from "/page/store.js";
import { event } from "/page/words.js";

const main = document.getElementById("main");
let leave = () => {};
let ready = false;

function go(focus = true) {
  if (!ready) return;
  leave();
  const [, place = "", name = ""] = location.hash.split("/");
  const [shown, begin] = { camera: ["cameras", () => camera(main, decodeURIComponent(name))], alerts: ["alerts", () => alerts(main)], report: ["report", () => report(main)] }[place] ?? ["cameras", () => cameras(main)];
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave = begin() ?? (() => {});
  const title = main.querySelector("h1")?.textContent;
  document.title = title ? `${title} · miqa` : "miqa";
  if (focus) { main.focus({ preventScroll: true }); window.scrollTo(0, 0); }
}

function tally() {
  const counts = { open: 0, degraded: 0, closed: 0, unknown: 0 };
  for (const stream of store.streams.values()) counts[stateOf(stream)] += 1;
  const shape = JSON.stringify(counts);
  const place = document.getElementById("tally");
  if (place.dataset.shape === shape) return;
  place.dataset.shape = shape;
  place.replaceChildren(...Object.entries(counts).filter(([, n]) => n).map(([state, n]) => el("span", { "data-state": state }, el("span", { class: "dot", "aria-hidden": "true" }), el("b", { text: n }), ` ${state}`)));
}

function firing() {
  const open = store.alerts.filter((alert) => alert.state === "firing" && !alert.acknowledged).length;
  const count = document.getElementById("firing");
  count.hidden = !open;
  say(count, String(open));
  count.setAttribute("aria-label", `${open} firing`);
}

function banner() {
  const said = [];
  if (!store.connected && store.heard) said.push("The connection to miqa is lost; what you see is old. Trying again…");
  if (store.stretch > 1) said.push(`Scoring can't keep up: every interval is stretched ${store.stretch.toFixed(1)}×.`);
  if (store.configuration) said.push(`The configuration was not reloaded, the old one stays in force: ${store.configuration}`);
  const place = document.getElementById("banner");
  place.hidden = !said.length;
  say(place, said.join(" "));
}

function logIn() {
  leave(); leave = () => {};
  const token = el("input", { type: "password", id: "token", required: true, autocomplete: "current-password", autofocus: true });
  const error = el("p", { class: "error", role: "alert" });
  const form = el("form", {}, el("h1", { text: "Sign in" }), el("p", { class: "muted", text: "With the token that [http] token_file or token_env names." }), el("label", { for: "token", text: "Token" }), token, error, el("button", { class: "primary", type: "submit", text: "Sign in" }));
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    try { await api.logIn(token.value); begin(); } catch (refused) { say(error, refused.message); token.select(); }
  });
  main.replaceChildren(el("div", { class: "panel login" }, form));
  token.focus();
}

async function begin() {
  try {
    await load();
  } catch (error) {
    if (error.status === 401) { logIn(); return; }
    main.replaceChildren(el("div", { class: "empty" }, el("h1", { text: "Nothing to show" }), el("p", { class: "error", text: error.message }), el("button", { type: "button", class: "primary", text: "Try again", onclick: begin })));
    return;
  }
  ready = true;
  tally(); firing(); banner();
  go(false);
  listen();
}

const THEMES = [null, "light", "dark"];
const ICONS = { system: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M8 1.500v13M11 3v10M9.500 2v12M12.600 4.600v6.800", light: "M8 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M8 0v2M8 14v2M0 8h2M14 8h2M2.500 2.500l1.300 1.300M12.200 12.200l1.300 1.300M13.500 2.500l-1.300 1.300M3.800 12.200l-1.300 1.300", dark: "M13.500 9.800A6 6 0 0 1 6.200 2.500 6 6 0 1 0 13.500 9.800z" };
function theme(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  const name = chosen ?? "system";
  const button = document.getElementById("theme");
  button.setAttribute("aria-label", chosen ? `Colours: ${chosen}` : "Colours: as the system");
  button.replaceChildren(svg("svg", { viewBox: "-1 -1 18 18", width: 20, height: 20, "aria-hidden": "true", fill: "none", stroke: "currentColor", "stroke-width": 1.600, "stroke-linecap": "round", "stroke-linejoin": "round" }, svg("path", { d: ICONS[name] })));
  forgetColours();
}
let chosen = null;
try { chosen = localStorage.getItem("theme"); } catch { /* not remembered, then */ }
theme(THEMES.includes(chosen) ? chosen : null);
document.getElementById("theme").addEventListener("click", () => {
  chosen = THEMES[(THEMES.indexOf(THEMES.includes(chosen) ? chosen : null) + 1) % THEMES.length];
  theme(chosen);
  try { if (chosen) localStorage.setItem("theme", chosen); else localStorage.removeItem("theme"); } catch { /* not remembered, then */ }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forgetColours);

addEventListener("hashchange", () => go());
on("streams", tally);
on("alerts", firing);
on("connection", () => { banner(); tally(); });
on("failed", (error) => { if (error.status === 401) logIn(); });
on("log", (e) => {
  if (e?.type === "gate" && e.state !== e.previous) say(document.getElementById("spoken"), `${e.stream}: ${event(e)}`);
  if (e?.type === "error" && !e.stream) say(document.getElementById("spoken"), event(e));
});
begin();

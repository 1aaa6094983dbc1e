// What is asked before something is changed.

import { api } from "/page/api.js";
import { el, toast } from "/page/element.js";
import { refresh, refreshAlerts, store } from "/page/store.js";

const TIMES = [[900, "15 min"], [3600, "1 hour"], [14400, "4 hours"], [28800, "8 hours"], [86400, "1 day"]];
let made = 0;

/// A dialog with these fields; `send` gets them, and what it refuses is said beside them.
function open(title, note, fields, button, send) {
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const submit = el("button", { type: "submit", class: "primary", text: button });
  const id = `dialog-${made += 1}`;
  const before = document.activeElement;
  const form = el("form", { method: "dialog" }, el("h2", { id, text: title }), note ? el("p", { class: "muted", text: note }) : null, ...fields, error,
    el("div", { class: "row" }, el("button", { type: "button", onclick: () => dialog.close(), text: "Cancel" }), submit));
  const dialog = el("dialog", { "aria-labelledby": id }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    error.hidden = true;
    try {
      await send(new FormData(form));
      dialog.close();
    } catch (refused) {
      error.textContent = refused.message;
      error.hidden = false;
    }
    submit.disabled = false;
  });
  dialog.addEventListener("close", () => { dialog.remove(); before?.focus?.(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function field(label, input, hint) {
  input.id = `field-${made += 1}`;
  const described = hint ? `${input.id}-hint` : null;
  if (described) input.setAttribute("aria-describedby", described);
  return el("div", { class: "field" }, el("label", { for: input.id, text: label }), input, hint ? el("span", { class: "hint", id: described, text: hint }) : null);
}

function choose(name, title, options, chosen) {
  return el("fieldset", { class: "choice" }, el("legend", { text: title }),
    ...options.map(([value, text]) => el("label", {}, el("input", { type: "radio", name, value, checked: value === chosen, required: true }), text)));
}

const HINTS = { rtsp: "rtsp://camera/stream", http: "http://camera/live.m3u8", test: "test:ball", file: "a file's name" };

export function addStream() {
  const kinds = store.about?.add ?? [];
  const name = el("input", { name: "name", required: true, maxlength: 64, pattern: "[A-Za-z0-9_.\\-]+", title: "Letters, digits, _, - and .", autocomplete: "off", autofocus: true });
  const location = el("input", { name: "location", required: true, maxlength: 2048, autocomplete: "off", spellcheck: "false", placeholder: HINTS[kinds[0]] ?? "" });
  const user = el("input", { name: "user", autocomplete: "off" });
  const password = el("input", { name: "password", type: "password", autocomplete: "new-password" });
  const interval = el("select", { name: "interval" }, ...[["200ms", "five times a second"], ["1s", "once a second"], ["5s", "every five seconds"]].map(([value, text]) => el("option", { value, text })));
  const mode = el("select", { name: "mode" }, el("option", { value: "enforce", text: "Enforce" }), el("option", { value: "shadow", text: "Shadow: decide, command nothing" }));
  open("Add a stream", store.about?.kept ? null : "There is no state folder: a restart will forget it.", [
    field("Name", name), field("Location", location, `For instance ${kinds.map((kind) => HINTS[kind]).join(", ")}.`),
    el("div", { class: "two" }, field("User", user, "If it needs one."), field("Password", password)),
    el("div", { class: "two" }, field("Score", interval), field("Gate", mode)),
  ], "Add", async (data) => {
    const keys = { name: data.get("name"), location: data.get("location").trim(), interval: data.get("interval"), gate: { mode: data.get("mode") } };
    if (keys.interval === "5s") keys.gate.stale_after = "25s";
    if (data.get("user")) Object.assign(keys, { user: data.get("user"), password: data.get("password") });
    await api.add(keys);
    await refresh();
    toast(`${keys.name} is watched`);
  });
}

export function setGate(stream) {
  open(`Set the gate of ${stream}`, "What is decided goes on being shown; detectors are told this instead.", [
    choose("state", "Detectors are told that it is", [["open", "Open"], ["closed", "Closed"]], "open"), choose("seconds", "For", TIMES.map(([value, text]) => [String(value), text]), "3600"),
  ], "Set", async (data) => {
    await api.set(stream, data.get("state"), Number(data.get("seconds")));
    toast(`${stream} is set ${data.get("state")}`);
  });
}

export function silence(stream, rule = null) {
  const rules = (store.about?.rules ?? []).filter((one) => !one.streams || one.streams.includes(stream));
  const which = el("select", { name: "rule" }, el("option", { value: "", text: "All rules" }), ...rules.map((one) => el("option", { value: one.name, text: one.name, selected: one.name === rule })));
  open(`Silence alerts of ${stream}`, "They are recorded, and sent to nobody.", [field("Alerts", which), choose("seconds", "For", TIMES.map(([value, text]) => [String(value), text]), "3600")], "Silence", async (data) => {
    await api.silence(stream, data.get("rule") || null, Number(data.get("seconds")));
    await refreshAlerts();
    toast(`Alerts of ${stream} are silenced`);
  });
}

export function confirmThat(title, note, button) {
  return new Promise((resolve) => {
    let sure = false;
    const dialog = open(title, note, [], button, async () => { sure = true; });
    dialog.addEventListener("close", () => resolve(sure));
  });
}

// What is known of the daemon, kept up to date by server-sent events.

import { api } from "/page/api.js";

/// How long without a word until what is shown counts as old, in milliseconds.
const OLD = 4000;

export const store = {
  about: null, streams: new Map(), histories: new Map(), alerts: [], silences: [], log: [],
  stretch: 1, configuration: null, connected: false, heard: 0,
  /// The server's clock minus ours, in seconds.
  ahead: 0,
};

const listeners = new Map();

/// Calls back whenever something of that name changes; returns how to stop that.
export function on(name, call) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(call);
  return () => listeners.get(name).delete(call);
}

function tell(name, detail) {
  for (const call of listeners.get(name) ?? []) call(detail);
}

export const now = () => Date.now() / 1000 + store.ahead;

/// The state that may be believed now: without a lease, unknown.
export function stateOf(stream) {
  if (!store.connected && performance.now() - store.heard > OLD) return "unknown";
  return stream.gate.decided;
}

function take(streams) {
  const names = streams.map((stream) => stream.name).join("\n");
  const before = [...store.streams.keys()].join("\n");
  store.streams = new Map(streams.map((stream) => [stream.name, stream]));
  store.heard = performance.now();
  for (const stream of streams) remember(stream);
  if (names !== before) {
    for (const name of store.histories.keys()) if (!store.streams.has(name)) store.histories.delete(name);
    tell("names");
  }
  tell("streams");
}

/// The newest score at the end of the history, as the server keeps it.
function remember(stream) {
  const history = store.histories.get(stream.name);
  if (!history) return;
  const end = (Math.floor(now() / history.step) + 1) * history.step;
  const ahead = Math.min((end - history.end) / history.step, history.mean.length);
  for (let i = 0; i < ahead; i += 1) {
    history.mean.shift(); history.low.shift();
    history.mean.push(null); history.low.push(null);
    history.gate = `${history.gate.slice(1)}-`;
  }
  if (ahead > 0) { history.end = end; history.seen = 0; }
  const last = history.mean.length - 1;
  const score = stream.gate.smoothed;
  if (stream.gate.decided !== "unknown" && typeof score === "number") {
    history.seen = (history.seen ?? 0) + 1;
    const before = history.mean[last];
    history.mean[last] = before === null ? score : before + (score - before) / history.seen;
    history.low[last] = history.low[last] === null ? score : Math.min(history.low[last], score);
  }
  history.gate = history.gate.slice(0, -1) + stream.gate.decided[0];
}

async function alerts() {
  [store.alerts, store.silences] = await Promise.all([api.alerts().then((a) => a.alerts), api.silences().then((s) => s.silences)]);
  tell("alerts");
}

export async function histories() {
  const { streams } = await api.histories();
  store.histories = new Map(Object.entries(streams));
  tell("histories");
}

/// Everything anew.
export async function load() {
  store.about = await api.about();
  store.ahead = store.about.now - Date.now() / 1000;
  const [streams, log] = await Promise.all([api.streams(), api.log(), alerts()]);
  store.log = log.events;
  take(streams.streams);
  tell("about");
  tell("log");
  await histories();
}

let source = null;

/// Listens from now on; what went wrong is tried again by itself.
export function listen() {
  source?.close();
  source = new EventSource("/api/v1/events");
  const again = () => load().catch((error) => tell("failed", error));
  source.addEventListener("open", () => {
    const back = !store.connected && store.heard > 0;
    store.connected = true;
    store.heard = performance.now();
    tell("connection");
    if (back) again();
  });
  source.addEventListener("error", async () => {
    store.connected = false;
    tell("connection");
    // A refusal ends it for good: perhaps the session is over, perhaps the server is restarting.
    if (source.readyState === EventSource.CLOSED) {
      try { store.about = await api.about(); } catch (error) { if (error.status === 401) { tell("failed", error); return; } }
      setTimeout(listen, 2000);
    }
  });
  source.addEventListener("status", (message) => {
    const status = JSON.parse(message.data);
    store.stretch = status.stretch;
    store.configuration = status.configuration;
    take(status.streams);
    tell("connection");
  });
  source.addEventListener("said", (message) => {
    const event = JSON.parse(message.data);
    store.log.unshift(event);
    store.log.length = Math.min(store.log.length, 500);
    tell("log", event);
    if (event.type === "alert" || event.type === "silence") alerts().catch(() => {});
  });
  source.addEventListener("streams", () => refresh());
  source.addEventListener("alerts", () => alerts().catch(() => {}));
  source.addEventListener("missed", again);
}

/// Streams, with what may be done with them, asked anew.
export async function refresh() {
  try {
    const [about, { streams }] = await Promise.all([api.about(), api.streams()]);
    store.about = about;
    take(streams);
    if (streams.some((stream) => !store.histories.has(stream.name))) await histories();
    tell("about");
  } catch (error) { tell("failed", error); }
}

export { alerts as refreshAlerts };

setInterval(() => { if (!store.connected) { tell("connection"); tell("streams"); } }, 2000);

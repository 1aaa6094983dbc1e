// What the server is asked.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, "miqa can't be reached; is it running?");
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let error = `refused (${response.status})`;
  try { error = JSON.parse(text).error ?? error; } catch { /* not ours: a proxy's */ }
  throw new Refused(response.status, error);
}

const part = encodeURIComponent;
const of = (stream) => `/api/v1/streams/${part(stream)}`;

export const api = {
  about: () => ask("GET", "/api/v1/about"),
  logIn: (token) => ask("POST", "/api/v1/session", { token }),
  logOut: () => ask("DELETE", "/api/v1/session"),
  streams: () => ask("GET", "/api/v1/streams"),
  histories: () => ask("GET", "/api/v1/history?points=120"),
  history: (stream) => ask("GET", `${of(stream)}/history?points=720`),
  add: (keys) => ask("POST", "/api/v1/streams", keys),
  remove: (stream) => ask("DELETE", of(stream)),
  pause: (stream, paused) => ask("POST", `${of(stream)}/${paused ? "pause" : "resume"}`),
  set: (stream, state, seconds) => ask("PUT", `/api/v1/gates/${part(stream)}/override`, { state, seconds }),
  takeBack: (stream) => ask("DELETE", `/api/v1/gates/${part(stream)}/override`),
  alerts: () => ask("GET", "/api/v1/alerts"),
  acknowledge: (alert) => ask("POST", `/api/v1/alerts/${part(alert)}/acknowledge`),
  silences: () => ask("GET", "/api/v1/silences"),
  silence: (stream, rule, seconds) => ask("PUT", `/api/v1/silences/${part(stream)}`, { rule, seconds }),
  endSilence: (stream, rule) => ask("DELETE", `/api/v1/silences/${part(stream)}${rule ? `?rule=${part(rule)}` : ""}`),
  log: () => ask("GET", "/api/v1/log?limit=300"),
  report: (seconds) => ask("GET", `/api/v1/report?since=${seconds}`),
  live: (stream, size) => `${of(stream)}/live.jpg?size=${size}`,
  good: (stream) => `${of(stream)}/good.jpg`,
  snapshot: (alert) => `/api/v1/alerts/${part(alert)}/snapshot.jpg`,
  lastGood: (alert) => `/api/v1/alerts/${part(alert)}/good.jpg`,
};

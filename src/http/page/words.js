// What is said to people, in one place.

const REASONS = {
  starting: "nothing scored yet", score_good: "score good", score_poor: "score poor", score_low: "score low",
  stale: "newest score too old", stalled: "no frames arrive", ended: "stream ended", failed: "source failed",
  frozen: "picture frozen", black: "picture black", one_colour: "picture of one colour",
  slate: "placeholder instead of a picture", corrupt: "picture damaged", smear: "picture smeared", plain: "too little texture to judge",
};
const LIGHTS = { colour: "colour", infrared: "infrared", low_light: "low light" };

export const reason = (word) => REASONS[word] ?? word.replaceAll("_", " ");
export const plain = (word) => word.replaceAll("_", " ");
export const light = (word) => LIGHTS[word] ?? "not known yet";
export const score = (value) => (typeof value === "number" ? value.toFixed(2) : "–");
export const percent = (value) => `${Math.round(100 * value)} %`;
export const number = (n, one, many) => `${n} ${n === 1 ? one : many}`;

export function length(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 && s < 600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`;
  const [h, m] = [Math.floor(s / 3600), Math.round((s % 3600) / 60) % 60];
  if (s < 172800) return m ? `${h} h ${m} min` : `${h} h`;
  return `${Math.round(s / 86400)} days`;
}

export function clock(seconds) {
  const day = new Date(seconds * 1000);
  const time = day.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return day.toDateString() === new Date().toDateString() ? time : `${day.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

export function causes(list) {
  return (list ?? []).map((cause) => `${plain(cause.distortion)} ${percent(cause.probability)}`).join(", ");
}

/// An event in one line.
export function event(e) {
  switch (e.type) {
    case "gate": {
      const likely = causes(e.causes.filter((cause) => cause.distortion !== e.reason));
      const hand = e.by_hand ? `; set ${e.by_hand.state} by hand` : "";
      const moved = e.state === e.previous ? `still ${e.state}` : `${e.state}, was ${e.previous}`;
      return `gate ${moved}: ${reason(e.reason)}${likely ? `, likely ${likely}` : ""}${hand}`;
    }
    case "alert": return `alert ${e.rule} ${e.state}${e.silenced ? " (silenced)" : ""}`;
    case "silence": return e.until ? `${e.rule ? `alerts of ${e.rule}` : "alerts"} silenced until ${clock(e.until)}` : `${e.rule ? `alerts of ${e.rule}` : "alerts"} no longer silenced`;
    case "stream_started": return `started, ${e.width}×${e.height}`;
    case "stream_ended": return `ended: ${e.reason}`;
    case "stream_stalled": return `stalled: ${e.reason}`;
    case "stream_resumed": return "frames arrive again";
    case "overload": return e.stretch > 1 ? `overload: intervals stretched ${e.stretch.toFixed(1)}×` : "overload is over";
    case "reloaded": return `configuration changed: ${e.streams.join(", ") || "no stream"}`;
    case "error": return e.error;
    default: return plain(e.type);
  }
}

/// Why a gate stands where it stands, in one line.
export function why(stream) {
  const gate = stream.gate;
  if (stream.paused) return "paused: its source rests";
  // What was seen in the picture is the reason already.
  const likely = causes((gate.causes ?? []).filter((cause) => cause.distortion !== gate.reason));
  return `${reason(gate.reason)}${likely ? `, likely ${likely}` : ""}`;
}

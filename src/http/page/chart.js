// The line of a score on a canvas: thresholds, what is normal, and the gate below it.

const STATES = { o: "open", d: "degraded", c: "closed", u: "unknown" };
let colours = null;

function palette() {
  if (colours) return colours;
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  colours = Object.fromEntries(["text", "muted", "line", "strong", "band", "surface", "open-mark", "degraded-mark", "closed-mark", "unknown-mark"].map((name) => [name, get(name)]));
  return colours;
}

/// After another theme.
export function forgetColours() { colours = null; }

/// Sizes of canvases, known without asking for the layout each time.
const sizes = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    sizes.set(target, [contentRect.width, contentRect.height]);
    target.dispatchEvent(new CustomEvent("resized"));
  }
});
export const watchSize = (canvas) => observer.observe(canvas);
export const forgetSize = (canvas) => observer.unobserve(canvas);

/// The part of a history that holds anything, at least so many buckets.
function since(history, least) {
  const known = history.gate.search(/[^-]/);
  const from = Math.max(0, Math.min(known < 0 ? Infinity : known, history.mean.length - least));
  return from ? { ...history, mean: history.mean.slice(from), low: history.low.slice(from), gate: history.gate.slice(from) } : history;
}

/// Draws a history (0 to 1 upwards). `axis`: with numbers and times.
export function draw(canvas, whole, { thresholds, normal, axis = false } = {}) {
  const [width, height] = sizes.get(canvas) ?? [0, 0];
  const history = since(whole, axis ? 60 : 36);
  if (width < 10 || height < 10) return;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const c = canvas.getContext("2d");
  const p = palette();
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  const left = axis ? 34 : 0;
  const [top, bottom] = axis ? [8, height - 32] : [2, height - 7];
  const strip = axis ? 8 : 4;
  const n = history.mean.length;
  const x = (i) => left + ((i + .5) / n) * (width - left);
  const y = (score) => bottom - score * (bottom - top);
  if (axis) {
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    for (const score of [0, .25, .5, .75, 1]) {
      c.strokeStyle = p.line; c.lineWidth = 1;
      c.beginPath(); c.moveTo(left, Math.round(y(score)) + .5); c.lineTo(width, Math.round(y(score)) + .5); c.stroke();
      c.fillStyle = p.muted; c.textAlign = "right"; c.fillText(score.toFixed(2), left - 6, y(score));
    }
    const span = n * history.step;
    const every = span > 1800 ? 600 : span > 600 ? 300 : 60;
    c.textAlign = "center"; c.textBaseline = "alphabetic";
    for (let t = Math.ceil((history.end - span) / every) * every; t <= history.end; t += every) {
      const at = left + ((t - history.end + span) / span) * (width - left);
      if (at < left + 18 || at > width - 18) continue;
      c.fillText(new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }), at, height - 2);
    }
  }
  if (normal) {
    c.globalAlpha = .2; c.fillStyle = p.band;
    c.fillRect(left, y(normal.high), width - left, Math.max(2, y(normal.low) - y(normal.high)));
    c.globalAlpha = .75; c.strokeStyle = p.band; c.lineWidth = 1;
    c.beginPath(); c.moveTo(left, y(normal.median)); c.lineTo(width, y(normal.median)); c.stroke();
    c.globalAlpha = 1;
  }
  if (thresholds) {
    for (const [score, colour] of [[thresholds.close_below, p["closed-mark"]], [thresholds.open_above, p["open-mark"]]]) {
      c.strokeStyle = colour; c.lineWidth = 1.200; c.setLineDash([4, 3]);
      c.beginPath(); c.moveTo(left, y(score)); c.lineTo(width, y(score)); c.stroke();
    }
    c.setLineDash([]);
  }
  // The spread down to the lowest score of each bucket, then the mean.
  c.fillStyle = p.text; c.globalAlpha = .13;
  const step = Math.max(1, (width - left) / n);
  for (let i = 0; i < n; i += 1) {
    const [mean, low] = [history.mean[i], history.low[i]];
    if (mean !== null && low !== null && mean - low > .01) c.fillRect(x(i) - step / 2, y(mean), step, y(low) - y(mean));
  }
  c.globalAlpha = 1;
  c.strokeStyle = p.text; c.lineWidth = axis ? 1.800 : 1.600; c.lineJoin = "round";
  c.beginPath();
  let pen = false;
  let last = -1;
  for (let i = 0; i < n; i += 1) {
    const mean = history.mean[i];
    if (mean === null) { pen = false; continue; }
    if (pen) c.lineTo(x(i), y(mean)); else c.moveTo(x(i), y(mean));
    if (!pen && (i + 1 === n || history.mean[i + 1] === null)) c.lineTo(x(i) + 1, y(mean));
    pen = true;
    last = i;
  }
  c.stroke();
  if (last === n - 1) {
    c.fillStyle = p.text; c.beginPath(); c.arc(Math.min(x(last), width - 3), y(history.mean[last]), axis ? 3.500 : 2.500, 0, 7); c.fill();
  }
  // The gate, one colour a stay.
  const row = axis ? bottom + 6 : height - strip;
  for (let from = 0; from < n;) {
    let to = from + 1;
    while (to < n && history.gate[to] === history.gate[from]) to += 1;
    const state = STATES[history.gate[from]];
    if (state) {
      c.fillStyle = p[`${state}-mark`];
      const [a, b] = [left + (from / n) * (width - left), left + (to / n) * (width - left)];
      c.fillRect(a, row, b - a, strip);
    }
    from = to;
  }
}

/// The same in words, for whoever can't see it.
export function describe(history, thresholds) {
  const scores = history.mean.filter((score) => score !== null);
  if (!scores.length) return "No scores in this time.";
  const f = (score) => score.toFixed(2);
  const limits = thresholds ? ` Closes below ${f(thresholds.close_below)}, opens from ${f(thresholds.open_above)}.` : "";
  return `Score over the last ${Math.round((history.mean.length * history.step) / 60)} minutes: newest ${f(scores.at(-1))}, lowest ${f(Math.min(...scores))}, highest ${f(Math.max(...scores))}.${limits}`;
}

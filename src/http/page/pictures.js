// Live pictures, one after the other, of those that can be seen: the server is never asked for more than it gives gladly.

import { api } from "/page/api.js";

/// Pictures that are on their way at a time: a browser has six connections, one of which listens and one is left for the rest.
const AT_ONCE = 4;

/// Milliseconds from one picture of a camera to the next, at best.
const EVERY = 2000;

const shown = new Map();
let under_way = 0;

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const view = shown.get(target);
    if (view) view.seen = isIntersecting;
  }
  go();
}, { rootMargin: "120px" });

/// Shows a camera's live picture in this box (an element with class shot), until it is let go.
export function show(box, name, size, alt) {
  shown.set(box, { name, size, alt, seen: false, next: 0, image: null, failed: 0 });
  observer.observe(box);
}

export function letGo(box) {
  observer.unobserve(box);
  shown.delete(box);
}

function go() {
  if (document.hidden) return;
  const now = performance.now();
  const due = [...shown.entries()].filter(([, view]) => view.seen && !view.busy && view.next <= now).sort((a, b) => a[1].next - b[1].next);
  for (const [box, view] of due) {
    if (under_way >= AT_ONCE) return;
    fetchOne(box, view);
  }
}

async function fetchOne(box, view) {
  view.busy = true;
  under_way += 1;
  const image = new Image();
  image.alt = view.alt();
  image.src = `${api.live(view.name, view.size)}&t=${Date.now()}`;
  try {
    // Decoded before it is shown: no picture flickers, and nobody waits for it.
    await image.decode();
    if (shown.get(box) === view) {
      if (view.image?.isConnected) view.image.replaceWith(image);
      else box.prepend(image);
      view.image = image;
      view.failed = 0;
      box.dataset.picture = "live";
    }
  } catch {
    view.failed += 1;
    if (view.failed > 2 && view.image) box.dataset.picture = "old";
    if (!view.image) box.dataset.picture = "none";
  }
  under_way -= 1;
  view.busy = false;
  view.next = performance.now() + EVERY * Math.min(5, 1 + view.failed);
  go();
}

setInterval(go, 500);
document.addEventListener("visibilitychange", go);

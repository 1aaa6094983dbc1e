#!/usr/bin/env bash
# Does `miqa calibrate` keep its promise? Two detectors, a clip and COCO images that it doesn't come from: thresholds from one
# half of the clip, the loss measured on the other half, and on the images. The promise: within 5 points.
#   DATA=<folder>       MODELS.toml, models/, coco/val2017/, video/
#   CLIP, EVERY         the clip and the time between two frames (default: DATA's car-detection.mp4, 1500ms)
#   IMAGES              how many COCO images (default 24)
#   MIQA, MIQA_OFFLINE  programs (default: target/release)
#   WORK                where pictures and scores are kept for another run (default: a folder that is removed)
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${DATA:-}" ] && [ -f "$DATA/MODELS.toml" ] || { echo "skipped: needs DATA=<folder> with detectors, images and clips"; exit 0; }
DATA=$(realpath "$DATA")
MIQA=${MIQA:-$PWD/target/release/miqa} MIQA_OFFLINE=${MIQA_OFFLINE:-$PWD/target/release/miqa-offline}
export MIQA_OFFLINE
CLIP=${CLIP:-$DATA/video/car-detection.mp4}
if [ -z "${WORK:-}" ]; then WORK=$(mktemp -d); trap 'rm -rf "$WORK"' EXIT; fi
mkdir -p "$WORK"
[ -x "$WORK/venv/bin/python" ] || python3 -m venv "$WORK/venv"
"$WORK/venv/bin/python" -c 'import onnxruntime, PIL' 2>/dev/null || "$WORK/venv/bin/pip" install -q onnxruntime pillow numpy

cat >"$WORK/c.toml" <<TOML
[engine]
model = "$PWD/models/edge"
device = "cpu"
[gate]
head = "det_consistency"
[[stream]]
name = "clip"
location = "$CLIP"
TOML
if [ ! -d "$WORK/clip/degraded" ]; then
  "$MIQA" calibrate prepare "$CLIP" --config "$WORK/c.toml" --out "$WORK/clip" --every "${EVERY:-1500ms}" >/dev/null
  "$WORK/clip/degrade.sh" >/dev/null
fi
if [ ! -d "$WORK/images/degraded" ]; then
  mkdir -p "$WORK/images/clean"
  find "$DATA/coco/val2017" -name '*.jpg' | sort | head -n "${IMAGES:-24}" | xargs -I{} cp {} "$WORK/images/clean"
  sed 's/\.png/.jpg/' "$WORK/clip/degrade.sh" >"$WORK/images/degrade.sh"
  bash "$WORK/images/degrade.sh" >/dev/null
fi
worst=0
for detector in picodet_s_416 yolox_nano; do
  for set in clip images; do
    [ -s "$WORK/$set/$detector.jsonl" ] || "$WORK/venv/bin/python" scripts/calibration-detect.py "$DATA/MODELS.toml" "$detector" \
      "$WORK/$set/$detector.jsonl" "$WORK/$set/clean" "$WORK/$set/degraded"
  done
  echo "== $detector"
  "$MIQA" calibrate --config "$WORK/c.toml" --frames "$WORK/clip" --detections "$WORK/clip/$detector.jsonl" --out "$WORK/$detector" --json \
    >"$WORK/$detector.json"
  "$WORK/venv/bin/python" - "$WORK" "$detector" "$MIQA" <<'PY' || worst=1
import json, subprocess, sys
work, detector, miqa = sys.argv[1:]
found = json.load(open(f"{work}/{detector}.json"))
print(f"{found['frames']} degraded frames, {found['detections']:.0f} detections, {found['segments']} segments")
bad = []
def show(what, promised, score, measured, extra=""):
    off = 100 * (measured - promised)
    print(f"  {what}: {100 * promised:.0f} % promised at {score:.3f}, {100 * measured:.1f} % measured ({off:+.1f} points){extra}")
    if abs(off) > 5:
        bad.append(what)
for half in found["halves"]:
    show("other half of the clip", half["promised"], half["score"], half["measured"])
for threshold in found["thresholds"]:
    score = threshold["score"]
    out = subprocess.run([miqa, "calibrate", "--config", f"{work}/c.toml", "--frames", f"{work}/images", "--detections",
                          f"{work}/images/{detector}.jsonl", "--at", f"{score}", "--json"], check=True, capture_output=True, text=True)
    at = json.loads(out.stdout)
    low, high = (100 * v for v in at["interval"])
    show("COCO images", threshold["loss"], score, at["loss"], f", 95 % {low:.0f} to {high:.0f}; score's interval {threshold['interval']}")
sys.exit(bool(bad))
PY
done
[ "$worst" = 0 ] || { echo "FAILED: a promise is off by more than 5 points" >&2; exit 1; }

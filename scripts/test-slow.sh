#!/usr/bin/env bash
# The tests that take minutes; their last figures are in docs/measured.md.
#   1. memory: one stream, 10,000 scored frames with the shipped model; at most 400 MB, no growth over the second half
#   2. integration tests marked slow; the month of one camera is among them (docs/baselines.md)
#   3. shards under GNU parallel and a real Slurm, with killed workers (skipped where the packages are missing)
#   4. the offline chain on the images of a package, killed in each step and resumed (with DATA=<folder>: on those)
#   5. thresholds from two detectors' losses, measured on what they don't come from (with DATA=<folder>)
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== memory over 10,000 frames"
cargo build --release --locked --quiet --bin miqa
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gst-launch-1.0 -q videotestsrc pattern=ball num-buffers=10000 ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 \
  ! x264enc speed-preset=ultrafast key-int-max=50 ! mp4mux ! filesink location="$work/long.mp4"
cat >"$work/soak.toml" <<TOML
[engine]
model = "$PWD/models/edge"
device = "cpu"
[[stream]]
name = "soak"
location = "long.mp4"
views = "centre"
interval = "0s"
pace = "asap"
TOML
target/release/miqa run --config "$work/soak.toml" >"$work/out" &
pid=$!
samples=()
while kill -0 "$pid" 2>/dev/null; do
  kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
  [ -n "$kb" ] && samples+=("$kb")
  peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
  [ -n "$peak" ] && last_peak=$peak
  sleep 2
done
wait "$pid"
tail -n 3 "$work/out"
n=${#samples[@]}
half=${samples[$((n / 2))]} end=${samples[$((n - 1))]}
echo "resident: peak $((last_peak / 1024)) MB, half way $((half / 1024)) MB, at the end $((end / 1024)) MB"
[ "$last_peak" -le $((400 * 1024)) ] || { echo "FAILED: more than 400 MB" >&2; exit 1; }
[ "$end" -le $((half + half / 50)) ] || { echo "FAILED: grew by more than 2 % over the second half" >&2; exit 1; }

echo "== tests that are slow: 500 reloads, timeouts of half a minute, tables of encoders, a month of one camera"
cargo test --locked -p miqa --test it -- --ignored --test-threads 1

echo "== shards under GNU parallel"
cargo build --release --locked --quiet -p miqa-offline
BIN=target/release/miqa-offline offline/tests/gnu_parallel.sh
echo "== shards under a real Slurm"
BIN=target/release/miqa-offline offline/tests/slurm/run.sh

echo "== the offline chain, killed and resumed"
chain=$work/chain
for seconds in 20 15 10; do
  WORK=$chain DATA=${DATA:-} timeout --signal=KILL "$seconds" scripts/model-demo.sh >"$work/chain.out" 2>&1 || true
done
WORK=$chain DATA=${DATA:-} scripts/model-demo.sh

echo "== thresholds from a detector's own losses"
DATA=${DATA:-} scripts/calibration-bar.sh

#!/usr/bin/env bash
# miqa and a detector that obeys it, side by side on the bundled clip; prints at the end what the gate was worth.
# With --python the detector is detector.py, which prints what it looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "building (some minutes the first time)" >&2
cargo build --release --locked --quiet -p miqa --bin miqa --example detector
folder=$(mktemp -d) miqa=
trap '[ -z "$miqa" ] || kill "$miqa" 2>/dev/null || true; rm -rf "$folder"' EXIT
# As the demonstration, but at the clip's own speed, as a camera would send it, and with a mapped file of gates.
sed -e 's/pace = "asap"/pace = "realtime"/' -e "s|\"../models/edge\"|\"$PWD/models/edge\"|" \
  -e "s|\"traffic.mp4\"|\"$PWD/demo/traffic.mp4\"|" demo/demo.toml > "$folder/demo.toml"
printf '[slot]\npath = "%s/gates"\n' "$folder" >> "$folder/demo.toml"
target/release/miqa run --config "$folder/demo.toml" > "$folder/miqa.txt" &
miqa=$!
until [ -e "$folder/gates" ]; do
  kill -0 "$miqa" 2>/dev/null || exit 2 # it has said why
  sleep 0.01
done
if [ "${1:-}" = --python ]; then
  "${PYTHON:-python3}" examples/detector/detector.py demo/traffic.mp4 "$folder/gates" traffic
else
  target/release/examples/detector demo/traffic.mp4 --gates "$folder/gates" --truth examples/detector/truth.json
fi
grep gate "$folder/miqa.txt"

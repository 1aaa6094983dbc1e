#!/usr/bin/env bash
# miqa and a detector that obeys it, side by side on the bundled clip; prints at the end what the gate was worth.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --locked --quiet -p miqa --bin miqa --example detector
folder=$(mktemp -d)
trap 'kill "$miqa" 2>/dev/null || true; rm -rf "$folder"' EXIT
# As the demonstration, but at the clip's own speed, as a camera would send it, and with a mapped file of gates.
sed -e 's/pace = "asap"/pace = "realtime"/' -e "s|\"../models/edge\"|\"$PWD/models/edge\"|" \
  -e "s|\"traffic.mp4\"|\"$PWD/demo/traffic.mp4\"|" demo/demo.toml > "$folder/demo.toml"
printf '[slot]\npath = "%s/gates"\n' "$folder" >> "$folder/demo.toml"
target/release/miqa run --config "$folder/demo.toml" > "$folder/miqa.txt" &
miqa=$!
until [ -e "$folder/gates" ]; do sleep 0.01; done
target/release/examples/detector demo/traffic.mp4 --gates "$folder/gates" --truth examples/detector/truth.json
grep gate "$folder/miqa.txt"

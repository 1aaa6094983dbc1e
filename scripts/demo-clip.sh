#!/usr/bin/env bash
# Remakes demo/traffic.mp4 from CLIP, the original car-detection.mp4 (demo/README.md says whose it is).
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CLIP:?set CLIP=<path of car-detection.mp4>}"
cargo build --release --locked --quiet -p miqa-offline
target/release/miqa-offline clip --input "$CLIP" --output demo/traffic.mp4 \
  --quality 26 --stretch clean:3s --stretch fog:9:3s --stretch clean:3s --stretch darkness:10:3s \
  --stretch clean:3s --stretch defocus_blur:10:3s --stretch clean:2.2s

#!/usr/bin/env bash
# All benches. Each prints both sides, measured in one run, and their ratio; machines are noisy, absolute times mean little.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo bench --locked --benches -p miqa -- "$@"
# The data set side; REFERENCE=<python> (offline/benches/reference.py says with what) adds the other side.
cargo bench --locked --benches -p miqa-offline

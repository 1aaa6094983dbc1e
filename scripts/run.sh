#!/usr/bin/env bash
# Builds the daemon in release and runs it on the bundled clip. ARGS reaches `miqa run`, such as ARGS=--json.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet --bin miqa
# shellcheck disable=SC2086  # ARGS is a list of options
exec target/release/miqa run --config demo/demo.toml ${ARGS:-}

#!/usr/bin/env bash
# Formatting, lints, licences, the pure part alone, then every quick test. The GPU and the big data set are optional;
# tests that miss something print "skipped: …" with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
export LIBTORCH=$PWD/.deps/libtorch OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step "format"
cargo fmt --all --check
step "no machine's paths, hosts or secrets"
scripts/tidy.sh
step "clippy"
cargo clippy --locked --quiet --workspace --all-targets --features miqa-offline/train -- -D warnings
step "the pure part compiles without GStreamer and ONNX Runtime"
cargo check --locked --quiet --lib -p miqa --no-default-features
step "licences, sources, duplicates"
scripts/cargo-deny.sh
# With the points at which tests kill the daemon; they do nothing unless a test asks for it, and another build would cost minutes.
step "tests"
cargo test --locked --workspace --features miqa-offline/train,miqa/failpoints
step "done"

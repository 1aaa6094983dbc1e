#!/usr/bin/env bash
# cargo-deny in a pinned version (built once into the user's cache folder): licences, sources, banned crates.
# Its advisories check is left out: that database is no crate and can't be pinned.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/miqa/cargo-deny-$version
[ -x "$root/bin/cargo-deny" ] || cargo install --quiet --locked --root "$root" --version "$version" cargo-deny
# It reads every crate of the lock file, also those that no build here needs.
cargo fetch --quiet --locked
"$root/bin/cargo-deny" --offline check --hide-inclusion-graph bans licenses sources 2>&1 | grep -v '^$' || { "$root/bin/cargo-deny" --offline check bans licenses sources; }

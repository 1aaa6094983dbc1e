#!/usr/bin/env bash
# Puts Debian's promtool, which tests the alert rules, into .deps/promtool/. Installing the package itself would start a
# Prometheus. Safe to run twice; without the package the tests that need it say so.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=.deps/promtool
[ -x "$dir/promtool" ] && exit 0
command -v promtool >/dev/null && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus >/dev/null 2>&1); then
  echo "no promtool: apt-get could not download the package prometheus (run apt-get update)" >&2
  exit 0
fi
dpkg -x "$work"/prometheus_*.deb "$work/x"
mkdir -p "$dir"
install -m 755 "$work/x/usr/bin/promtool" "$dir/promtool"

#!/usr/bin/env bash
# Installs what is missing: Debian packages, a Rust compiler if there is none, ONNX Runtime's library.
# usage: deps.sh [test]     "test" adds what only the tests need. A second run finds all there and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates gcc libc6-dev make pkg-config python3 python3-pip
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav gstreamer1.0-tools
)
if [ "${1:-}" = test ]; then
  packages+=(g++ git libfaketime man-db mosquitto openssl python3-gi python3-jsonschema gir1.2-gst-rtsp-server-1.0
    gir1.2-gst-plugins-base-1.0 systemd chromium)
  command -v npm >/dev/null || packages+=(nodejs npm)
fi

rust_is_new_enough() {
  command -v cargo >/dev/null && command -v rustc >/dev/null &&
    [ "$(printf '1.92.0\n%s\n' "$(rustc --version | cut -d' ' -f2)" | sort -V | head -n1)" = 1.92.0 ]
}
if ! rust_is_new_enough; then
  if command -v rustup >/dev/null; then
    echo "the Rust here is older than 1.92; run: rustup update stable" >&2
    exit 1
  fi
  packages+=(rustc-web cargo-web rustfmt-web rust-web-clippy)
fi

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  as_root=
  if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    command -v sudo >/dev/null || { echo "not root and no sudo; as root run: apt-get install ${missing[*]}" >&2; exit 1; }
  fi
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if ! rust_is_new_enough; then
  echo "Debian's rustc-web here is older than 1.92: the newer one comes with bookworm-security; add that to apt's sources and run this again" >&2
  exit 1
fi

scripts/onnxruntime.sh
if [ "${GPU:-0}" = 1 ]; then GPU=0 scripts/onnxruntime.sh; fi
if [ "${1:-}" = test ]; then
  scripts/libtorch.sh
  scripts/promtool.sh
  scripts/moto.sh >/dev/null
  scripts/schemathesis.sh >/dev/null
  scripts/page.sh
fi

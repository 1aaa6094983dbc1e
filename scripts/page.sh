#!/usr/bin/env bash
# Installs what drives the page's tests beside them, once: playwright's client and axe, of the versions in the lock.
# The browser is the system's.
set -euo pipefail
cd "$(dirname "$0")/../tests/page"
command -v npm >/dev/null || { echo "npm is missing: run scripts/deps.sh test" >&2; exit 1; }
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --ignore-scripts --no-audit --no-fund --silent >&2
  cp package-lock.json node_modules/.installed
fi

#!/usr/bin/env bash
# Puts schemathesis, a fuzzer that goes by an API's description, into the user's cache folder (once) and prints the folder:
# PYTHONPATH=<folder> python3 <folder>/bin/st run URL
set -euo pipefail
cd "$(dirname "$0")/.."
version=4.32.5
folder=${XDG_CACHE_HOME:-$HOME/.cache}/miqa/schemathesis-$version
if [ ! -f "$folder/.complete" ]; then
  rm -rf "$folder"
  python3 -m pip install --quiet --root-user-action ignore --target "$folder" --requirement scripts/schemathesis.txt >&2
  touch "$folder/.complete"
fi
echo "$folder"

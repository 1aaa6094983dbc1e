#!/usr/bin/env bash
# Puts moto, a fake of S3 for tests, into the user's cache folder (once) and prints the folder:
# PYTHONPATH=<folder> python3 <folder>/bin/moto_server -H 127.0.0.1 -p <port>
set -euo pipefail
folder=${XDG_CACHE_HOME:-$HOME/.cache}/miqa/moto-5.2.5
if [ ! -f "$folder/.complete" ]; then
  rm -rf "$folder"
  # What S3 and the server need, not the hundred packages of moto[server].
  python3 -m pip install --quiet --root-user-action ignore --target "$folder" \
    moto==5.2.5 flask==3.1.2 flask-cors==6.0.1 py-partiql-parser==0.6.3 PyYAML==6.0.3 >&2
  touch "$folder/.complete"
fi
echo "$folder"

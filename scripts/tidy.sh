#!/usr/bin/env bash
# What must not be in the repository: absolute paths of somebody's machine, credentials in URLs, big binaries.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
if git grep -nE '(^|[^a-zA-Z0-9_.])/(home|root|work)/[a-z]' -- ':!scripts/tidy.sh' ':!*.lock'; then
  echo "an absolute path of one machine (above)" >&2
  bad=1
fi
while read -r size path; do
  if [ "$size" -gt 31457280 ]; then
    echo "$path has $size bytes; at most 30 MB" >&2
    bad=1
  fi
done < <(git ls-tree -r -l HEAD | awk '{ print $4, $5 }')
exit "$bad"

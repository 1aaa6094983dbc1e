# Sourced, not run: fetch_wheel NAME VERSION prints the path of a wheel from PyPI, downloaded once into the user's
# cache folder and checked there against scripts/wheels.sha256 (one line a file, as sha256sum writes them).
# Wheels are those of CPython 3.11 on x86-64, whatever Python runs this: only the shared libraries inside are used.
fetch_wheel() {
  local name=$1 version=$2 cache file
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/miqa/wheels
  mkdir -p "$cache"
  file=$(awk -v p="${name//-/_}-$version-" 'index($2, p) == 1 { print $2 }' scripts/wheels.sha256)
  if [ -z "$file" ]; then
    echo "no hash for $name $version in scripts/wheels.sha256" >&2
    return 1
  fi
  if ! (cd "$cache" && grep -F " $file" "$OLDPWD/scripts/wheels.sha256" | sha256sum --check --status 2>/dev/null); then
    rm -f "$cache/$file"
    python3 -m pip download --quiet --no-deps --dest "$cache" --only-binary=:all: --python-version 3.11 \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 \
      --platform manylinux2014_x86_64 --platform any "$name==$version" >&2
    (cd "$cache" && grep -F " $file" "$OLDPWD/scripts/wheels.sha256" | sha256sum --check --quiet -) >&2
  fi
  printf '%s\n' "$cache/$file"
}

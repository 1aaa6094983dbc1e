#!/usr/bin/env bash
# Puts ONNX Runtime's shared library into .deps/onnxruntime/ (CPU) or .deps/onnxruntime-gpu/ (with GPU=1).
# It comes out of the pinned PyPI wheel, checked by SHA-256 and kept in the user's cache folder. Safe to run twice.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/wheel.sh

version=1.31.1
if [ "${GPU:-0}" = 1 ]; then
  package=onnxruntime-gpu dir=.deps/onnxruntime-gpu
else
  package=onnxruntime dir=.deps/onnxruntime
fi
lib=$dir/lib/libonnxruntime.so.$version
[ -s "$lib" ] && [ -f "$dir/.complete-$version" ] && exit 0

wheel=$(fetch_wheel "$package" "$version")
rm -rf "$dir"
mkdir -p "$dir/lib"
python3 - "$wheel" "$dir" <<'PY'
import os, sys, zipfile
wheel, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        base = os.path.basename(name)
        if base.startswith("libonnxruntime") and ".so" in base:
            target = os.path.join(out, "lib", base)
        elif base in ("LICENSE", "ThirdPartyNotices.txt"):
            target = os.path.join(out, base)
        else:
            continue
        with z.open(name) as src, open(target, "wb") as dst:
            while block := src.read(1 << 20):
                dst.write(block)
PY
touch "$dir/.complete-$version"
echo "onnxruntime $version is in $dir"

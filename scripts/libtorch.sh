#!/usr/bin/env bash
# Puts a CPU-only libtorch into .deps/libtorch/ (about 440 MB), for the training feature of miqa-offline.
# It is cut out of the pinned PyPI wheels, checked by SHA-256 and kept in the user's cache folder. Safe to run twice.
# The wheel's libtorch_cpu is linked to the CUDA runtime and CUPTI (small) and to nothing else of CUDA; its
# libtorch.so would drag libtorch_cuda in, so an empty stub that needs only the CPU library takes its place.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/wheel.sh

version=2.11.0
dir=.deps/libtorch
[ -f "$dir/.complete-$version" ] && exit 0

torch=$(fetch_wheel torch "$version")
cudart=$(fetch_wheel nvidia-cuda-runtime 13.0.96)
cupti=$(fetch_wheel nvidia-cuda-cupti 13.0.85)
rm -rf "$dir"
mkdir -p "$dir/lib"
python3 - "$dir" "$torch" "$cudart" "$cupti" <<'PY'
import os, sys, zipfile
out, *wheels = sys.argv[1:]
wanted = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
for wheel in wheels:
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            base = os.path.basename(name)
            if base in wanted:
                target = os.path.join(out, "lib", base)
            elif name.startswith("torch/include/") and base:
                target = os.path.join(out, name.removeprefix("torch/"))
            elif ".dist-info/" in name and base.upper().startswith(("LICENSE", "NOTICE")):
                target = os.path.join(out, "licences", os.path.basename(wheel).split("-")[0], base)
            else:
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with z.open(name) as src, open(target, "wb") as dst:
                while block := src.read(1 << 20):
                    dst.write(block)
PY
ln -s libgomp.so.1 "$dir/lib/libgomp.so"
gcc -shared -o "$dir/lib/libtorch.so" -Wl,--no-as-needed -L"$dir/lib" -l:libtorch_cpu.so -l:libc10.so \
  -Wl,--unresolved-symbols=ignore-in-shared-libs
touch "$dir/.complete-$version"
echo "libtorch $version is in $dir"

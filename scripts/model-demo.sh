#!/usr/bin/env bash
# From images to a model file: select → rank → label → mmos → split → train → export → evaluate → export with thresholds.
#
#   DATA=<folder>   imagenet/ with labels.csv, coco/ with instances.json (optional), models/ with classifiers. Without
#                   DATA: a smoke run on the 20 labelled images of the PyPI package foolbox and 3 classifiers, which
#                   shows that every step works and says nothing about quality.
#   WORK=<folder>   where everything goes (default work/model-demo); a second run goes on where the first stopped
#   OUT=<folder>    the model's folder (default $WORK/model; the shipped one is models/edge)
set -euo pipefail
cd "$(dirname "$0")/.."
data=${DATA:-}
. scripts/wheel.sh
scripts/libtorch.sh
cargo build --release --locked --quiet -p miqa-offline --features train
bin=target/release/miqa-offline
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

if [ -n "$data" ]; then
  work=${WORK:-work/model-demo}
  zoo=$(scripts/zoo.sh all)
  zoo_dirs=(--zoo-dir "$data" --zoo-dir "$zoo") zoo_list=() recipe=()
else
  echo "no DATA=<folder> given: this is a smoke run on 20 images and 3 classifiers; its figures mean nothing"
  work=${WORK:-work/model-smoke}
  zoo=$(scripts/zoo.sh)
  zoo_dirs=(--zoo-dir "$zoo") zoo_list=(--zoo offline/zoo/smoke.toml) recipe=(--recipe offline/recipes/smoke.toml)
  data=$work/images
  if [ ! -f "$data/imagenet/labels.csv" ]; then
    python3 - "$(fetch_wheel foolbox 3.3.4)" "$data/imagenet" <<'PY'
import os, re, sys, zipfile
wheel, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
rows = []
with zipfile.ZipFile(wheel) as z:
    for name in sorted(z.namelist()):
        if found := re.fullmatch(r"foolbox/data/(imagenet_\d+_(\d+)\.jpg)", name):
            with open(os.path.join(out, found[1]), "wb") as f:
                f.write(z.read(name))
            rows.append(f"{found[1]},{found[2]}\n")
with open(os.path.join(out, "labels.csv"), "w") as f:
    f.write("file,class_index\n" + "".join(rows))
PY
  fi
fi
out=${OUT:-$work/model}
mkdir -p "$work"

step "select"
"$bin" select --work "$work" --images "$data/imagenet" --labels "$data/imagenet/labels.csv" \
  --licence "ImageNet terms: research use"
if [ -f "$data/coco/instances.json" ]; then
  "$bin" select --work "$work" --append --images "$data/coco/val2017" --coco "$data/coco/instances.json"
fi
scenes=$work/scenes
if [ -f "$data/coco/instances.json" ] && [ ! -f "$scenes/.complete" ]; then
  # What cameras see: squares of the COCO images and of the clips. The first 20.2 s of car-detection.mp4 are what
  # `make run` shows and evaluates nothing on; only what comes after them trains.
  step "scenes"
  "$bin" scenes --out "$scenes" --images "$data/coco/val2017"
  [ ! -f "$data/video/car-detection.mp4" ] || "$bin" scenes --out "$scenes" --video "$data/video/car-detection.mp4" --from 20.4
  [ ! -f "$data/video/highway-dashcam.mp4" ] || "$bin" scenes --out "$scenes" --video "$data/video/highway-dashcam.mp4" --every 0.5
  touch "$scenes/.complete"
fi
if [ -d "$scenes" ]; then
  "$bin" select --work "$work" --append --images "$scenes" --licence "cut out of the COCO images and the clips"
fi
step "rank"
"$bin" rank --work "$work" --recipe offline/recipes/generation/edge.toml
step "label"
"$bin" label --work "$work" "${zoo_dirs[@]}" "${zoo_list[@]}"
step "mmos"
"$bin" mmos --work "$work" "${zoo_list[@]}" ${DATA:+--without-family efficientnet_lite}
step "split"
"$bin" split --work "$work"
step "train"
"$bin" train --work "$work" "${zoo_dirs[@]}" "${recipe[@]}"
step "export"
golden=()
for picture in tests/fixtures/pictures/*.jpg; do golden+=(--golden "$picture"); done
"$bin" export --work "$work" --out "$out" "${recipe[@]}" "${golden[@]}"
step "evaluate"
"$bin" evaluate --work "$work" --model "$out"
step "card with thresholds and metrics"
"$bin" export --work "$work" --out "$out" "${recipe[@]}" "${golden[@]}" --results "$work/report/card.json"
step "done: $out"

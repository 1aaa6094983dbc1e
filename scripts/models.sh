#!/usr/bin/env bash
# From labelled images to the shipped models: all ten distortions, region and background at 25 pairs of levels, classifiers
# and detectors. Hours on two cores; every step goes on where it stopped.
#
#   DATA=<folder>     imagenet/ with labels.csv, coco/val2017 with instances.json, video/, models/
#   WORK=<folder>     where everything goes (default work/models): cls, det, scenes, clips and the five folds
#   FOLDS=5           also cross-validates: trains without each fifth of the originals, one model more each, and pools the reports
#   VARIANTS=40       labels and judges on so many of each original's 250 variants (those that train): a fifth of the time
#   SEEN=40           variants of each picture of one object on which detectors label too
#   RECIPES="edge …"  recipes to train (default edge); OUT=<folder> for the models (default $WORK/models)
set -euo pipefail
cd "$(dirname "$0")/.."
data=${DATA:?give DATA=<folder> with imagenet/, coco/, video/ and models/}
work=${WORK:-work/models}
out=${OUT:-$work/models}
scripts/libtorch.sh
bin=${BIN:-target/release/miqa-offline}
[ -n "${BIN:-}" ] || cargo build --release --locked --quiet -p miqa-offline --features train
zoo=$(scripts/zoo.sh all)
scripts/zoo.sh masks >/dev/null
zoo_dirs=(--zoo-dir "$data" --zoo-dir "$zoo")
some=(${VARIANTS:+--variants "$VARIANTS"})
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
mkdir -p "$work"

planned() { # folder, how masks are made: sources → masks → ranks → plan
  [ -f "$1/plan.parquet" ] && return
  "$bin" mask --work "$1" "${@:2}"
  "$bin" rank --work "$1"
  "$bin" plan --work "$1"
}

cls=$work/cls det=$work/det scenes=$work/scenes clips=$work/clips
step "cls: labelled pictures of one object"
[ -f "$cls/sources.parquet" ] || "$bin" select --work "$cls" --images "$data/imagenet" --labels "$data/imagenet/labels.csv" \
  --licence "ImageNet terms: research use" --shards 100
planned "$cls" --masks saliency --zoo-dir "$zoo"
"$bin" label --work "$cls" --plan "$cls/plan.parquet" --zoo builtin:cls "${some[@]}" "${zoo_dirs[@]}"
"$bin" mmos --work "$cls" --plan "$cls/plan.parquet" --zoo builtin:cls "${some[@]}" --without-family efficientnet_lite
# What detectors keep seeing needs no boxes: their consistency on the variants that train.
seen=(--work "$cls" --plan "$cls/plan.parquet" --zoo builtin:det --variants "${SEEN:-40}")
"$bin" label "${seen[@]}" "${zoo_dirs[@]}"
"$bin" mmos "${seen[@]}"

step "det: scenes with boxes"
[ -f "$det/sources.parquet" ] || "$bin" select --work "$det" --images "$data/coco/val2017" --coco "$data/coco/instances.json" --shards 24
planned "$det" --masks "coco:$data/coco/instances.json"
"$bin" label --work "$det" --plan "$det/plan.parquet" --zoo builtin:det --zoo builtin:cls "${some[@]}" \
  "${zoo_dirs[@]}"
"$bin" mmos --work "$det" --plan "$det/plan.parquet" --zoo builtin:det --zoo builtin:cls "${some[@]}" \
  --annotations "$data/coco/instances.json" --without-family efficientnet_lite --without-family yolox

# Frames of cameras. Of each clip one half trains, the other judges: car-detection.mp4 up to 20.2 s, which `make run` shows,
# and what is left of highway-dashcam.mp4 after 0.8 s.
frames() { # folder, of the pictures
  local folder=$1 pictures=$2
  [ -f "$folder/sources.parquet" ] || "$bin" select --work "$folder" --images "$pictures" --licence "cut out of the clips: CC BY 4.0, MIT"
  [ -f "$folder/rank.parquet" ] || "$bin" rank --work "$folder"
  "$bin" label --work "$folder" --zoo builtin:det --zoo builtin:cls "${zoo_dirs[@]}"
  "$bin" mmos --work "$folder" --zoo builtin:det --zoo builtin:cls
  "$bin" split --work "$folder" --near 0 --keep-together
}
step "scenes: halves of the clips that train"
if [ ! -f "$scenes/frames/.complete" ]; then
  "$bin" scenes --out "$scenes/frames" --video "$data/video/car-detection.mp4" --from 20.4
  "$bin" scenes --out "$scenes/frames" --video "$data/video/highway-dashcam.mp4" --every 0.4 --to 0.8
  touch "$scenes/frames/.complete"
fi
frames "$scenes" "$scenes/frames"
step "clips: halves that judge"
if [ ! -f "$clips/frames/.complete" ]; then
  "$bin" scenes --out "$clips/frames" --video "$data/video/car-detection.mp4" --every 1.6 --to 20.2
  "$bin" scenes --out "$clips/frames" --video "$data/video/highway-dashcam.mp4" --from 0.85 --every 0.2
  touch "$clips/frames/.complete"
fi
frames "$clips" "$clips/frames"

golden=()
for picture in tests/fixtures/pictures/*.jpg tests/fixtures/golden/*.jpg; do golden+=(--golden "$picture"); done

model() { # recipe, fifth of the originals that judges, folder of the model
  local recipe=offline/recipes/$1.toml plan=$cls/plan.parquet model=$3 results=()
  [ -f "$model.report/.complete" ] && return
  "$bin" split --work "$cls" --fifth "$2"
  "$bin" split --work "$det" --fifth "$2"
  "$bin" train --work "$cls" --plan "$plan" --also "$det" --also "$scenes" --recipe "$recipe" --store-crops "${zoo_dirs[@]}"
  "$bin" export --work "$cls" --recipe "$recipe" --out "$model" "${golden[@]}"
  "$bin" evaluate --work "$cls" --plan "$plan" --model "$model" --out "$model.report/cls"
  "$bin" evaluate --work "$det" --plan "$det/plan.parquet" --task detection --features "$cls" --model "$model" \
    --out "$model.report/det"
  "$bin" evaluate --work "$clips" --task detection --all-originals --model "$model" --out "$model.report/clips"
  # The clips first: where two reports have the same row, the later counts.
  for report in clips cls det; do results+=(--results "$model.report/$report/card.json"); done
  "$bin" export --work "$cls" --recipe "$recipe" --out "$model" "${golden[@]}" "${results[@]}"
  touch "$model.report/.complete"
}

for recipe in ${RECIPES:-edge}; do
  if [ "${FOLDS:-0}" = 5 ]; then
    # All in one work folder: crops and features of originals that stay on their side need not be computed again.
    for fifth in 1 2 3 4; do
      step "$recipe, fifth $fifth judges"
      model "$recipe" "$fifth" "$out/$recipe-$fifth"
    done
  fi
  step "$recipe"
  model "$recipe" 0 "$out/$recipe"
  [ "${FOLDS:-0}" = 5 ] || continue
  step "$recipe, five fifths pooled"
  for task in classification detection; do
    case $task in classification) part=cls ;; detection) part=det ;; esac
    pools=(--pool "$out/$recipe.report/$part")
    for fifth in 1 2 3 4; do pools+=(--pool "$out/$recipe-$fifth.report/$part"); done
    "$bin" evaluate --work "$work/$part" --plan "$work/$part/plan.parquet" --task "$task" "${pools[@]}" \
      --out "$out/$recipe.report/$part-folds"
  done
done
step "done: $out"

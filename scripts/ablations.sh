#!/usr/bin/env bash
# What parts of a recipe are worth: trains it without each, or with an option more, in the work folder that scripts/models.sh
# left, and compares with the model it made; gains are paired by original.
#
#   DATA=<folder>, WORK=<folder>   as scripts/models.sh had them
#   RECIPE=edge                    the recipe; its model must lie in $OUT (default $WORK/models)
#   VARIANTS=40                    of each test original that judge
#   ONLY="without-region …"        some of: without-region without-average ranking region-weights single-task
set -euo pipefail
cd "$(dirname "$0")/.."
data=${DATA:?give DATA=<folder> with models/}
work=${WORK:-work/models}
out=${OUT:-$work/models}
recipe=${RECIPE:-edge}
bin=${BIN:-target/release/miqa-offline}
zoo=$(scripts/zoo.sh all)
zoo_dirs=(--zoo-dir "$data" --zoo-dir "$zoo")
cls=$work/cls det=$work/det scenes=$work/scenes
folder=$work/ablations
mkdir -p "$folder"

changed() { # ablation: the recipe's text with that change
  case $1 in
    without-region) sed -e '/^\[model\]/a region_token = false' ;;
    without-average) sed -e '/^average = /d' ;;
    ranking) sed -e '/^\[train\]/a ranking = 0.5' ;;
    region-weights) sed -e '/^\[train\]/a region_weights = { roi_dominated = 2.0, background_dominated = 2.0 }' ;;
    single-task) sed -e '/^outputs = \[/,/^\]/c outputs = ["cls_composite"]' ;;
    *) echo "ablations: unknown ablation '$1'" >&2; return 2 ;;
  esac <"offline/recipes/$recipe.toml"
}

beside=()
for ablation in ${ONLY:-without-region without-average ranking region-weights single-task}; do
  name=$recipe-$ablation
  if [ ! -f "$folder/$name/card.toml" ]; then
    printf '\n== %s (%s s)\n' "$name" "$SECONDS"
    changed "$ablation" | sed -e "0,/^name = /s/^name = .*/name = \"$name\"/" >"$folder/$name.toml"
    "$bin" train --work "$cls" --plan "$cls/plan.parquet" --also "$det" --also "$scenes" --recipe "$folder/$name.toml" \
      --store-crops "${zoo_dirs[@]}"
    "$bin" export --work "$cls" --recipe "$folder/$name.toml" --out "$folder/$name"
  fi
  beside+=(--beside "$folder/$name")
done
printf '\n== compare (%s s)\n' "$SECONDS"
"$bin" evaluate --work "$cls" --plan "$cls/plan.parquet" --model "$out/$recipe" "${beside[@]}" --variants "${VARIANTS:-40}" \
  --out "$folder/$recipe.report/cls"
"$bin" evaluate --work "$det" --plan "$det/plan.parquet" --task detection --features "$cls" --model "$out/$recipe" "${beside[@]}" \
  --variants "${VARIANTS:-40}" --out "$folder/$recipe.report/det"

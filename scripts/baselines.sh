#!/usr/bin/env bash
# What the paper compares with (Fig. 10), in the work folder that scripts/models.sh left: a convolutional network and the paper's
# ViT-small, each with and without the region token, on the same test originals as the model that ships. And what teachers are worth:
# the smaller model that ships taught by the larger one, and by the paper's.
#
#   DATA=<folder>, WORK=<folder>   as scripts/models.sh had them
#   EPOCHS=5 TAKEN=250             epochs, and variants of each original that train; 250 are all. On two cores ViT-small passes ten
#                                  samples a second
#   VARIANTS=40                    of each test original that judge
#   ONLY="cnn …"                   some of: cnn cnn-without paper paper-without taught taught-by-paper
set -euo pipefail
cd "$(dirname "$0")/.."
data=${DATA:?give DATA=<folder> with models/}
work=${WORK:-work/models}
out=${OUT:-$work/models}
bin=${BIN:-target/release/miqa-offline}
zoo=$(scripts/zoo.sh all)
zoo_dirs=(--zoo-dir "$data" --zoo-dir "$zoo" --zoo-dir "$(scripts/zoo.sh pretrained)")
cls=$work/cls det=$work/det scenes=$work/scenes
folder=$work/baselines
mkdir -p "$folder"

recipe() { # baseline: its recipe's text
  local subset=(-e "s/^epochs = .*/epochs = ${EPOCHS:-5}\\nvariants = ${TAKEN:-250}/")
  case $1 in
    cnn | paper) sed "${subset[@]}" "offline/recipes/$1.toml" ;;
    cnn-without) sed "${subset[@]}" -e 's/^region_token = true/region_token = false/' offline/recipes/cnn.toml ;;
    paper-without) sed "${subset[@]}" -e '/^\[model\]/a region_token = false' offline/recipes/paper.toml ;;
    taught | taught-by-paper) cat offline/recipes/nano.toml ;;
    *) echo "baselines: unknown baseline '$1'" >&2; return 2 ;;
  esac | sed -e "0,/^name = /s/^name = .*/name = \"$1\"/"
}

beside=(--beside "$out/nano")
for baseline in ${ONLY:-cnn cnn-without paper paper-without taught taught-by-paper}; do
  if [ ! -f "$folder/$baseline/card.toml" ]; then
    printf '\n== %s (%s s)\n' "$baseline" "$SECONDS"
    recipe "$baseline" >"$folder/$baseline.toml"
    teacher=()
    case $baseline in
      taught) teacher=(--teacher "$out/edge") ;;
      taught-by-paper) teacher=(--teacher "$folder/paper") ;;
    esac
    "$bin" train --work "$cls" --plan "$cls/plan.parquet" --also "$det" --also "$scenes" --recipe "$folder/$baseline.toml" \
      --store-crops "${teacher[@]}" "${zoo_dirs[@]}"
    "$bin" export --work "$cls" --recipe "$folder/$baseline.toml" --out "$folder/$baseline"
  fi
  beside+=(--beside "$folder/$baseline")
done
printf '\n== compare (%s s)\n' "$SECONDS"
"$bin" evaluate --work "$cls" --plan "$cls/plan.parquet" --model "$out/edge" "${beside[@]}" --variants "${VARIANTS:-40}" \
  --out "$folder/report/cls"
"$bin" evaluate --work "$det" --plan "$det/plan.parquet" --task detection --features "$cls" --model "$out/edge" "${beside[@]}" \
  --variants "${VARIANTS:-40}" --out "$folder/report/det"

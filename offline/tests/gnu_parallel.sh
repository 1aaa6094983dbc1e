#!/usr/bin/env bash
# The line of docs/cluster.md for GNU parallel, with a shard that is killed with -9 and one that ends with 75; then the
# same line with --resume-failed, which runs those two again and no other. The result must equal an undisturbed run's.
#   BIN=<file>   miqa-offline; without it a release build
# Says "skipped: …" without the package parallel.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v parallel >/dev/null; then
  echo "skipped: GNU parallel: apt-get install --no-install-recommends parallel"
  exit 0
fi
if [ -z "${BIN:-}" ]; then
  cargo build --release --locked --quiet -p miqa-offline
  BIN=target/release/miqa-offline
fi
bin=$(realpath "$BIN")
pictures=$(realpath offline/tests/pictures.py)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cd "$work"
python3 "$pictures" images 12 1024 768
cat >recipe.toml <<'TOML'
name = "parallel"
version = 1
levels = "as listed"
patterns = ["uniform"]
[distortions]
fog = [[0.2, 2.0], [0.3, 2.0], [0.4, 1.9], [0.5, 1.9], [0.6, 1.8]]
defocus_blur = [[2, 0.5], [3, 0.5], [4, 0.5], [5, 0.5], [6, 0.5]]
TOML
"$bin" select --work W --images images --recipe recipe.toml --shards 4 >/dev/null
"$bin" rank --work W >/dev/null
"$bin" plan --work W
"$bin" generate --plan W/plan.parquet --out whole >/dev/null
"$bin" finalize --plan W/plan.parquet --out whole >/dev/null

cat >miqa-offline <<SH
#!/usr/bin/env bash
[ -f again ] || case \${!#} in
  1) exit 75 ;;
  2)
    "$bin" "\$@" --threads 1 & worker=\$!
    until compgen -G "DEST/generate/progress/2/*" >/dev/null; do sleep 0.005; done
    kill -KILL \$worker \$\$ ;;
esac
exec "$bin" "\$@"
SH
chmod +x miqa-offline
PATH=$PWD:$PATH
code=0
seq 0 3 | parallel --will-cite --jobs 1 --joblog log miqa-offline generate --plan W/plan.parquet --out DEST --shard {} || code=$?
[ "$code" = 2 ] || fail "two shards failed, but parallel ended with $code"
[ "$(awk 'NR > 1 { print $1, $7 + 128 * ($8 > 0) + $8 }' log | sort | tr '\n' ' ')" = "1 0 2 75 3 137 4 0 " ] || { cat log; fail "the log"; }
touch again
seq 0 3 | parallel --will-cite --jobs 1 --joblog log --resume-failed miqa-offline generate --plan W/plan.parquet --out DEST --shard {}
[ "$(awk 'NR > 5 { print $1, $7 }' log | sort | tr '\n' ' ')" = "2 0 3 0 " ] || { cat log; fail "other shards were run again"; }
"$bin" verify --plan W/plan.parquet --out DEST --sample 12
"$bin" finalize --plan W/plan.parquet --out DEST
kept=$(python3 -c 'import json; r = json.load(open("DEST/generate/shards/2.json")); print(r["originals"] - r["made"])')
[ "$kept" -ge 1 ] || fail "the killed shard was begun anew instead of going on"
diff -r -x generate whole DEST || fail "the data sets differ"
echo "GNU parallel: 4 shards, two faults, the same bytes"

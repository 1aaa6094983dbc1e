#!/usr/bin/env bash
# A real Slurm (controller and two nodes on loopback) works off a plan of seven shards: generate, then label, then
# finalize, each waiting for the one before, as `submit slurm` prints it. On the way one worker is killed with -9, one
# task is told that its time is over, one node dies with all that runs on it. The result must equal that of an
# undisturbed run on this machine, byte for byte.
#   BIN=<file>   miqa-offline; without it a release build
#   KEEP=1       leave the folder with all logs
# Says "skipped: …" without the packages slurm-wlm and munge, or not as root; label is left out without its models.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. offline/tests/slurm/cluster.sh
missing=$(slurm_missing)
if [ -n "$missing" ]; then
  echo "skipped: a real Slurm: $missing"
  exit 0
fi
if [ -z "${BIN:-}" ]; then
  cargo build --release --locked --quiet -p miqa-offline
  BIN=target/release/miqa-offline
fi
bin=$(realpath "$BIN")
repository=$PWD
shards=7

work=$(mktemp -d)
chmod 755 "$work"
end() {
  slurm_down "$work/cluster"
  if [ "${KEEP:-0}" = 1 ]; then echo "all of it is in $work"; else rm -rf "$work"; fi
}
trap end EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 5 "$work"/jobs/slurm-*.out >&2 2>/dev/null || true
  exit 1
}
step() { printf -- '-- %s (%s s)\n' "$1" "$SECONDS"; }

step "the plan, and the undisturbed run"
python3 offline/tests/pictures.py "$work/images" 21 3072 2304
cat >"$work/recipe.toml" <<'TOML'
name = "slurm"
version = 1
levels = "as listed"
patterns = ["uniform"]
[distortions]
gaussian_noise = [[0.03], [0.06], [0.1], [0.15], [0.2]]
fog = [[0.2, 2.0], [0.3, 2.0], [0.4, 1.9], [0.5, 1.9], [0.6, 1.8]]
defocus_blur = [[2, 0.5], [3, 0.5], [4, 0.5], [5, 0.5], [6, 0.5]]
TOML
# A name that every quoting must survive.
data=$work/"it's a \$data set"
out=$data/out
mkdir -p "$data" "$work/jobs"
"$bin" select --work "$data/work" --images "$work/images" --recipe "$work/recipe.toml" --shards "$shards" >/dev/null
"$bin" rank --work "$data/work" >/dev/null
"$bin" plan --work "$data/work"
plan=$data/work/plan.parquet
cp -r "$data/work" "$work/alone"
"$bin" generate --plan "$plan" --out "$work/whole" >/dev/null
"$bin" finalize --plan "$plan" --out "$work/whole" >/dev/null

label=()
if compgen -G '.deps/onnxruntime/lib/libonnxruntime.so*' >/dev/null && zoo=$(scripts/zoo.sh 2>/dev/null); then
  models=(--zoo-dir "$zoo" --zoo "$repository/offline/zoo/smoke.toml")
  "$bin" label --work "$work/alone" --plan "$plan" "${models[@]}" >/dev/null
  "$bin" mmos --work "$work/alone" --plan "$plan" --zoo "$repository/offline/zoo/smoke.toml" >/dev/null
  label=(--then --time 60 label --work work --plan work/plan.parquet "${models[@]}")
else
  echo "skipped: label under Slurm: no models (scripts/zoo.sh) or no ONNX Runtime (scripts/onnxruntime.sh)"
fi

step "Slurm, and the jobs as printed"
slurm_up "$work/cluster"
# Relative paths, from where it is printed; --shards-per-task 1 is what seven shards get anyway.
(cd "$data" && "$bin" submit slurm --out "$work/jobs/flow.sh" --program "$bin" --memory 1G --core-hours 1 \
  generate --plan work/plan.parquet --out out "${label[@]}" \
  --then finalize --plan work/plan.parquet --out out)
bash -n "$work/jobs/flow.sh"
(cd "$work/jobs" && bash flow.sh) | tee "$work/jobs/ids"
generate=$(sed -n 's/^generate: job //p' "$work/jobs/ids")
finalize=$(sed -n 's/^finalize: job //p' "$work/jobs/ids")

# The process id of the worker of a shard of generate; waits for it to have done an original.
worker_at_work() { # shard
  local begun=$SECONDS process
  while [ $((SECONDS - begun)) -lt 120 ] && [ ! -f "$out/generate/shards/$1.json" ]; do
    if compgen -G "$out/generate/progress/$1/*" >/dev/null; then
      process=$(python3 - "$bin" "$data" "$1" <<'PY'
import os, sys

program, folder, shard = sys.argv[1:]
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/cmdline", "rb").read().decode(errors="replace").split("\0")[:-1]
        ours = os.readlink(f"/proc/{pid}/exe") == program and os.readlink(f"/proc/{pid}/cwd") == folder
    except OSError:
        continue
    if ours and words[1:2] == ["generate"] and words[-2:] == ["--shard", shard]:
        print(pid)
        break
PY
)
      [ -z "$process" ] || { echo "$process"; return; }
    fi
    sleep 0.01
  done
  fail "shard $1 was never seen at work"
}
parent() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }

worker=$(worker_at_work 0)
kill -KILL "$worker"
step "killed the worker of shard 0"
worker_at_work 2 >/dev/null
# In the background: scancel asks again and again when the task was quick to obey and is being requeued.
scancel --batch --signal=USR1 "${generate}_2" >/dev/null 2>&1 &
step "told task 2 that its time is over"
worker=$(worker_at_work 4)
script=$(parent "$worker")
stepd=$(parent "$script")
node=$(tr '\0' '\n' <"/proc/$worker/environ" | sed -n 's/^SLURMD_NODENAME=//p')
kill -KILL "$(cat "$work/cluster/run/$node.pid")" "$stepd" "$script" "$worker"
step "killed node $node, where shard 4 was"

begun=$SECONDS back=''
while [ -n "$(squeue -h)" ]; do
  # The node comes back when the controller has seen that it is gone.
  if [ -z "$back" ] && sinfo -h -n "$node" -o %T | grep -q down; then
    rm -f "$work/cluster/run/$node.pid"
    slurm_node "$work/cluster" "${node#n}"
    back=1
    step "node $node was missed, and is back"
  fi
  [ $((SECONDS - begun)) -lt 400 ] || { squeue; fail "jobs still wait or run"; }
  sleep 1
done

step "what came of it"
[ -n "$back" ] || fail "the dead node was not noticed"
for task in 0 2 4; do
  scontrol show job "${generate}_$task" | grep -q 'Restarts=[1-9]' || fail "task $task was not requeued"
done
for job in $(sed 's/.* job //' "$work/jobs/ids"); do
  states=$(scontrol -o show job "$job" | sed 's/.*JobState=\([A-Z_]*\).*/\1/' | sort -u)
  [ "$states" = COMPLETED ] || fail "job $job ended as $states"
done
scontrol -o show job "$finalize" | grep -q 'ExitCode=0:0' || fail "finalize"
"$bin" status --out "$out"
"$bin" verify --plan "$plan" --out "$out" --sample 40
# Records say when, and how many originals the last worker made; all else is the same.
diff -r -x generate "$work/whole" "$out" || fail "the generated data sets differ"
for shard in 0 2 4; do
  made=$(python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(r["originals"] - r["made"])' \
    "$out/generate/shards/$shard.json")
  [ "$made" -ge 1 ] || fail "shard $shard was begun anew instead of going on"
done
if [ ${#label[@]} -gt 0 ]; then
  "$bin" mmos --work "$data/work" --plan "$plan" --zoo "$repository/offline/zoo/smoke.toml" >/dev/null
  [ ! -e "$data/work/predictions" ] || fail "label did not go by shard"
  cmp "$work/alone/labels.parquet" "$data/work/labels.parquet" || fail "the labels differ"
fi
step "Slurm: $shards shards, three faults, the same bytes"

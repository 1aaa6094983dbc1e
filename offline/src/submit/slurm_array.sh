: "${SLURM_ARRAY_TASK_ID:?is not set; give this script to sbatch}"
name="$SLURM_JOB_NAME, task $SLURM_ARRAY_TASK_ID"
first=$((SLURM_ARRAY_TASK_ID * per_task))
if [ "$first" -ge "$shards" ]; then
  echo "$name: shard $first is not one of $shards" >&2
  exit 2
fi
for ((shard = first; shard < first + per_task && shard < shards; shard++)); do
  [ -z "$ending" ] || { code=75; break; }
  run "${command[@]}" --shard "$shard"
  case $code in
    0) ;;
    # The other shards don't depend on this one.
    65) bad_data=1 ;;
    *) break ;;
  esac
done
[ "$code" != 0 ] || [ -z "$bad_data" ] || code=65

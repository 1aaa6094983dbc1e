
case $code in
  0 | 2 | 65 | 78) exit "$code" ;;
esac
# 75, a panic, a signal (128 and more): the same task goes on where it was. Slurm doesn't do that by exit code.
if [ -n "$cancelled" ]; then
  echo "$name: told to end, exit code $code" >&2
elif [ "${SLURM_RESTART_COUNT:-0}" -ge "$retries" ]; then
  echo "$name: exit code $code after $retries restarts; what is done is kept, submit it again to go on" >&2
elif scontrol requeue "$SLURM_JOB_ID"; then
  echo "$name: exit code $code, requeued" >&2
else
  echo "$name: exit code $code, and scontrol would not requeue it" >&2
fi
exit "$code"

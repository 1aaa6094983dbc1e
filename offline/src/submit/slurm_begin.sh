set -u
worker='' signalled='' ending='' cancelled='' code=0 bad_data=''
# scancel and preemption send TERM to every process of the task: the worker gets it too and ends after the originals in
# hand. This shell only has to outlive it. What becomes of the task then is Slurm's decision.
trap 'signalled=1 ending=1 cancelled=1' TERM
# Sent when the time limit is near (--signal), to this shell alone: passed on, and the task goes on in a new run.
trap 'signalled=1 ending=1; [ -z "$worker" ] || kill -TERM "$worker"' USR1

run() { # a command; $code is its exit code
  "$@" &
  worker=$!
  [ -z "$ending" ] || kill -TERM "$worker"
  # A signal ends `wait` before the worker ends; `wait` once more has the worker's own code.
  while signalled=''; wait "$worker"; code=$?; [ -n "$signalled" ]; do :; done
  worker=''
}


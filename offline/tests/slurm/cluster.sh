# Sourced, not run. A Slurm of two one-core nodes on loopback, from the Debian packages slurm-wlm and munge, as root.
#   slurm_missing        prints what is missing to start one; nothing if all is there
#   slurm_up FOLDER      starts it and exports SLURM_CONF; FOLDER must be absolute and readable by all
#   slurm_node FOLDER N  starts the daemon of node nN
#   slurm_down FOLDER    ends its daemons, by their pid files

slurm_missing() {
  local program
  for program in munged slurmctld slurmd sbatch scontrol squeue; do
    command -v "$program" >/dev/null || { echo "no $program: apt-get install --no-install-recommends slurm-wlm munge"; return; }
  done
  [ "$(id -u)" = 0 ] || echo "not root, which slurmd wants"
}

slurm_port() { # a free port with two free ones after it
  python3 - <<'PY'
import socket
for port in range(26900, 32000, 3):
    try:
        for offset in range(3):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port + offset))
        print(port)
        break
    except OSError:
        pass
PY
}

slurm_node() {
  slurmd -f "$1/slurm.conf" -N "n$2"
}

slurm_up() {
  local d=$1 host port
  host=$(hostname -s)
  port=$(slurm_port)
  mkdir -p "$d"/{run,state,log,n1,n2}
  chmod 755 "$d" "$d/run"
  install -d -m 700 "$d/munge"
  head -c 128 /dev/urandom >"$d/munge/key"
  chmod 400 "$d/munge/key"
  munged --key-file="$d/munge/key" --socket="$d/run/munge.sock" --pid-file="$d/run/munged.pid" \
    --log-file="$d/munge/log" --seed-file="$d/munge/seed"
  # cred_expire: a requeued task waits for it, 120 s by default. The scheduler's ticks: likewise up to a minute.
  cat >"$d/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$d/run/munge.sock,cred_expire=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
StateSaveLocation=$d/state
SlurmdSpoolDir=$d/%n
SlurmctldPidFile=$d/run/slurmctld.pid
SlurmdPidFile=$d/run/%n.pid
SlurmctldLogFile=$d/log/slurmctld
SlurmdLogFile=$d/log/%n
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES State=UP
CONF
  export SLURM_CONF=$d/slurm.conf
  slurmctld -f "$d/slurm.conf"
  slurm_node "$d" 1
  slurm_node "$d" 2
  for _ in $(seq 60); do
    [ "$(sinfo -h -N -o %T 2>/dev/null | grep -c idle)" = 2 ] && return 0
    sleep 0.5
  done
  echo "the nodes never became idle" >&2
  tail -n 5 "$d"/log/* >&2
  return 1
}

slurm_down() {
  local pid_file
  for pid_file in "$1"/run/{n1,n2,slurmctld,munged}.pid; do
    [ ! -f "$pid_file" ] || kill "$(cat "$pid_file")" 2>/dev/null || true
  done
}

#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine, for tests: real daemons with a key, sockets, ports and a folder of their own.
#
#   scripts/cluster-slurm.sh start     install Slurm as root on Debian where it is missing, start all daemons, print SLURM_CONF
#   scripts/cluster-slurm.sh stop      end all jobs and daemons that `start` started, and remove their folder
#   scripts/cluster-slurm.sh status    exit code 0 if the controller answers, else 1
#   scripts/cluster-slurm.sh kill|revive controller|NODE     kill -9 one daemon, or start it again
#
# CLUSTER_SLURM_DIR is the folder, CLUSTER_SLURM_PORT the first of three ports, CLUSTER_SLURM_NODE the names of the nodes
# without their number: several clusters can run beside each other. Control groups have the names of their nodes.
# Both nodes have two processors, 2 GB of memory and two GPUs, which are device files of no device.
set -euo pipefail

DIR=${CLUSTER_SLURM_DIR:-/run/supervisely-local/slurm}
PORT=${CLUSTER_SLURM_PORT:-17600}
NODE=${CLUSTER_SLURM_NODE:-n}
NODES=("${NODE}1" "${NODE}2")
NAME=sly$PORT
CONF=$DIR/slurm.conf
export SLURM_CONF=$CONF PATH=$PATH:/usr/sbin
WAIT_S=20

say() { printf 'cluster-slurm: %s\n' "$*" >&2; }

install_slurm() {
  missing=()
  for program in slurmctld slurmd sbatch munged; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "not found: ${missing[*]}; only root on Debian can install them here (packages slurm-wlm, munge)"
    exit 1
  fi
  if [ ${#missing[@]} -lt 4 ]; then
    say "not found: ${missing[*]}; nothing is installed here, because other parts of Slurm are: this machine may be a cluster's"
    exit 1
  fi
  say "installing slurm-wlm and munge"
  policy=/usr/sbin/policy-rc.d # while it says 101, packages start no services
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt="env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq"
  { $apt install -y --no-install-recommends slurm-wlm munge || { $apt update && $apt install -y --no-install-recommends slurm-wlm munge; }; } \
    >/dev/null 2>&1 || { say "slurm-wlm and munge could not be installed: is there a network, or a mirror in apt's sources?"; exit 1; }
  systemctl disable --quiet munge slurmd slurmctld 2>/dev/null || true # nor at the next start
}

# Jobs are held in control groups of version 1 where this machine offers them: then memory is limited, and nothing escapes.
has_cgroups() {
  for controller in freezer memory cpuset; do [ -d "/sys/fs/cgroup/$controller" ] && [ -w "/sys/fs/cgroup/$controller" ] || return 1; done
}

configure() {
  mkdir -p "$DIR"/{state,log,munge} "${NODES[@]/#/$DIR/spool-}"
  chmod 755 "$DIR" "$DIR"/{log,state,munge}
  [ -e "$DIR/munge/key" ] || head -c 128 /dev/urandom >"$DIR/munge/key"
  chmod 600 "$DIR/munge/key"
  for gpu in 0 1; do [ -e "$DIR/gpu$gpu" ] || mknod -m 666 "$DIR/gpu$gpu" c 1 3 2>/dev/null || touch "$DIR/gpu$gpu"; done
  proctrack=proctrack/linuxproc task=task/none
  if has_cgroups; then
    proctrack=proctrack/cgroup task=task/cgroup
    cat >"$DIR/cgroup.conf" <<END
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainCores=no
ConstrainRAMSpace=yes
AllowedRAMSpace=100
ConstrainSwapSpace=yes
AllowedSwapSpace=0
END
  else
    say "no control groups of version 1 here: jobs are held by their process tree, and their memory is not limited"
  fi
  for node in "${NODES[@]}"; do echo "NodeName=$node Name=gpu File=$DIR/gpu[0-1]"; done >"$DIR/gres.conf"
  cat >"$CONF" <<END
ClusterName=$NAME
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/munge/socket,cred_expire=5
CredType=cred/munge
SlurmctldPort=$PORT
SlurmctldPidFile=$DIR/controller.pid
SlurmdPidFile=$DIR/%n.pid
SlurmctldLogFile=$DIR/log/controller.log
SlurmdLogFile=$DIR/log/%n.log
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool-%n
ProctrackType=$proctrack
TaskPlugin=$task
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=1,batch_sched_delay=0,requeue_delay=1
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=10
MinJobAge=300
ReturnToService=2
MpiDefault=none
GresTypes=gpu
DefMemPerCPU=512
EnforcePartLimits=ALL
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MailProg=/bin/true
NodeName=${NODES[0]} NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((PORT + 1)) CPUs=2 RealMemory=2000 Gres=gpu:2 State=UNKNOWN
NodeName=${NODES[1]} NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((PORT + 2)) CPUs=2 RealMemory=2000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=${NODES[0]},${NODES[1]} Default=YES PriorityTier=1 MaxTime=60 State=UP
PartitionName=urgent PriorityTier=10 PreemptMode=OFF Nodes=${NODES[0]},${NODES[1]} MaxTime=60 State=UP
PartitionName=short Nodes=${NODES[0]},${NODES[1]} MaxTime=1 State=UP
END
}

pid_file() { if [ "$1" = controller ]; then echo "$DIR/controller.pid"; else echo "$DIR/$1.pid"; fi; }

# The process of a pid file, if it lives and is still this program. The system may have given its number to another process.
# A process that was killed and is not yet buried has no command line any more.
pid_of() {
  [ -r "$2" ] && pid=$(cat "$2") && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || return 1
  [ "$(head -c 1 "/proc/$pid/cmdline" | wc -c)" = 1 ] && echo "$pid"
}

daemon_pid() {
  case $1 in
  munge) pid_of munged "$DIR/munge/pid" ;;
  controller) pid_of slurmctld "$(pid_file controller)" ;;
  *) pid_of slurmd "$(pid_file "$1")" ;;
  esac
}

until_true() { # within WAIT_S
  left=$((WAIT_S * 10))
  until eval "$1"; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 0.1
  done
}

revive() {
  daemon_pid "$1" >/dev/null && return 0
  case $1 in
  munge) munged --force --key-file="$DIR/munge/key" --socket="$DIR/munge/socket" --pid-file="$DIR/munge/pid" \
    --log-file="$DIR/log/munge.log" --seed-file="$DIR/munge/seed" 2>>"$DIR/log/munge.log" ;;
  controller)
    slurmctld </dev/null >>"$DIR/log/controller.out" 2>&1
    until_true 'timeout 5 squeue >/dev/null 2>&1'
    ;;
  *) slurmd -N "$1" </dev/null >>"$DIR/log/$1.out" 2>&1 ;;
  esac
}

kill_hard() {
  daemon=$1
  pid=$(daemon_pid "$daemon") && kill -9 "$pid" && until_true '! daemon_pid "$daemon" >/dev/null'
}

nodes_ready() { [ "$(sinfo --noheader --Node --partition=main --responding --states=idle,mixed,allocated --format=%N 2>/dev/null | sort -u | wc -l)" = 2 ]; }

start() {
  install_slurm
  [ "$(id -u)" = 0 ] || { say "only root can start the daemons of Slurm"; exit 1; }
  if ! daemon_pid controller >/dev/null; then configure; fi
  for daemon in munge controller "${NODES[@]}"; do revive "$daemon"; done
  until_true nodes_ready || {
    say "the nodes are not ready after $WAIT_S s; the ends of their logs:"
    tail -n 4 "$DIR"/log/* >&2
    stop
    exit 1
  }
  echo "SLURM_CONF=$CONF"
}

stop() {
  if daemon_pid controller >/dev/null; then timeout 10 scancel --user=root 2>/dev/null || true; fi
  for daemon in controller "${NODES[@]}" munge; do if pid=$(daemon_pid $daemon); then kill "$pid" || true; fi; done
  left=50
  for daemon in controller "${NODES[@]}" munge; do
    while [ $left -gt 0 ] && daemon_pid $daemon >/dev/null; do left=$((left - 1)); sleep 0.1; done
    kill_hard $daemon || true
  done
  for pid in $(pgrep -x slurmstepd || true); do # of jobs that are left
    if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "SLURM_CONF=$CONF"; then kill -9 "$pid" 2>/dev/null || true; fi
  done
  for node in "${NODES[@]}"; do find /sys/fs/cgroup/*/"slurm_$node" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
  rm -rf "$DIR"
  say "stopped"
}

status() {
  daemon_pid controller >/dev/null && timeout 10 scontrol ping >/dev/null || { say "no cluster was started from here"; exit 1; }
  sinfo
}

case ${1:-start} in
start | stop | status) "${1:-start}" ;;
kill) kill_hard "$2" ;;
revive) revive "$2" ;;
*)
  echo "usage: $0 [start|stop|status|kill DAEMON|revive DAEMON]" >&2
  exit 2
  ;;
esac

#!/usr/bin/env bash
# A Kubernetes cluster of two nodes on this machine, for tests: real daemons with sockets, addresses and a folder of their own.
#
#   scripts/cluster-kubernetes.sh build [kubemark]   make the programs on Debian 12, once per user (minutes), and install containerd
#   scripts/cluster-kubernetes.sh start              start all daemons, print cluster.env: KUBECONFIG, HOST_ADDRESS, NODES
#   scripts/cluster-kubernetes.sh stop               end all pods and daemons that `start` started, and remove all that they made
#   scripts/cluster-kubernetes.sh status             exit code 0 if the cluster answers, else 1
#   scripts/cluster-kubernetes.sh kill|revive PART   kill -9 a part, or start it again: etcd, apiserver, controller-manager,
#                                                    scheduler, "kubelet NODE", "containerd NODE", or "node NODE": the node
#                                                    with all its containers, as if its power went
#   scripts/cluster-kubernetes.sh load FILE          bring an image of `docker save` to all nodes
#
# CLUSTER_KUBERNETES_DIR is the folder, CLUSTER_KUBERNETES_NODE the names of the nodes without their number. Every cluster has a
# network 10.N of its own, the first free one: 10.N.1 has the pods of the first node, 10.N.2 those of the second. 10.N.1.1 is this
# machine for all pods (HOST_ADDRESS). The first node has one GPU, which is a number without a device.
# The daemons of a node have mounts of their own, since kubelets share folders that cannot be set, and clean them of all they do not know.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

VERSION=1.20.2-2 # of Kubernetes, and of how it is built here
DIR=${CLUSTER_KUBERNETES_DIR:-/run/supervisely-local/kubernetes}
NODE=${CLUSTER_KUBERNETES_NODE:-n}
NODES=("${NODE}1" "${NODE}2")
WAIT_S=${CLUSTER_KUBERNETES_WAIT:-90}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/supervisely-local/kubernetes-$VERSION
BUILT=$here/../.build/kubernetes
CONTROL=(etcd apiserver controller-manager scheduler)
export PATH=$PATH:/usr/sbin:/sbin NO_PROXY='*' no_proxy='*'

say() { printf 'cluster-kubernetes: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# ---- programs

install_packages() {
  missing=()
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done <<'END'
containerd containerd
runc runc
ip iproute2
iptables iptables
openssl openssl
curl curl
dpkg-source dpkg-dev
END
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "not found: ${missing[*]}; only root on Debian can install them here"
  say "installing ${missing[*]}"
  policy=/usr/sbin/policy-rc.d # while it says 101, packages start no services
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt="env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq"
  { $apt install -y --no-install-recommends "${missing[@]}" || { $apt update && $apt install -y --no-install-recommends "${missing[@]}"; }; } \
    >/dev/null 2>&1 || fail "${missing[*]} could not be installed: is there a network, or a mirror in apt's sources?"
}

# Built once per user and kept outside of the checkout, where each checkout links to.
build() {
  install_packages
  mkdir -p "$(dirname "$CACHE")" "$(dirname "$BUILT")"
  exec 9>"$CACHE.lock"
  flock 9
  if [ ! -e "$CACHE/bin/kubernetes" ] || { [ "${1:-}" = kubemark ] && [ ! -e "$CACHE/bin/kubemark" ]; }; then
    "$here/cluster-kubernetes/build.sh" "$CACHE" "${1:-}"
  fi
  exec 9>&-
  rm -rf "$BUILT"
  cp -al "$CACHE" "$BUILT" 2>/dev/null || { rm -rf "$BUILT" && cp -a "$CACHE" "$BUILT"; }
  say "the programs are in .build/kubernetes ($(du -sh "$BUILT" | cut -f 1))"
}

find_programs() {
  if [ -e "$BUILT/bin/kubernetes" ]; then programs=$BUILT; else programs=$CACHE; fi
  [ -e "$programs/bin/kubernetes" ] || fail "Kubernetes is not built; \`$0 build\` builds it on Debian 12"
  for tool in containerd runc ip iptables openssl curl; do
    command -v "$tool" >/dev/null || fail "$tool not found; \`$0 build\` installs it as root on Debian"
  done
  programs=$(realpath "$programs")
}

# ---- processes

# The process of a part, if it lives and is still ours: the system may have given its number to another. A process that was
# killed and is not yet buried has no command line any more.
pid_of() {
  local pid
  pid=$(cat "$DIR/pid/$1" 2>/dev/null) && grep -qsaF "$DIR/" "/proc/$pid/cmdline" && echo "$pid"
}

launch() { # NAME COMMAND...: the pid stays the same through setsid and nsenter
  local name=$1
  shift
  setsid "$@" </dev/null >>"$DIR/log/$name.log" 2>&1 9>&- &
  echo $! >"$DIR/pid/$name"
  disown # no word about its end
}

on_node() { # NODE NAME COMMAND...
  local node=$1 name=$2
  shift 2
  launch "$name" nsenter --mount="/proc/$(pid_of "mounts-$node")/ns/mnt" --wd=/ "$@"
}

until_true() { # within WAIT_S
  local end=$((SECONDS + WAIT_S))
  until eval "$1"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

kubectl() { "$programs/bin/kubectl" --kubeconfig "$DIR/kubeconfig" --cache-dir "$DIR/kubectl" "$@"; }

api() { # PATH [OPTIONS OF CURL...]
  local path=$1
  shift
  curl --silent --fail --noproxy '*' --max-time 5 --cacert "$DIR/tls.crt" --header "Authorization: Bearer $(cat "$DIR/token")" "$@" \
    "https://$HOST:$PORT$path"
}

# ---- network

PORT=6443
in_use() { ip -4 route show table all | grep -qE "(^| )10\.$1\.|^(local |broadcast )?10\.$1[./]"; }

with_lock() { # among all clusters of this machine
  mkdir -p /run/supervisely-local
  (
    flock 8
    "$@" 8>&-
  ) 8>/run/supervisely-local/kubernetes.lock
}

# Where nodes mount folders of their own.
PLACES=(/var/lib/kubelet /var/log/pods /var/log/containers /run/containerd /var/lib/cni)

# The first bridge is also what claims a network, and tells other clusters that this one is here.
claim_network() {
  mkdir -p "${PLACES[@]}"
  for number in $(seq 200 254); do
    if ! in_use "$number" && ip link add "kube$number-1" type bridge 2>/dev/null; then
      echo "$number" >"$DIR/network"
      return
    fi
  done
  fail "no network of 10.200 to 10.254 is free"
}

addresses() {
  NUMBER=$(cat "$DIR/network")
  NET=10.$NUMBER
  HOST=$NET.1.1
  SERVICE=$NET.128.1
  MARK=cluster-kubernetes-$NUMBER
}

rules() { # of pods: to this machine, to each other, to the world, and to the API by the address that Kubernetes gives it
  cat <<END
filter INPUT -s $NET.0.0/16
filter FORWARD -s $NET.0.0/16
filter FORWARD -d $NET.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED
nat POSTROUTING -s $NET.0.0/16 ! -d $NET.0.0/16
nat PREROUTING -s $NET.0.0/16 -d $SERVICE -p tcp --dport 443
END
}

# What a kubelet sets for the whole machine, and forwarding; what was there before comes back at the end.
SYSCTLS="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes net/ipv4/ip_forward"

connect() {
  ip link add "kube$NUMBER-2" type bridge
  for index in 1 2; do
    ip address add "$NET.$index.1/24" dev "kube$NUMBER-$index"
    ip link set "kube$NUMBER-$index" up
  done
  for name in $SYSCTLS; do echo "$name $(cat "/proc/sys/$name")"; done >"$DIR/sysctls" 2>/dev/null || true
  echo 1 >/proc/sys/net/ipv4/ip_forward
  rules | while read -r table chain rest; do
    case $chain in
    POSTROUTING) target="MASQUERADE" ;;
    PREROUTING) target="DNAT --to-destination $HOST:$PORT" ;;
    *) target="ACCEPT" ;;
    esac
    # shellcheck disable=SC2086
    iptables -w 10 -t "$table" -I "$chain" $rest -m comment --comment "$MARK" -j $target
  done
}

disconnect() {
  for table in filter nat; do
    iptables -w 10 -t $table -S | sed -n "/--comment \"\?$MARK\"\? /s/^-A/-D/p" | while read -r rule; do
      eval "iptables -w 10 -t $table $rule" || true
    done
  done
  ip link delete "kube$NUMBER-2" 2>/dev/null || true
  while read -r name value; do
    [ "$(cat "/proc/sys/$name")" = "$value" ] || echo "$value" >"/proc/sys/$name" || true
  done <"$DIR/sysctls" || true
}

# Whoever removes a folder takes it from under the mounts of all other clusters too. Only the last cluster may.
leave_network() {
  ip link delete "kube$NUMBER-1" 2>/dev/null || true
  ip -brief link show type bridge | grep -qE '^kube[0-9]+-1 ' || rmdir "${PLACES[@]}" 2>/dev/null || true
}

# ---- settings

secret() { head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# One certificate for all servers, which is its own authority; and one by which kubelets know the API server.
make_keys() {
  (
    cd "$DIR"
    umask 077
    new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30)
    "${new[@]}" -subj /CN=kubernetes -keyout tls.key -out tls.crt -addext keyUsage=critical,digitalSignature,keyCertSign \
      -addext "subjectAltName=IP:$HOST,IP:$SERVICE,IP:$NET.2.1,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:localhost"
    "${new[@]}" -subj /CN=apiserver -keyout client.key -out client.crt -addext keyUsage=critical,digitalSignature,keyCertSign
  ) 2>>"$DIR/log/openssl.log"
  secret >"$DIR/token"
  printf '%s,admin,admin,"system:masters"\n' "$(cat "$DIR/token")" >"$DIR/tokens.csv"
  write_kubeconfig "$DIR/kubeconfig" "$(cat "$DIR/token")"
  for node in "${NODES[@]}"; do
    token=$(secret)
    printf '%s,system:node:%s,%s,"system:nodes"\n' "$token" "$node" "$node" >>"$DIR/tokens.csv"
    write_kubeconfig "$DIR/$node/kubeconfig" "$token"
  done
}

write_kubeconfig() { # FILE TOKEN
  cat >"$1" <<END
apiVersion: v1
kind: Config
current-context: tests
contexts: [{name: tests, context: {cluster: tests, user: user}}]
clusters: [{name: tests, cluster: {server: "https://$HOST:$PORT", certificate-authority-data: $(base64 -w 0 <"$DIR/tls.crt")}}]
users: [{name: user, user: {token: $2}}]
END
  chmod 600 "$1"
}

configure_node() { # INDEX NODE
  snapshotter=overlayfs
  [ "$(stat -f -c %T "$DIR")" != overlayfs ] || snapshotter=native # no overlay lies on another
  cat >"$DIR/$2/containerd.toml" <<END
version = 2
root = "$DIR/$2/images"
state = "$DIR/$2/run/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "$DIR/$2/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/supervisely-local/pause:1"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$programs/cni"
conf_dir = "$DIR/$2/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "$snapshotter"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
END
  cat >"$DIR/$2/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "kube$NUMBER-$1", "plugins": [{"type": "bridge", "bridge": "kube$NUMBER-$1", "isGateway": true,
 "ipam": {"type": "host-local", "dataDir": "$DIR/$2/addresses", "ranges": [[{"subnet": "$NET.$1.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
  cat >"$DIR/$2/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NET.$1.1
healthzPort: 0
readOnlyPort: 0
tlsCertFile: $DIR/tls.crt
tlsPrivateKeyFile: $DIR/tls.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $DIR/client.crt}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
evictionHard: {imagefs.available: 0%, memory.available: 1Mi, nodefs.available: 0%, nodefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
failSwapOn: false
makeIPTablesUtilChains: false
hairpinMode: none
oomScoreAdj: 0
maxOpenFiles: $(ulimit -Hn | grep -x '[0-9]*' || echo 100000)
syncFrequency: 1s
nodeStatusUpdateFrequency: 2s
nodeStatusReportFrequency: 1m
nodeLeaseDurationSeconds: 8
END
}

# ---- parts

revive_control() {
  local bin=$programs/bin
  case $1 in
  etcd)
    launch etcd "$bin/etcd" --data-dir="$DIR/etcd" --unsafe-no-fsync --log-level=warn --logger=zap --name=tests \
      --listen-client-urls="http://127.$NUMBER.0.1:2379" --advertise-client-urls="http://127.$NUMBER.0.1:2379" \
      --listen-peer-urls="http://127.$NUMBER.0.1:2380" --initial-advertise-peer-urls="http://127.$NUMBER.0.1:2380" \
      --initial-cluster="tests=http://127.$NUMBER.0.1:2380"
    ;;
  apiserver)
    launch apiserver "$bin/kube-apiserver" --etcd-servers="http://127.$NUMBER.0.1:2379" --bind-address="$HOST" --secure-port=$PORT \
      --advertise-address="$HOST" --insecure-port=0 --tls-cert-file="$DIR/tls.crt" --tls-private-key-file="$DIR/tls.key" --cert-dir="$DIR/apiserver" \
      --token-auth-file="$DIR/tokens.csv" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
      --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$DIR/client.crt" \
      --service-account-signing-key-file="$DIR/client.key" --service-cluster-ip-range="$NET.128.0/24" --allow-privileged=true \
      --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate="$DIR/client.crt" --kubelet-client-key="$DIR/client.key" \
      --default-not-ready-toleration-seconds=5 --default-unreachable-toleration-seconds=5 --feature-gates=TTLAfterFinished=true \
      --endpoint-reconciler-type=none --profiling=false
    until_true 'api /readyz >/dev/null || ! pid_of apiserver >/dev/null' && pid_of apiserver >/dev/null || fail "the API server does not answer"
    ;;
  controller-manager)
    launch controller-manager "$bin/kube-controller-manager" --kubeconfig="$DIR/kubeconfig" --leader-elect=false --port=0 --secure-port=0 \
      --cert-dir="$DIR/controllers" --service-account-private-key-file="$DIR/client.key" --root-ca-file="$DIR/tls.crt" --use-service-account-credentials=false \
      --controllers=job,namespace,garbagecollector,podgc,nodelifecycle,serviceaccount,serviceaccount-token,root-ca-cert-publisher,clusterrole-aggregation,ttl-after-finished,cronjob,deployment,replicaset,disruption,resourcequota \
      --node-monitor-period=1s --node-monitor-grace-period=12s --node-startup-grace-period=30s --feature-gates=TTLAfterFinished=true --profiling=false
    ;;
  scheduler)
    launch scheduler "$bin/kube-scheduler" --kubeconfig="$DIR/kubeconfig" --leader-elect=false --port=0 --secure-port=0 --profiling=false
    ;;
  esac
}

# A process that holds the mounts of a node: folders that kubelets, containerd and its network plugins do not let anyone choose.
hold_mounts() { # NODE
  pid_of "mounts-$1" >/dev/null && return
  rm -f "$DIR/$1/held"
  launch "mounts-$1" unshare --mount --propagation slave sh -euc '
    for pair in kubelet:/var/lib/kubelet pods:/var/log/pods containers:/var/log/containers run:/run/containerd results:/var/lib/cni; do
      mount --bind "$0/${pair%%:*}" "${pair#*:}"
    done
    : >"$0/held"
    exec tail -f "$0/held"' "$DIR/$1"
  until_true "[ -e '$DIR/$1/held' ]"
}

revive_node_part() { # kubelet|containerd NODE
  local index=${2#"$NODE"}
  hold_mounts "$2"
  case $1 in
  containerd)
    rm -f "$DIR/$2/run/containerd.sock"
    on_node "$2" "containerd-$2" containerd --config "$DIR/$2/containerd.toml"
    until_true "ctr --address '$DIR/$2/run/containerd.sock' version >/dev/null 2>&1"
    ;;
  kubelet)
    on_node "$2" "kubelet-$2" "$programs/bin/kubelet" --config="$DIR/$2/kubelet.yaml" --kubeconfig="$DIR/$2/kubeconfig" --root-dir=/var/lib/kubelet \
      --cert-dir="$DIR/$2/pki" --container-runtime=remote --container-runtime-endpoint="unix://$DIR/$2/run/containerd.sock" \
      --hostname-override="$2" --node-ip="$NET.$index.1"
    ;;
  esac
}

# A kubelet that starts anew forgets resources that no device plugin of its own reports.
give_gpu() {
  api "/api/v1/nodes/${NODES[0]}/status" --request PATCH --header 'Content-Type: application/json-patch+json' --output /dev/null \
    --data '[{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": "1"}, {"op": "add", "path": "/status/allocatable/nvidia.com~1gpu", "value": "1"}]'
}

ready() { [ "$(kubectl get nodes "$@" --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{" "}{end}{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -o True | wc -l)" = $(($# > 0 ? 1 : 2)) ]; }

revive() {
  [ -e "$DIR/network" ] || fail "no cluster was started from here"
  addresses
  case "$1 ${2:-}" in
  "node "?*) revive containerd "$2" && revive kubelet "$2" ;;
  "containerd "?*) pid_of "containerd-$2" >/dev/null || revive_node_part containerd "$2" ;;
  "kubelet "?*)
    pid_of "kubelet-$2" >/dev/null || revive_node_part kubelet "$2"
    until_true "ready '$2'" || fail "node $2 is not ready after $WAIT_S s: $DIR/log/kubelet-$2.log"
    [ "$2" != "${NODES[0]}" ] || until_true give_gpu
    ;;
  *) pid_of "$1" >/dev/null || revive_control "$1" ;;
  esac
}

kill_hard() { # PART
  local pid
  pid=$(pid_of "$1") || return 0
  kill -9 "$pid" 2>/dev/null || true
  until_true "! pid_of '$1' >/dev/null"
}

# The shims between containerd and containers, then the processes of containers, by their control groups.
kill_containers() { # NODE
  local ids=() groups=() group left
  pkill -9 -f "containerd-shim.* -address $DIR/$1/run/containerd.sock" || true
  for id in "$DIR/$1"/run/state/io.containerd.runtime.v2.task/k8s.io/*; do ids+=("${id##*/}"); done
  for id in "${ids[@]}"; do
    for group in /sys/fs/cgroup/k8s.io/"$id" /sys/fs/cgroup/*/k8s.io/"$id"; do [ ! -d "$group" ] || groups+=("$group"); done
  done
  [ ${#groups[@]} -gt 0 ] || return 0
  for _ in $(seq 50); do
    left=$(for group in "${groups[@]}"; do cat "$group/cgroup.procs" 2>/dev/null || true; done | sort -u)
    [ -n "$left" ] || break
    # shellcheck disable=SC2086
    kill -9 $left 2>/dev/null || true
    sleep 0.05
  done
  for group in "${groups[@]}"; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
}

kill_part() {
  [ -e "$DIR/network" ] || fail "no cluster was started from here"
  case "$1 ${2:-}" in
  "node "?*)
    kill_hard "kubelet-$2"
    kill_hard "containerd-$2"
    kill_containers "$2"
    kill_hard "mounts-$2"
    rm -rf "$DIR/$2/run/state" "$DIR/$2/run/s" # what a machine that lost its power has forgotten
    ;;
  "containerd "?* | "kubelet "?*) kill_hard "$1-$2" ;;
  *) kill_hard "$1" ;;
  esac
}

load() { # FILE
  addresses
  local loading=() node one
  for node in "${NODES[@]}"; do
    ctr --address "$DIR/$node/run/containerd.sock" --namespace k8s.io images import "$1" >>"$DIR/log/load-$node.log" 2>&1 &
    loading+=($!)
  done
  for one in "${loading[@]}"; do wait "$one" || fail "$1 cannot be loaded: $(tail -n 1 "$DIR"/log/load-*.log)"; done
}

# ---- the whole

start() {
  [ "$(id -u)" = 0 ] || fail "only root can start the daemons of Kubernetes"
  if [ ! -e "$DIR/cluster.env" ]; then
    [ ! -e "$DIR/network" ] || stop # of a start that was interrupted
    mkdir -p "$DIR"/{log,pid}
    for node in "${NODES[@]}"; do mkdir -p "$DIR/$node"/{cni,images,run,kubelet,pods,containers,results,pki}; done
    chmod 711 "$DIR"
    with_lock claim_network
    addresses
    trap 'say "the cluster did not start; the ends of its logs:"; tail -n 4 "$DIR"/log/*.log >&2; stop' EXIT
    connect
    make_keys
    for index in 1 2; do configure_node $index "${NODES[index - 1]}"; done
  else
    addresses
    trap 'say "the cluster did not start; the ends of its logs:"; tail -n 4 "$DIR"/log/*.log >&2; stop' EXIT
  fi
  revive etcd
  {
    for node in "${NODES[@]}"; do revive containerd "$node"; done
    load "$programs/pause.tar"
  } &
  containers=$!
  revive apiserver
  revive controller-manager
  revive scheduler
  wait $containers
  for node in "${NODES[@]}"; do pid_of "kubelet-$node" >/dev/null || revive_node_part kubelet "$node"; done
  until_true ready
  until_true give_gpu
  until_true 'api /api/v1/namespaces/default/serviceaccounts/default >/dev/null'
  trap - EXIT
  cat >"$DIR/cluster.env" <<END
KUBECONFIG=$DIR/kubeconfig
HOST_ADDRESS=$HOST
NODES="${NODES[*]}"
KUBECTL=$programs/bin/kubectl
END
  cat "$DIR/cluster.env"
}

stop() {
  trap - EXIT
  if [ -e "$DIR/network" ]; then
    addresses
    for part in kubelet containerd; do for node in "${NODES[@]}"; do kill_hard "$part-$node"; done; done
    for part in scheduler controller-manager apiserver etcd; do kill_hard $part; done
    for node in "${NODES[@]}"; do
      kill_containers "$node"
      kill_hard "mounts-$node" # its mounts end with it
    done
    disconnect
    with_lock leave_network
    rmdir /sys/fs/cgroup/k8s.io /sys/fs/cgroup/*/k8s.io 2>/dev/null || true # if no other cluster is here
  fi
  rm -rf --one-file-system "$DIR"
  say "stopped"
}

status() {
  [ -e "$DIR/cluster.env" ] || fail "no cluster was started from here"
  addresses
  api /readyz >/dev/null || fail "the API server does not answer"
  kubectl get nodes
}

case ${1:-start} in
build) build "${2:-}" ;;
stop) stop ;;
start | status | load | revive | kill)
  find_programs
  word=${1:-start}
  [ "$word" != kill ] || word=kill_part
  shift || true
  "$word" "$@"
  ;;
*)
  echo "usage: $0 [build [kubemark]|start|stop|status|kill PART|revive PART|load FILE]" >&2
  exit 2
  ;;
esac

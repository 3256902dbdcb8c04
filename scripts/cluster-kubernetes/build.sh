#!/usr/bin/env bash
# Make the programs of a Kubernetes cluster from Debian 12: the servers from the source package `kubernetes`, which no binary
# package holds; etcd and the network plugins from their packages. Nothing is installed on the machine for it: packages
# are downloaded with lists of their own and unpacked in a folder that is removed at the end.
#
#   scripts/cluster-kubernetes/build.sh FOLDER [kubemark]     fill FOLDER with bin/, cni/ and pause.tar
#
# kubemark is a kubelet without containers, for hundreds of nodes on one machine (benchmarks/clusters.py). Where FOLDER
# has all the rest, it alone is made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
kubemark=${2:-}
began=$SECONDS
only=
[ -z "$kubemark" ] || [ ! -e "$folder/bin/kubernetes" ] || only=kubemark

say() { printf 'cluster-kubernetes: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

for tool in apt-get dpkg-deb dpkg-source; do
  command -v "$tool" >/dev/null || fail "$tool not found: the programs can be built on Debian 12 with dpkg-dev only"
done
work=$(mktemp -d "$(dirname "$folder")/building.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

# Sources of packages beside packages, wherever apt gets those from.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  case $file in
  *.sources) { sed 's/^Types:.*/Types: deb deb-src/' "$file"; echo; } >>own.sources ;;
  *.list) [ ! -s "$file" ] || sed -n 's/^deb /&/p; s/^deb /deb-src /p' "$file" >>own.list ;;
  esac
done
mkdir -p lists/partial cache/archives/partial parts
for file in own.sources own.list; do [ ! -s $file ] || mv $file parts/; done
apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts" -o Dir::State::Lists="$work/lists"
  -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0)
say "downloading the source of Kubernetes, Go, etcd and the network plugins (140 MB)"
"${apt[@]}" update >apt.log 2>&1 && "${apt[@]}" source --download-only kubernetes >>apt.log 2>&1 &&
  "${apt[@]}" download golang-1.19-{go,src} golang-github-modern-go-reflect2-dev etcd-server containernetworking-plugins >>apt.log 2>&1 ||
  { tail -n 3 apt.log >&2; fail "the packages cannot be downloaded: is this Debian 12, and is there a network, or a mirror in apt's sources?"; }
for package in *.deb; do dpkg-deb -x "$package" root; done
mkdir -p go/src/k8s.io
src=go/src/k8s.io/kubernetes
dpkg-source --no-check -x kubernetes_*.dsc "$src" >apt.log 2>&1 || { tail -n 3 apt.log >&2; fail "the source package cannot be unpacked"; }

cd "$src"
cp api/openapi-spec/swagger.json "$here/openapi.go" pkg/generated/openapi/
# The vendored reflect2 is older than Go 1.18, and corrupts memory with it when maps are encoded: servers crash now and then.
rm -r vendor/github.com/modern-go/reflect2
cp -r "$work/root/usr/share/gocode/src/github.com/modern-go/reflect2" vendor/github.com/modern-go/
mkdir -p cmd/programs cmd/pause
cp "$here/programs.go" cmd/programs/
cp "$here/pause.go" cmd/pause/
# A hollow node is as large as a node of a cluster, nobody else can speak to it, and it leaves this machine's firewall alone.
sed -i 's/^\tfakeNumCores .*/\tfakeNumCores = 64/; s/^\tfakeMemoryCapacity .*/\tfakeMemoryCapacity = 256 << 30/' pkg/kubelet/cadvisor/testing/cadvisor_fake.go
sed -i 's/^\tmaxPods .*/\tmaxPods = 250/' cmd/kubemark/hollow-node.go
sed -i 's/c.Address = "0.0.0.0"/c.Address = "127.0.0.1"/; s/^\tc.HairpinMode = .*/&\n\tc.MakeIPTablesUtilChains = false/' pkg/kubemark/hollow_kubelet.go
version=v$(sed -n 's/^kubernetes (.*really\([0-9.]*\)-.*/\1/p' debian/changelog | head -n 1)
flags="-s -w"
for package in component-base/version client-go/pkg/version; do
  package=k8s.io/kubernetes/vendor/k8s.io/$package
  flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=20 -X $package.gitTreeState=archive"
done
# Most of the time goes into collecting garbage, cloud providers and debug information, which nobody here needs.
export GOROOT=$work/root/usr/lib/go-1.19 GOCACHE=$work/gocache GOPATH=$work/go GO111MODULE=off GOFLAGS= CGO_ENABLED=0 GOGC=400
say "compiling ${only:-Kubernetes} $version (minutes)"
mkdir "$work/bin"
packages=(${kubemark:+./cmd/kubemark})
[ -n "$only" ] || packages+=(./cmd/programs ./cmd/kubectl ./cmd/pause)
"$GOROOT/bin/go" build -tags providerless,dockerless -ldflags "$flags" -gcflags=k8s.io/...=-dwarf=false \
  -o "$work/bin/" "${packages[@]}" || fail "Kubernetes cannot be compiled"
cd "$work"

built() {
  times >times.txt
  read -r user system < <(tail -n 1 times.txt)
  say "built ${only:-Kubernetes} $version in $((SECONDS - began)) s; processor time: $user user, $system system"
}

if [ -n "$only" ]; then
  mv bin/kubemark "$folder/bin/"
  built
  exit
fi
mkdir -p made/bin made/cni
mv bin/programs made/bin/kubernetes
[ -z "$kubemark" ] || mv bin/kubemark made/bin/
for name in kube-apiserver kube-controller-manager kube-scheduler kubelet; do ln -s kubernetes "made/bin/$name"; done
mv bin/kubectl made/bin/
cp root/usr/bin/etcd made/bin/
cp root/usr/lib/cni/{bridge,host-local,loopback} made/cni/

# An image in the form of `docker save`, made by hand, because no engine needs to run here.
mkdir pause
tar --sort=name --owner=0 --group=0 --mtime=@0 -C bin -cf pause/layer.tar pause
digest=$(sha256sum pause/layer.tar | cut -d ' ' -f 1)
cat >pause/config.json <<END
{"architecture": "$(dpkg --print-architecture)", "os": "linux", "config": {"Entrypoint": ["/pause"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$digest"]}}
END
echo '[{"Config": "config.json", "RepoTags": ["supervisely-local/pause:1"], "Layers": ["layer.tar"]}]' >pause/manifest.json
tar -C pause -cf made/pause.tar manifest.json config.json layer.tar

rm -rf "$folder"
mv made "$folder"
built

#!/usr/bin/env bash
# Apptainer for tests, on a machine that has none: a root file system of Debian with little else, and `apptainer` that runs in it.
#
#   scripts/apptainer-root.sh        make .build/apptainer-root, from what is kept once per user where it was made before
#
# Apptainer is in Debian's sid only. Of a root that `mmdebstrap` makes, `.build/apptainer-root/bin` goes into PATH. The program
# there sees the folders of this machine where they are, and is an ordinary user, also where root calls it: an installation of
# Apptainer on a cluster is.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=1 # of how the root is made
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/supervisely-local/apptainer-root-$VERSION
BUILT=.build/apptainer-root

fail() { printf 'apptainer-root: %s\n' "$*" >&2; exit 1; }

make_root() { # into this folder
  if ! command -v mmdebstrap >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "not found: mmdebstrap; only root on Debian can install it here"
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq"
    { $apt install -y --no-install-recommends mmdebstrap || { $apt update && $apt install -y --no-install-recommends mmdebstrap; }; } \
      >/dev/null 2>&1 || fail "mmdebstrap could not be installed: is there a network, or a mirror in apt's sources?"
  fi
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]+\/debian)\/? ?.*/\3/p' | head -n 1) || true
  # A mirror that stands still has lists that are no longer fresh; they are signed all the same.
  mmdebstrap --variant=extract --include=apptainer,dash --dpkgopt='path-exclude=/usr/share/doc/*' \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    sid "$1/root" ${mirror:+"$mirror"} >"$1/log" 2>&1 || fail "no root: $(tail -n 3 "$1/log" | tr '\n' ' ')"
  for name in bin sbin lib lib64; do [ -e "$1/root/$name" ] || ln -s "usr/$name" "$1/root/$name"; done
  printf 'root:x:0:0::/root:/bin/sh\nperson:x:1000:1000::/tmp:/bin/sh\n' >"$1/root/etc/passwd"
  printf 'root:x:0:\ntty:x:5:\nperson:x:1000:\n' >"$1/root/etc/group"
  printf '127.0.0.1 localhost\n' >"$1/root/etc/hosts"
  touch "$1/root/etc/localtime"
  rm -rf "$1/root/dev" && mkdir "$1/root/dev"
  mkdir "$1/bin"
  cp scripts/apptainer-in-root.sh "$1/bin/apptainer"
}

mkdir -p "$(dirname "$CACHE")" .build
exec 9>"$CACHE.lock"
flock 9
if [ ! -e "$CACHE/bin/apptainer" ]; then
  rm -rf "$CACHE" "$CACHE.new"
  mkdir "$CACHE.new"
  make_root "$CACHE.new"
  mv "$CACHE.new" "$CACHE"
fi
cmp -s scripts/apptainer-in-root.sh "$CACHE/bin/apptainer" || cp scripts/apptainer-in-root.sh "$CACHE/bin/apptainer"
if ! cmp -s scripts/apptainer-in-root.sh "$BUILT/bin/apptainer"; then # tests may be using it
  rm -rf "$BUILT"
  cp -al "$CACHE" "$BUILT" 2>/dev/null || { rm -rf "$BUILT" && cp -a "$CACHE" "$BUILT"; }
fi

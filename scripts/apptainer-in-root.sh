#!/bin/sh
# `apptainer` of the root beside this file (scripts/apptainer-root.sh), as an ordinary user who sees this machine's folders.
# The root stays one mount: Apptainer takes the place of its own program in a mount for its place in the whole.
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
exec unshare --user --map-user=1000 --map-group=1000 --keep-caps --mount sh -ec '
root=$1 here=$PWD; shift
mount --rbind "$root" /mnt
for place in /* /var/*; do
  [ -d "$place" ] && [ ! -L "$place" ] || continue
  case $place in /usr|/bin|/sbin|/lib*|/etc|/mnt|/old|/var|/var/lib) continue;; esac
  mkdir -p "/mnt$place"
  mount --rbind "$place" "/mnt$place"
done
mkdir -p /mnt/old
cd /mnt
PATH=$PATH:/sbin:/usr/sbin pivot_root . old
cd "$here"
exec /usr/bin/apptainer "$@"
' sh "$root" "$@"

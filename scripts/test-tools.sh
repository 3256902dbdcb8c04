#!/usr/bin/env bash
# Install the tools that only tests need: a headless Chromium for the pages, docker-compose for the compose file, nginx for
# the pages behind a proxy, Slurm for tasks on a cluster, a registry for images of plugins. They are installed as root on
# Debian only. Elsewhere the script names the missing tools, and the tests that need them are skipped.
set -euo pipefail

missing=()
services=() # that their packages would start
chromium=
for name in chromium-headless-shell chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && chromium=$name; done
[ -n "$chromium" ] || missing+=(chromium-headless-shell)
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { missing+=(nginx) && services+=(nginx); }
command -v docker-registry >/dev/null || { missing+=(docker-registry) && services+=(docker-registry); }
if ! PATH=$PATH:/usr/sbin command -v slurmd munged sbatch >/dev/null; then # where one of them is, the machine may be a cluster's
  missing+=(slurm-wlm munge) && services+=(munge slurmd slurmctld)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}" >&2
  policy=/usr/sbin/policy-rc.d # while it says 101, packages start no services: tests start their own nginx
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  for service in "${services[@]}"; do systemctl disable --quiet "$service" 2>/dev/null || true; done # nor at the next start
else
  echo "not found: ${missing[*]}; install them by your system's way to run the tests that need them" >&2
fi

#!/usr/bin/env bash
# What only tests need: a headless Chromium for the pages, docker-compose for the compose file.
# Found, or installed when root on Debian; otherwise said, and those tests are skipped.
set -euo pipefail

missing=()
chromium=
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && chromium=$name; done
[ -n "$chromium" ] || missing+=(chromium)
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "not found: ${missing[*]}; install them by your system's way to run the tests that need them" >&2
fi

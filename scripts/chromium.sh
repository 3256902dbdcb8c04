#!/usr/bin/env bash
# A headless Chromium for the tests that look at pages: found, or installed when root on Debian.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
  echo "no Chromium found: page tests will be skipped; install your system's chromium package to run them" >&2
fi

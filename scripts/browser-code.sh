#!/usr/bin/env bash
# Check the browser code in web_stub/assets: the pure modules by `node --test`, types by `tsc` from the JSDoc.
#
#   scripts/browser-code.sh          check
#   scripts/browser-code.sh node     only install Node, if CI is set, as root on Debian
#   scripts/browser-code.sh packages only install the packages: the compiler, and axe-core, which looks at the pages
#
# Only developers need Node; the pages do not. Without Node the check is skipped with a line that says so, and
# fails if CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."
NODE_AT_LEAST=18

cannot() {
  echo "browser code: $*" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
}

has_node() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$NODE_AT_LEAST" ]
}

packages() {
  # npm writes this file last: if it is older than the lock file, the packages belong to another lock file or are incomplete.
  [ ! node_modules/.package-lock.json -nt package-lock.json ] || return 0
  npm ci --no-progress --loglevel=error >/dev/null || cannot "types not checked, because npm could not install the compiler"
}

if ! has_node && [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing nodejs and npm" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
[ "${1:-check}" != node ] || exit 0
has_node || cannot "not checked, because there is no Node $NODE_AT_LEAST or newer with npm; install it by your system's way"

if [ "${1:-check}" = packages ]; then
  packages
  exit 0
fi

told=$(node --test --test-reporter=spec tests/unit/browser/*.test.mjs 2>&1) || { printf '%s\n' "$told"; exit 1; }
tail -n 8 <<<"$told" # the counts

packages
node_modules/.bin/tsc
node_modules/.bin/tsc --project tests/unit/browser

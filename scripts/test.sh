#!/usr/bin/env bash
# Run every test, from a clean checkout, in an order that leaves no core idle: what later tests need is prepared in the
# background (engine, base image, browser, environments of the SDK and of the official packages, Kubernetes) while types, import laws and unit tests run.
# Tests of one file run in one process, because they share fixtures; files start in the order given, chaos first, because it
# takes longest. Tests that measure time run last and alone. A few that fail are tried once more, and named
# (tests/support/second_try.py).
#
#   WORKERS   number of processes that run tests in parallel (default: number of cores + 1, because many tests wait)
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # thousands of commands are started: none compiles its modules again
unset PYTHONPATH              # of a shell: pip would take what lies there for installed
python=${PYTHON:-.venv/bin/python}
workers=${WORKERS:-$(($(nproc) + 1))}
logs=.build/logs
mkdir -p "$logs"
failed=0 # one part that fails does not keep the others from running

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

again() { # after pytest ended with this status: 1 says that tests failed, all others that they did not run
  [ "$1" = 1 ] && "$python" -m tests.support.second_try "${@:2}"
}

rm -f .pytest_cache/v/cache/lastfailed # of an earlier run
scripts/browser-code.sh node || true # first, because apt allows one installation at a time; `check` says what is missing
scripts/test-prepare.sh >"$logs/prepare.log" 2>&1 &
preparing=$!
trap 'kill "$preparing" ${environments:-} ${kubernetes:-} 2>/dev/null || true' EXIT

say "virtual environment"
make --no-print-directory .venv/.installed
{
  "$python" -m tests.support.sdk_matrix prepare
  "$python" -m tests.interop.environments
  "$python" -m tests.support.s3_server
} >"$logs/environments.log" 2>&1 &
environments=$!
nice -n 10 scripts/cluster-kubernetes.sh build >"$logs/kubernetes.log" 2>&1 & # minutes where no earlier build is kept
kubernetes=$!

say "format, lint, types, laws"
make --no-print-directory check || failed=1
say "unit tests"
"$python" -m pytest tests/unit -q -n "$(nproc)" --dist loadfile "$@" || failed=1

say "waiting for the engine, the browser and the environments"
wait "$preparing" || cat "$logs/prepare.log"
wait "$environments" || cat "$logs/environments.log"
wait "$kubernetes" || cat "$logs/kubernetes.log" # the tests that need it are skipped; in CI they fail
trap - EXIT
cat "$logs/prepare.log"

say "all other tests, $workers at a time"
others=(tests/chaos tests/e2e tests/interop tests/integration -m 'not alone')
"$python" -m pytest "${others[@]}" -n "$workers" --dist loadfile --no-loadscope-reorder --durations 25 "$@" ||
  again $? "${others[@]}" "$@" || failed=1
say "tests that measure time"
mapfile -t alone < <(grep -rl --include 'test_*.py' 'mark\.alone' tests) # so that no other file is collected
"$python" -m pytest "${alone[@]}" -m alone "$@" || again $? "${alone[@]}" -m alone "$@" || failed=1
say "done"
exit "$failed"

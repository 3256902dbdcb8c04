#!/usr/bin/env bash
# Prepare what this machine can offer to tests: engine, browser, base image and Apptainer. The tests themselves say what is missing.
# Root prepares for an ordinary user as well (`make e2e-user`), who cannot install packages.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/engine.sh start
scripts/test-tools.sh
! docker version >/dev/null 2>&1 || scripts/base-image.sh supervisely-local/base:0.1.0
command -v apptainer >/dev/null || scripts/apptainer-root.sh || true # half a minute where no earlier root is kept

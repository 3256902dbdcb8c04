#!/usr/bin/env bash
# Prepare what this machine can offer to tests: engine, browser and base image. The tests themselves say what is missing.
# Root prepares for an ordinary user as well (`make e2e-user`), who cannot install packages.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/engine.sh start
scripts/test-tools.sh
! docker version >/dev/null 2>&1 || scripts/base-image.sh supervisely-local/base:0.1.0

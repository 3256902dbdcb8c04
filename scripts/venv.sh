#!/usr/bin/env bash
# Make or refresh the virtual environment with everything the Makefile's targets need.
# torch is installed first and alone, as a CPU build where one is offered: plain `torch` may bring gigabytes of CUDA.
set -euo pipefail
# Python compiles and keeps the modules that are imported; compiling all of them is half of the installation.
[ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || export PIP_NO_COMPILE=1
venv=${1:?usage: venv.sh FOLDER}
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "Python 3.11 or newer is needed (set PYTHON=/path/to/python3.11)" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing packages into $venv (once; a few minutes on a fresh machine)"
"$venv/bin/pip" install -qq --upgrade pip
"$venv/bin/python" -c 'import torch' 2>/dev/null || "$venv/bin/pip" install -qq "${TORCH:-torch==2.13.0}"
"$venv/bin/pip" install -qq --editable '.[example,dev,docs]'

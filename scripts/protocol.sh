#!/usr/bin/env bash
# Makes the Python modules of web_stub/agent_rpc/worker_api.proto, in an environment of its own in .build/.
# An old compiler on purpose: its code works with its own and the next major version of the protobuf package.
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=.build/protocol
[ -x $compiler/bin/python ] || { python3 -m venv $compiler && $compiler/bin/pip install --quiet 'grpcio-tools==1.74.0'; }
$compiler/bin/python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. web_stub/agent_rpc/worker_api.proto

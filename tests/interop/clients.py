"""Programs that use an official client, run in that client's environment against a server of ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.interop.environments import QUIET
from tests.interop.program import HERE


def run_client(python: Path, script: str, address: str, token: str, home: Path, *more: object) -> Any:
    """The last output of the client, as JSON. The client gets a home of its own, no proxy and no other server."""
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [str(python), str(HERE / script), address, token, str(home / "work"), *map(str, more)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**environ, **QUIET, "HOME": str(home), "PYTHONPATH": ""},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return json.loads(done.stdout.splitlines()[-1])

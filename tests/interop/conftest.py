"""The official SDK as an oracle: its own environment, made once, and programs run inside it.

`official_python` is the interpreter of that environment; `official(script, payload)` runs one of the
`oracle_*.py` files beside this one with it, JSON in and JSON out. `newest_python` is one with today's
package, which is another client of the public API. Where an environment cannot be made (no network)
its tests are skipped with the reason; where CI is set, they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import NEWEST, VERSION, environ, environment
from tests.interop.program import HERE, Program


def _python(version: str) -> Path:
    try:
        return environment(version)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
        reason = f"no environment with the official supervisely {version}: {e}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def official_python() -> Path:
    """The interpreter in whose environment `import supervisely` gives the official package."""
    return _python(VERSION)


@pytest.fixture(scope="session")
def newest_python() -> Path:
    """The same with today's package."""
    return _python(NEWEST)


@pytest.fixture(scope="session")
def official_data(official_python: Path) -> Iterator[Callable[[str, Any], Any]]:
    """official_data(root, cases): results of oracle_data.py on the SDK of that import name."""
    servers: dict[str, Program] = {}

    def ask(root: str, cases: Any) -> Any:
        if root not in servers:
            servers[root] = Program(official_python, "oracle_data.py", root)
        return servers[root].ask(cases)

    yield ask
    for server in servers.values():
        server.close()


@pytest.fixture(scope="session")
def run_official(official_python: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a file of this folder in that environment, with text on its standard input.

    The repository's root comes first on the path, so that `supervisely_lib` is ours there too.
    """

    def run(script: str, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(official_python), str(HERE / script), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**environ(), "PYTHONPATH": str(HERE.parents[1]), **variables},
        )

    return run


@pytest.fixture(scope="session")
def official(run_official: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Any]:
    """official("oracle_x.py", payload) → what the program prints on stdout, both as JSON."""

    def ask(script: str, payload: Any, *arguments: str) -> Any:
        done = run_official(script, *arguments, stdin=json.dumps(payload))
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return ask

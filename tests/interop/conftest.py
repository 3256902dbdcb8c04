"""The official SDK as an oracle: its own environment, made once, and programs run inside it.

`official_python` is the interpreter of that environment; `official(script, payload)` runs one of the `oracle_*.py`
files beside this one with it, JSON in and JSON out, in a process that has loaded the package before
(`tests/support/warm.py`). `newest_python` is one with today's package, which is another client of the public API. Where
an environment cannot be made (no network) its tests are skipped with the reason; where CI is set, they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import NEWEST, TIDE, VERSION, environ, environment, judges, wheel
from tests.interop.program import HERE, Program
from tests.support.warm import Warm


def _python(make: Callable[[], Path], what: str) -> Path:
    try:
        return make()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
        reason = f"no environment with {what}: {e}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def official_python() -> Path:
    """The interpreter in whose environment `import supervisely` gives the official package."""
    return _python(lambda: environment(VERSION), f"the official supervisely {VERSION}")


@pytest.fixture(scope="session")
def newest_python() -> Path:
    """The same with today's package."""
    return _python(lambda: environment(NEWEST), f"the official supervisely {NEWEST}")


@pytest.fixture(scope="session")
def judges_python() -> Path:
    """The interpreter of an environment with pycocotools and scikit-learn."""
    return _python(judges, "pycocotools and scikit-learn")


@pytest.fixture(scope="session")
def judge(judges_python: Path) -> Iterator[Callable[[str, Any], Any]]:
    """judge("oracle_x.py", payload): the answer of a program of that environment, which stays for further ones."""
    servers: dict[str, Program] = {}

    def ask(script: str, payload: Any) -> Any:
        if script not in servers:
            servers[script] = Program(judges_python, script)
        return servers[script].ask(payload)

    yield ask
    for server in servers.values():
        server.close()


@pytest.fixture(scope="session")
def tide_wheel() -> Path:
    """The file of tidecv."""
    return _python(lambda: wheel("tidecv", TIDE), "tidecv")


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
def run_official(official_python: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run a file of this folder in that environment, with text on its standard input.

    The repository's root comes first on the path, so that `supervisely_lib` is ours there too. A program that runs on
    ours must not have the official package loaded: it gives its logger handlers of its own.
    """
    environment = {**environ(), "PYTHONPATH": str(HERE.parents[1])}
    with_official = Warm(official_python, ["supervisely"], environment)
    with_ours = Warm(official_python, ["cv2", "shapely"], environment)

    def run(script: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        warm = with_ours if "supervisely_lib" in arguments else with_official
        return warm.run(HERE / script, *arguments, stdin=stdin)

    yield run
    with_official.close()
    with_ours.close()


@pytest.fixture(scope="session")
def official(run_official: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Any]:
    """official("oracle_x.py", payload) → what the program prints on stdout, both as JSON."""

    def ask(script: str, payload: Any, *arguments: str) -> Any:
        done = run_official(script, *arguments, stdin=json.dumps(payload))
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return ask

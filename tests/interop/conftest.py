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
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

VERSION = "6.73.357"  # the last one with the classes of the guide's time and the old API methods
NEWEST = "6.74.51"  # without the neural-network API; its transfers are those people use today
HERE = Path(__file__).parent
BUILD = HERE.parents[1] / ".build"

# A quiet start, no look-ups, and lines of the level a plugin has under an agent.
QUIET = {"SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK": "True", "LOG_LEVEL": "DEBUG", "PYTHONWARNINGS": "ignore"}


def _make_environment(version: str, folder: Path) -> None:
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        # scikit-image: what the official resize_inter_nearest needs and the wheel only suggests
        [str(folder / "bin/python"), "-m", "pip", "install", "-q", f"supervisely=={version}", "scikit-image<0.25"],
        [str(folder / "bin/python"), "-c", "import supervisely, cv2, shapely, skimage"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=1200, env=_environ())
        if done.returncode:
            raise RuntimeError(f"{' '.join(step[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _environ() -> dict[str, str]:
    return {**os.environ, **QUIET}


def _environment(version: str) -> Path:
    """The interpreter of an environment with that version, made where there is none yet."""
    folder = BUILD / f"official-{version}"
    complete = folder / ".complete"  # written last: an interrupted installation is started over
    BUILD.mkdir(exist_ok=True)
    try:
        with FileLock(f"{folder}.lock"):
            if not complete.exists():
                _make_environment(version, folder)
                complete.touch()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
        reason = f"no environment with the official supervisely {version}: {e}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder / "bin/python"


@pytest.fixture(scope="session")
def official_python() -> Path:
    """The interpreter in whose environment `import supervisely` gives the official package."""
    return _environment(VERSION)


@pytest.fixture(scope="session")
def newest_python() -> Path:
    """The same with today's package."""
    return _environment(NEWEST)


class Server:
    """A program of this folder that answers each line of JSON with one, kept running between questions."""

    def __init__(self, python: Path, script: str, *arguments: str) -> None:
        self._name = f"{script} {' '.join(arguments)}"
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the program runs
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**_environ(), "PYTHONPATH": str(HERE.parents[1])},
        )

    def ask(self, question: Any) -> Any:
        """The answer to one question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            pytest.fail(f"{self._name} ended:\n{self._errors.read()[-4000:]}")
        return json.loads(answer)

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=60)
        self._errors.close()


@pytest.fixture(scope="session")
def official_data(official_python: Path) -> Iterator[Callable[[str, Any], Any]]:
    """official_data(root, cases): results of oracle_data.py on the SDK of that import name."""
    servers: dict[str, Server] = {}

    def ask(root: str, cases: Any) -> Any:
        if root not in servers:
            servers[root] = Server(official_python, "oracle_data.py", root)
        return servers[root].ask(cases)

    yield ask
    for server in servers.values():
        server.close()


@pytest.fixture(scope="session")
def run_official(official_python: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a file of this folder in that environment, with text on its standard input.

    The repository's root comes first on the path, so that `supervisely_lib` is ours there too.
    """

    def run(script: str, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(official_python), str(HERE / script), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**_environ(), "PYTHONPATH": str(HERE.parents[1]), **environ},
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

"""The official SDK as an oracle: its own environment, made once, and programs run inside it.

`official_python` is the interpreter of that environment; `official(script, payload)` runs one of the
`oracle_*.py` files beside this one with it, JSON in and JSON out. Where the environment cannot be
made (no network) these tests are skipped with the reason; where CI is set, they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

VERSION = "6.73.357"  # the last one with the classes of the guide's time and the old API methods
HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".build" / f"official-{VERSION}"
COMPLETE = ENVIRONMENT / ".complete"  # written last: an interrupted installation is started over

# A quiet start, no look-ups, and lines of the level a plugin has under an agent.
QUIET = {"SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK": "True", "LOG_LEVEL": "DEBUG", "PYTHONWARNINGS": "ignore"}


def _make_environment() -> None:
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        # scikit-image: what the official resize_inter_nearest needs and the wheel only suggests
        [str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "-q", f"supervisely=={VERSION}", "scikit-image<0.25"],
        [str(ENVIRONMENT / "bin/python"), "-c", "import supervisely, cv2, shapely, skimage"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=1200, env=_environ())
        if done.returncode:
            raise RuntimeError(f"{' '.join(step[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
    COMPLETE.touch()


def _environ() -> dict[str, str]:
    return {**os.environ, **QUIET}


@pytest.fixture(scope="session")
def official_python() -> Path:
    """The interpreter in whose environment `import supervisely` gives the official package."""
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    try:
        with FileLock(f"{ENVIRONMENT}.lock"):
            if not COMPLETE.exists():
                _make_environment()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
        reason = f"no environment with the official supervisely {VERSION}: {e}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return ENVIRONMENT / "bin/python"


@pytest.fixture(scope="session")
def run_official(official_python: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a file of this folder in that environment, with text on its standard input."""

    def run(script: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(official_python), str(HERE / script)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**_environ(), "PYTHONPATH": "", **environ},
        )

    return run


@pytest.fixture(scope="session")
def official(run_official: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[[str, Any], Any]:
    """official("oracle_x.py", payload) → what the program prints on stdout, both as JSON."""

    def ask(script: str, payload: Any) -> Any:
        done = run_official(script, json.dumps(payload))
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return ask

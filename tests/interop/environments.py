"""The environments of the official package, one with the version of the guide's time, one with today's; and that of the
programs that judge predictions elsewhere.

`python -m tests.interop.environments` makes them all, so that tests need not wait for them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

VERSION = "6.73.357"  # the last one with the classes of the guide's time and the old API methods
NEWEST = "6.74.51"  # without the neural-network API; its transfers are those people use today
LAST_LEAN = "6.1.20"  # of 2020: the last year in which the package was called supervisely_lib
JUDGES = ("pycocotools==2.0.11", "scikit-learn==1.9.1", "numpy==2.4.6")
TIDE = "1.0.1"  # what sorts errors of detections by their kind
BUILD = Path(__file__).parents[2] / ".build"

# A quiet start, no look-ups, and lines of the level a plugin has under an agent.
QUIET = {"SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK": "True", "LOG_LEVEL": "DEBUG", "PYTHONWARNINGS": "ignore"}


def environ() -> dict[str, str]:
    """The variables for programs that import the official package."""
    return {**os.environ, **QUIET}


def environment(version: str) -> Path:
    """The interpreter of an environment with that version, made where there is none yet.

    Raises RuntimeError, OSError or TimeoutExpired where it cannot be made.
    """
    # scikit-image: what the official resize_inter_nearest needs and the wheel only suggests
    packages = (f"supervisely=={version}", "scikit-image<0.25")
    return _made(f"official-{version}", packages, "import supervisely, cv2, shapely, skimage")


def judges() -> Path:
    """The same for the environment in which pycocotools and scikit-learn are."""
    return _made(f"judges-{JUDGES[0].rpartition('=')[2]}", JUDGES, "import pycocotools.cocoeval, sklearn.metrics")


def _made(name: str, packages: Sequence[str], check: str) -> Path:
    folder = BUILD / name
    complete = folder / ".complete"  # written last: an interrupted installation is started over
    BUILD.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            _make(folder, packages, check)
            complete.touch()
    return folder / "bin/python"


def _make(folder: Path, packages: Sequence[str], check: str) -> None:
    # Where Python keeps what it compiles at an import, it need not compile the many modules that are never imported.
    compiles = [] if sys.dont_write_bytecode else ["--no-compile"]
    install = (str(folder / "bin/python"), "-m", "pip", "install", "-q", *compiles)
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*install, *packages],
        [str(folder / "bin/python"), "-c", check],
    )
    for step in steps:
        _run(step)


def _run(step: list[str]) -> None:
    done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=1200, env=environ())
    if done.returncode:
        raise RuntimeError(f"{' '.join(step[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")


def wheel(name: str, version: str) -> Path:
    """The file of a package, which nobody installs: what it needs no longer runs on the Python of the tests, or is of
    no use to them.

    Raises RuntimeError, OSError or TimeoutExpired if the package index does not give it.
    """
    BUILD.mkdir(exist_ok=True)
    file = BUILD / f"{name}-{version}-py3-none-any.whl"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            _run(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "-q",
                    "--no-deps",
                    "-d",
                    str(BUILD),
                    f"{name}=={version}",
                ]
            )
    return file


if __name__ == "__main__":
    for wanted in (VERSION, NEWEST):
        environment(wanted)
    judges()
    wheel("supervisely", LAST_LEAN)
    wheel("tidecv", TIDE)

"""The newcomer's trip of CONTRIBUTING.md, step by step: a test that fails, a change, a test that passes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRIP = (ROOT / "CONTRIBUTING.md").read_text().partition("## A newcomer's trip\n")[2].partition("\n## ")[0]
NEEDED = ("agent", "tests/unit/events", "tests/data/events", "tests/support")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The part of a clone that the trip touches."""
    for name in NEEDED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/data/near_misses.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_trip_of_contributing_turns_a_test_red_and_green_again(clone: Path) -> None:
    first, second = re.findall(r"^```diff\n(.+?)^```$", TRIP, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(r"^    \.venv/bin/python (-m pytest .+)$", TRIP, re.MULTILINE)

    def change(difference: str) -> None:
        alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(clone.parent)}  # ignore a repository around the clone
        subprocess.run(["git", "apply", "-"], cwd=clone, env=alone, input=difference, text=True, check=True)

    def pytest_says() -> str:
        done = subprocess.run(
            [sys.executable, *shlex.split(command)],
            cwd=clone,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout.splitlines()[-1]

    change(first)
    assert pytest_says().startswith("1 failed, ")
    change(second)
    assert re.match(r"\d+ passed in", pytest_says())

"""`make chaos` as a test: a minute in CI, less on a developer's machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.inputs import ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_whatever_is_killed_nothing_is_lost_nothing_is_there_twice_and_nothing_is_left():
    seconds, kills = (50, 10) if os.environ.get("CI") else (40, 5)
    command = [sys.executable, "-m", "tests.chaos", "--seconds", str(seconds), "--kills", str(kills)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr

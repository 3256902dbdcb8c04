"""The power is cut at hundreds of moments of real runs: nothing acknowledged is lost, nothing is pretended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.chaos.power.operations import missing_tool
from tests.support.inputs import ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

POINTS = 510  # `python -m tests.chaos.power` cuts more often


def test_after_a_power_cut_at_any_moment_nothing_acknowledged_is_lost():
    if missing := missing_tool():
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    seed = os.environ.get("CHAOS_SEED", "1")
    command = [sys.executable, "-m", "tests.chaos.power", "--points", str(POINTS), "--seed", seed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "power cuts, 0 with something lost" in done.stdout.splitlines()[-1]
    assert int(done.stdout.splitlines()[-1].split()[2]) >= 500

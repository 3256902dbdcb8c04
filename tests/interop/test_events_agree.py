"""Every line of this SDK equals the official line byte for byte, except the timestamp and the lines of tracebacks."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.official

Run = Callable[..., subprocess.CompletedProcess[str]]


def lines(run_official: Run, root: str) -> list[str]:
    """What the SDK writes to stderr, with the time cut out and tracebacks without file names and line numbers."""
    done = run_official("oracle_events.py", root)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    text = re.sub(r'"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"timestamp": "T"', done.stderr)
    text = re.sub(r'File \\+".*?\\+", line \d+', "File", text)
    return text.splitlines()


@pytest.fixture(scope="module")
def both(run_official: Run) -> tuple[list[str], list[str]]:
    return lines(run_official, "supervisely_lib"), lines(run_official, "supervisely")


def test_every_log_line_equals_the_official_line(both: tuple[list[str], list[str]]) -> None:
    ours, theirs = both

    assert len(theirs) > 400
    assert ours == theirs


def test_all_kinds_of_events_were_compared(both: tuple[list[str], list[str]]) -> None:
    kinds = {json.loads(line).get("event_type") for line in both[0]}

    reported = "METRICS CHECKPOINT PROGRESS MODEL_APPLIED IMPORT_APPLIED DTL_APPLIED"
    ended = "TASK_VERIFIED TASK_DEPLOYED TASK_CRASHED"
    assert kinds == {None, *(f"EventType.{name}" for name in f"{reported} {ended}".split())}


def test_not_a_number_is_null_where_the_official_line_is_no_json(run_official: Run) -> None:
    done = run_official("oracle_nan.py", "supervisely_lib")
    official = run_official("oracle_nan.py", "supervisely")

    assert json.loads(done.stderr)["metrics"] == {"loss": None, "up": None, "down": None, "ok": 1.0}
    assert '"loss": NaN, "up": Infinity, "down": -Infinity' in official.stderr

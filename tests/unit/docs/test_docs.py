"""The reference pages list every reason and every setting of the code."""

from __future__ import annotations

import re
from pathlib import Path

import agent.errors
from agent.errors import AgentError
from agent.run.cancellation import Cause
from agent.settings import SETTINGS

ROOT = Path(__file__).parents[3]


def test_every_reason_a_task_can_end_with_is_documented():
    page = (ROOT / "docs/reference/tasks.md").read_text()
    files = [file for file in sorted((ROOT / "agent").rglob("*.py")) if file.parent.name != "formats"]
    sources = "".join(file.read_text() for file in files)  # reasons of formats end no task: those of checkpoints do
    reasons = set(re.findall(r'reason="([a-z_]+)"', sources))
    reasons |= {
        kind.reason for kind in vars(agent.errors).values() if isinstance(kind, type) and issubclass(kind, AgentError)
    }
    # These cancellations end a task with the reason of what was behind them, or leave it.
    reasons |= {cause for cause in Cause if not cause.leaves_the_task} - {Cause.RESULTS_LOST, Cause.ALREADY_DECIDED}
    missing = {reason for reason in reasons if f"`{reason}`" not in page}
    assert not missing


def test_every_setting_is_documented():
    page = (ROOT / "docs/reference/settings.md").read_text()
    missing = {name for name in SETTINGS if f"`AGENT_{name.upper()}`" not in page}
    assert not missing

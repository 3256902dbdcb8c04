"""A job that a node could not start, and that Slurm holds since, ends for us: its task is placed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.clusters import How, JobState
from agent.clusters.slurm import Slurm
from agent.settings import Settings

HELD = "19|sly-a-7-1|PENDING|{reason}||2026-01-01T00:00:00|N/A|N/A"
WAITS = "20|sly-a-8-1|PENDING|Resources||2026-01-01T00:00:00|N/A|N/A"


class Programs:
    """What Slurm's programs would print, and what they were asked."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *words: str, **_: Any) -> str:
        self.asked.append(words)
        return "\n".join(self.lines) if words[0] == "squeue" else ""

    @property
    def cancelled(self) -> list[str]:
        return [words[-1] for words in self.asked if words[0] == "scancel"]


@pytest.mark.parametrize("reason", ["launch failed requeued held", "launch_failed_requeued_held"])
def test_a_job_that_slurm_holds_after_a_failed_launch_is_lost_and_then_cancelled(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    slurm = Slurm(Settings(home=Path("/nowhere")), {})
    programs = Programs(HELD.format(reason=reason), WAITS)
    monkeypatch.setattr(slurm, "_run", programs)
    found = slurm.find(["sly-a-7-1", "sly-a-8-1"])
    (held,), (waits,) = found["sly-a-7-1"], found["sly-a-8-1"]
    assert (held.state, held.how, waits.state) == (JobState.ENDED, How.NODE_FAILED, JobState.WAITING)
    assert "could not start it, and Slurm holds it" in held.why

    slurm.tidy("sly-a", ["sly-a-7-1", "sly-a-8-1"])  # its end is not recorded yet
    assert programs.cancelled == []
    slurm.tidy("sly-a", ["sly-a-8-1"])
    assert programs.cancelled == ["19"]


def test_only_a_queue_in_which_a_job_was_held_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = Slurm(Settings(home=Path("/nowhere")), {})
    programs = Programs()
    monkeypatch.setattr(slurm, "_run", programs)
    slurm.tidy("sly-a", [])
    asked = len(programs.asked)
    slurm.tidy("sly-a", [])
    assert (asked, len(programs.asked)) == (1, 1)


def test_a_held_job_of_another_installation_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = Slurm(Settings(home=Path("/nowhere")), {})
    programs = Programs(HELD.format(reason="launch failed requeued held"))
    monkeypatch.setattr(slurm, "_run", programs)
    slurm.tidy("sly-b", [])
    assert programs.cancelled == []

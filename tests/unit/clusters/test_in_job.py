"""The job in which an agent runs, as its environment describes it."""

from __future__ import annotations

import os

import pytest

from agent.clusters.ending import LOST_REASONS
from agent.clusters.in_job import OwnJob, loss_in_job, why_job_ends
from agent.domain import TaskStatus
from agent.run.outcome import Outcome


def test_a_job_knows_its_id_its_node_and_whether_it_was_started_again() -> None:
    assert OwnJob.of({"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}) == OwnJob("7", "n1", 0)
    assert OwnJob.of({"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1", "SLURM_RESTART_COUNT": "2"}).restarts == 2
    assert OwnJob.of({}) == OwnJob(None, os.uname().nodename, 0)


def test_a_job_that_ends_for_an_unknown_reason_says_that_much() -> None:
    cancelled = why_job_ends(OwnJob(None, "n1", 0))
    assert cancelled.reason == "job_cancelled"
    assert "what was saved before is kept" in str(cancelled)


@pytest.mark.parametrize("reason", sorted(LOST_REASONS))
def test_a_job_that_is_taken_away_is_a_loss_in_the_words_of_the_cluster(reason: str) -> None:
    loss = loss_in_job(OwnJob("7", "n1", 0), Outcome(TaskStatus.ERROR, reason, "job 7 had to go"))
    assert loss is not None
    assert (loss.reason, loss.said, loss.node) == (reason, "job 7 had to go", "n1")


def test_a_container_that_is_gone_is_a_loss_where_the_cluster_has_started_the_job_again() -> None:
    gone = Outcome(TaskStatus.ERROR, "container_lost", "the container vanished")
    assert loss_in_job(OwnJob("7", "n1", 0), gone) is None
    loss = loss_in_job(OwnJob("7", "n2", 1), gone)
    assert loss is not None
    assert "started job 7 again, now on n2" in loss.said


@pytest.mark.parametrize(
    "reason",
    ["finished", "stopped_by_user", "job_cancelled", "out_of_memory", "time_limit", "plugin_exit", "disk_full"],
)
def test_every_other_end_is_the_tasks_own(reason: str) -> None:
    assert loss_in_job(OwnJob("7", "n1", 1), Outcome(TaskStatus.ERROR, reason, "")) is None

"""The job in which an agent runs, as its environment describes it."""

from __future__ import annotations

import os

from agent.clusters.in_job import OwnJob, why_job_ends


def test_a_job_knows_its_id_its_node_and_whether_it_was_started_again() -> None:
    assert OwnJob.of({"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}) == OwnJob("7", "n1", 0)
    assert OwnJob.of({"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1", "SLURM_RESTART_COUNT": "2"}).restarts == 2
    assert OwnJob.of({}) == OwnJob(None, os.uname().nodename, 0)


def test_a_job_that_ends_for_an_unknown_reason_says_that_much() -> None:
    cancelled = why_job_ends(OwnJob(None, "n1", 0))
    assert cancelled.reason == "job_cancelled"
    assert "what was saved before is kept" in str(cancelled)

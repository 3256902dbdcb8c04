"""What Slurm prints, as values."""

from __future__ import annotations

import pytest

from agent.clusters import GIVEN_BACK, How, JobState
from agent.clusters.slurm_parsing import (
    read_end_file,
    read_exit_code,
    read_how_it_ends,
    read_minutes,
    read_positions,
    read_sacct,
    read_sinfo,
    read_squeue,
    why_waiting,
)

RUNNING = "7|sly-1-1|RUNNING|None|n2|2026-11-30T13:45:53|2026-11-30T13:45:54|2026-11-30T14:45:54"
PENDING = "8|sly-2-1|PENDING|Resources||2026-11-30T13:45:53|2026-11-30T15:00:00|N/A"
MEMORY = "2|sly-3-1|OUT_OF_MEMORY|OutOfMemory|n1|2026-11-30T13:45:53|2026-11-30T13:45:54|2026-11-30T13:45:55"


def test_a_line_of_squeue_is_a_job() -> None:
    running, pending, ended = read_squeue(f"{RUNNING}\n{PENDING}\nslurm_load_jobs: a remark\n{MEMORY}\n")
    assert (running.id, running.label, running.state, running.node) == ("7", "sly-1-1", JobState.RUNNING, "n2")
    assert running.ended_at is None  # the field holds its time limit
    assert (pending.state, pending.node, pending.started_at) == (JobState.WAITING, "", None)  # an estimate
    assert pending.why == "no node has enough processors, memory or GPUs free (Resources)"
    assert (ended.state, ended.how) == (JobState.ENDED, How.OUT_OF_MEMORY)
    assert ended.ended_at is not None


@pytest.mark.parametrize(
    ("word", "state", "how"),
    [
        ("COMPLETING", JobState.RUNNING, None),
        ("CONFIGURING", JobState.RUNNING, None),
        ("SUSPENDED", JobState.RUNNING, None),
        ("REQUEUED", JobState.WAITING, None),
        ("REQUEUE_HOLD", JobState.WAITING, None),
        ("CANCELLED by 1000", JobState.ENDED, How.CANCELLED),
        ("CANCELLED+", JobState.ENDED, How.CANCELLED),
        ("NODE_FAIL", JobState.ENDED, How.NODE_FAILED),
        ("PREEMPTED", JobState.ENDED, How.PREEMPTED),
        ("TIMEOUT", JobState.ENDED, How.TIME_LIMIT),
        ("DEADLINE", JobState.ENDED, How.TIME_LIMIT),
        ("SOMETHING_NEW", JobState.RUNNING, None),
    ],
)
def test_each_state_of_slurm_has_its_meaning(word: str, state: JobState, how: How | None) -> None:
    (job,) = read_squeue(RUNNING.replace("RUNNING", word))
    assert (job.state, job.how) == (state, how)


def test_a_reason_keeps_its_own_word() -> None:
    assert why_waiting("(Priority)") == "jobs with a higher priority go first (Priority)"
    assert why_waiting("QOSMaxGRESPerUser") == "its quality of service has reached a limit (QOSMaxGRESPerUser)"
    assert why_waiting("AssocGrpCpuLimit") == "the account has reached a limit (AssocGrpCpuLimit)"
    assert "down, drained" in why_waiting("ReqNodeNotAvail, UnavailableNodes:n[1-2]")
    assert (why_waiting("None"), why_waiting("NewReason")) == ("", "NewReason")


def test_a_line_of_the_accounting_has_an_exit_code() -> None:
    line = "7|sly-1-1|FAILED|None|n2|2026-11-30T13:45:53|2026-11-30T13:45:54|2026-11-30T13:46:54"
    failed, given_back, killed = read_sacct(f"{line}|3:0\n{line}|{GIVEN_BACK}:0\n{line}|0:9\n")
    assert [(job.how, job.exit_code) for job in (failed, given_back, killed)] == [
        (How.FAILED, 3),
        (How.GIVEN_BACK, 75),
        (How.FAILED, 137),
    ]
    assert (read_exit_code("JobId=2 ExitCode=1:0 Requeue=1"), read_exit_code("slurm_load_jobs error")) == (1, None)


def test_the_end_that_a_script_wrote_is_read_and_a_torn_one_is_not() -> None:
    ended = read_end_file("12 127 n1 1700000000 1700000009\n", "sly-1-1")
    assert ended is not None
    assert (ended.id, ended.how, ended.exit_code, ended.node) == ("12", How.FAILED, 127, "n1")
    done = read_end_file("12 0 n1 1700000000 1700000009", "sly-1-1")
    assert done is not None
    assert done.how is How.DONE
    assert [read_end_file(text, "x") for text in ("", "12 0 n1", "12 x n1 1 2")] == [None] * 3


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("90:30", 90.5), ("1:30:00", 90), ("1-12", 2160), ("1-0:30", 1470), ("1-12:00:30", 2160.5),
     ("UNLIMITED", None), ("", None), ("infinite", None), ("1:2:3:4", None)],
)  # fmt: skip
def test_time_limits_are_read_as_slurm_writes_them(text: str, minutes: float | None) -> None:
    assert read_minutes(text) == minutes


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("JobState=COMPLETING Reason=None RunTime=00:00:10 TimeLimit=01:00:00 PreemptTime=None", How.CANCELLED),
        ("JobState=COMPLETING Reason=TimeLimit RunTime=01:00:10 TimeLimit=01:00:00", How.TIME_LIMIT),
        ("JobState=COMPLETING Reason=None RunTime=01:00:10 TimeLimit=01:00:00", How.TIME_LIMIT),
        ("JobState=COMPLETING Reason=None RunTime=00:00:10 TimeLimit=00:01:00", How.CANCELLED),
        ("JobState=RUNNING Reason=None RunTime=00:57:50 TimeLimit=01:00:00", How.TIME_LIMIT),
        ("JobState=RUNNING Reason=None RunTime=00:10:00 TimeLimit=01:00:00 PreemptTime=2026-11-30T13:45:53",
         How.PREEMPTED),
        ("JobState=RUNNING Reason=None RunTime=00:10:00 TimeLimit=UNLIMITED", None),
        ("JobState=PREEMPTED Reason=None RunTime=00:10:00 TimeLimit=01:00:00", How.PREEMPTED),
        ("slurm_load_jobs error: Invalid job id specified", None),
    ],
)  # fmt: skip
def test_a_job_that_is_being_ended_says_why(text: str, how: How | None) -> None:
    assert read_how_it_ends(text) == how


def test_a_job_that_is_put_back_into_the_queue_counts_its_next_start() -> None:
    said = "JobState=COMPLETING Reason=None Restarts=1 RunTime=00:00:10 TimeLimit=01:00:00"
    assert (read_how_it_ends(said, restarts=0), read_how_it_ends(said, restarts=1)) == (How.PREEMPTED, How.CANCELLED)


def test_the_capacity_counts_nodes_and_processors() -> None:
    capacity = read_sinfo("3|idle|0/12/0/12\n2|mix|6/2/0/8\n1|idle*|0/4/0/4\n1|down|0/0/4/4\nnonsense\n")
    assert (capacity.nodes, capacity.nodes_idle, capacity.cpus, capacity.cpus_idle) == (7, 3, 28, 18)


def test_the_place_in_the_queue_counts_within_a_partition_by_priority_and_then_by_number() -> None:
    said = "7|main|10\n12|main|10\n9|main|500\n3|short|1\n4_[1-9]|short|2\nnonsense\n|main|1\n"
    assert read_positions(said) == {"9": 1, "7": 2, "12": 3, "4_[1-9]": 1, "3": 2}

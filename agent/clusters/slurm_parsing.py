"""What Slurm's programs print, as values. Pure.

`squeue` and `sacct` print a line for each job, with `|` between the fields; no field of ours can hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from agent.clusters import GIVEN_BACK, Capacity, How, Job, JobState

SQUEUE_FORMAT = "%i|%j|%T|%r|%N|%V|%S|%e"  # id, name, state, reason, nodes, submitted, started, ended
SACCT_FORMAT = "JobIDRaw,JobName,State,Reason,NodeList,Submit,Start,End,ExitCode"
QUEUE_FORMAT = "%i|%P|%Q"  # id, partition, priority
SINFO_FORMAT = "%D|%t|%C"  # nodes, their state, processors: allocated/idle/other/total

_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_ENDED = {
    "COMPLETED": How.DONE,
    "FAILED": How.FAILED,
    "OUT_OF_MEMORY": How.OUT_OF_MEMORY,
    "TIMEOUT": How.TIME_LIMIT,
    "DEADLINE": How.TIME_LIMIT,
    "PREEMPTED": How.PREEMPTED,
    "NODE_FAIL": How.NODE_FAILED,
    "BOOT_FAIL": How.NODE_FAILED,
    "CANCELLED": How.CANCELLED,
    "REVOKED": How.VANISHED,
}
# Other states (RUNNING, CONFIGURING, COMPLETING, SUSPENDED, STOPPED, ...) have a node.

WHY = {
    "Priority": "jobs with a higher priority go first",
    "Resources": "no node has enough processors, memory or GPUs free",
    "Dependency": "another job has to end first",
    "BeginTime": "its earliest start has not come; after the failure of a node Slurm waits a moment",
    "JobHeldUser": "a user holds it; `scontrol release` lets it go",
    "JobHeldAdmin": "an administrator holds it",
    "Licenses": "no licence is free",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "PartitionNodeLimit": "it wants more nodes than the partition gives",
    "PartitionTimeLimit": "its time limit is longer than that of the partition",
    "ReqNodeNotAvail": "the nodes that it needs are down, drained or reserved",
    "NodeDown": "the node that it needs is down",
    "Reservation": "its reservation has not begun",
    "AssociationJobLimit": "the account runs as many jobs as it may",
    "AssocMaxJobsLimit": "the account runs as many jobs as it may",
    "QOSJobLimit": "its quality of service runs as many jobs as it may",
    "QOSResourceLimit": "its quality of service has used what it may",
    "QOSTimeLimit": "its quality of service has used the time that it may",
    "Cleaning": "its last run is being cleaned up",
    "None": "",
}
_GROUPS = (("QOSMax", "its quality of service"), ("QOSGrp", "its quality of service"), ("Assoc", "the account"))
_NEAR_MINUTES = 5.0  # a running job that is warned is this near to its time limit
_LAUNCH_FAILED = "launch failed requeued held"  # for ever, until an administrator lets it go
_LONG = 300  # characters of a reason that are shown


def why_waiting(reason: str) -> str:
    """A reason of Slurm in plain words, with the reason itself: it is what the manual and administrators know."""
    word = reason.strip().strip("()")
    if word in WHY:
        plain = WHY[word]
        return f"{plain} ({word})" if plain else ""
    for prefix, who in _GROUPS:
        if word.startswith(prefix):
            return f"{who} has reached a limit ({word})"
    known = next((plain for key, plain in WHY.items() if plain and word.startswith(key)), "")
    return f"{known} ({word[:_LONG]})" if known else word[:_LONG]


def read_squeue(text: str) -> Iterator[Job]:
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) == len(SQUEUE_FORMAT.split("|")):
            yield _job(fields)


def is_held_after_a_launch(reason: str) -> bool:
    """Whether Slurm has queued a job again that a node could not start, and will not start it any more."""
    return reason.strip("() ").replace("_", " ").startswith(_LAUNCH_FAILED)


def read_positions(text: str) -> dict[str, int]:
    """Id of a waiting job → its place in its partition, from 1 on. Of equal priorities the smaller id goes first."""
    queues: dict[str, list[tuple[int, int, str]]] = {}
    for line in text.splitlines():
        id_, _, rest = line.strip().partition("|")
        partition, _, priority = rest.rpartition("|")
        number = re.match(r"\d+", id_)
        if number is not None and priority.isdigit():
            queues.setdefault(partition, []).append((-int(priority), int(number[0]), id_))
    return {id_: place for queue in queues.values() for place, (_, _, id_) in enumerate(sorted(queue), 1)}


def read_sacct(text: str) -> Iterator[Job]:
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) == len(SACCT_FORMAT.split(",")):
            yield _job(fields[:8], exit_code=_exit_code(fields[8]))


def _job(fields: Sequence[str], exit_code: int | None = None) -> Job:
    id_, label, word, reason, node, submitted, started, ended = fields
    name = word.split()[0].rstrip("+") if word.strip() else ""  # "CANCELLED by 1000"
    how = _ENDED.get(name)
    state = JobState.ENDED if how else JobState.WAITING if name in _WAITING else JobState.RUNNING
    if state is JobState.WAITING and is_held_after_a_launch(reason):
        said = f"its node could not start it, and Slurm holds it since ({_LAUNCH_FAILED})"
        return Job(id_, label, JobState.ENDED, said, how=How.NODE_FAILED, submitted_at=_time(submitted))
    return Job(
        id=id_,
        label=label,
        state=state,
        why=why_waiting(reason) if state is JobState.WAITING else "",
        node="" if node in ("(null)", "None assigned") else node,
        how=given_back(how, exit_code) if how else None,
        exit_code=exit_code,
        submitted_at=_time(submitted),
        started_at=_time(started) if state is not JobState.WAITING else None,  # else an estimate
        ended_at=_time(ended) if how else None,  # else the time limit
    )


def given_back(how: How, exit_code: int | None) -> How:
    return How.GIVEN_BACK if how is How.FAILED and exit_code == GIVEN_BACK else how


def read_exit_code(text: str) -> int | None:
    """Of `scontrol show job`: `ExitCode=1:0`."""
    found = re.search(r"\bExitCode=(\d+:\d+)", text)
    return _exit_code(found[1]) if found else None


def read_how_it_ends(text: str, restarts: int = 0) -> How | None:
    """Of `scontrol --oneliner show job`: why Slurm ends a job that still runs; None where it does not say so.

    `restarts` is the number of this start of the job. A job that is requeued counts its next one already.
    """
    fields = dict(word.split("=", 1) for word in text.split() if "=" in word)
    state = fields.get("JobState", "")
    limit, ran = read_minutes(fields.get("TimeLimit", "")), read_minutes(fields.get("RunTime", ""))
    left = None if limit is None or ran is None else limit - ran
    near = _NEAR_MINUTES if state == "RUNNING" else 0
    if fields.get("Reason") == "TimeLimit" or (left is not None and left <= near):
        return How.TIME_LIMIT
    counted = fields.get("Restarts", "")
    is_requeued = state == "COMPLETING" and counted.isdigit() and int(counted) > restarts
    if is_requeued or fields.get("PreemptTime", "None") not in ("None", "N/A", "Unknown"):
        return How.PREEMPTED
    return _ENDED.get(state, How.CANCELLED if state == "COMPLETING" else None)


def read_minutes(text: str) -> float | None:
    """A time limit as Slurm writes it, in minutes: `90`, `90:00`, `1:30:00`, `1-12`, `1-12:00:00`. None: unlimited."""
    days, dash, rest = text.strip().rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in (*parts, *([days] if dash else []))) or len(parts) > 3:
        return None
    numbers = [int(part) for part in parts]
    if dash:
        hours, minutes, seconds = (*numbers, 0, 0)[:3]
        return int(days) * 1440 + hours * 60 + minutes + seconds / 60
    if len(numbers) == 3:
        return numbers[0] * 60 + numbers[1] + numbers[2] / 60
    return numbers[0] + (numbers[1] / 60 if len(numbers) == 2 else 0)


def read_end_file(text: str, label: str) -> Job | None:
    """The end that a job's script wrote down: id, exit code, node, when it started and ended (seconds since 1970)."""
    fields = text.split()
    if len(fields) != 5 or not all(field.isdigit() for field in (fields[1], fields[3], fields[4])):
        return None
    id_, code, node, started, ended = fields
    how = How.DONE if code == "0" else given_back(How.FAILED, int(code))
    return Job(
        id_,
        label,
        JobState.ENDED,
        node=node,
        how=how,
        exit_code=int(code),
        started_at=datetime.fromtimestamp(int(started)).astimezone(),
        ended_at=datetime.fromtimestamp(int(ended)).astimezone(),
    )


def read_sinfo(text: str) -> Capacity:
    nodes = idle = cpus = cpus_idle = 0
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) != 3 or not fields[0].isdigit():
            continue
        counts = [int(part) for part in fields[2].split("/") if part.isdigit()]
        nodes += int(fields[0])
        idle += int(fields[0]) if fields[1].startswith("idle") and not fields[1].endswith("*") else 0
        if len(counts) == 4:
            cpus, cpus_idle = cpus + counts[3], cpus_idle + counts[1]
    return Capacity(nodes, idle, cpus, cpus_idle)


def _exit_code(text: str) -> int | None:
    """`3:0` is exit code 3, `0:9` signal 9."""
    code, _, number = text.partition(":")
    if not (code.isdigit() and number.isdigit()):
        return None
    return int(code) if int(number) == 0 else 128 + int(number)


def _time(text: str) -> datetime | None:
    """Slurm prints local time."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return None

"""Clusters: they place the agent of one task, and do nothing else.

A job runs `agent run --task N --placement K`, which stages, follows, packs and uploads on the node as any agent does.
A cluster starts that agent and says what became of its job. The controller (`controller.py`) turns queued tasks into
jobs; the modules with the names of clusters talk to them. What they say is read by pure functions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent.domain import TaskOptions
from agent.errors import AgentError

BEGINS_ANEW = 76  # exit code of an agent that has put its task into the queue for another attempt
GIVEN_BACK = 75  # exit code of an agent whose node cannot run the task now (EX_TEMPFAIL)


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class How(StrEnum):
    """How a job ended, whatever became of its task."""

    DONE = "done"  # its agent ended with exit code 0
    FAILED = "failed"  # with another exit code, or could not be started
    GIVEN_BACK = "given_back"  # its node could not run the task
    NO_IMAGE = "no_image"  # an image that it needs cannot be had
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    PREEMPTED = "preempted"
    NODE_FAILED = "node_failed"
    CANCELLED = "cancelled"
    VANISHED = "vanished"  # the cluster does not know it, or no longer


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its cluster describes it."""

    id: str
    label: str
    state: JobState
    why: str = ""  # it waits, in plain words; or it ended so, in the words of its cluster
    node: str = ""
    position: int | None = None  # in the queue, from 1 on; None: unknown, or it waits for something else
    how: How | None = None  # it ended
    exit_code: int | None = None
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a cluster is to start: the agent of one placement of a task."""

    task_id: int
    number: int  # of the placement
    label: str  # unique; the job is found by it
    options: TaskOptions
    avoid: Sequence[str] = ()  # nodes that could not run the task
    image: str = ""  # of its plugin


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a cluster has, and how much of it is free now."""

    nodes: int
    nodes_idle: int  # of Kubernetes: that take pods
    cpus: int
    cpus_idle: int | None  # None: the cluster does not tell


def installation_of(label: str) -> str:
    """The part of a placement's label that all jobs of an installation share."""
    return "-".join(label.split("-")[:2])


class ClusterUnavailable(AgentError):
    """The cluster does not answer. That says nothing about any job or task."""

    exit_code = 3
    http_status = 503
    reason = "cluster_unavailable"


class JobRefused(AgentError):
    """The cluster does not take the job as it was asked for, and knows nothing of it."""

    exit_code = 3
    http_status = 409
    reason = "job_refused"


class Cluster(Protocol):
    """Every method raises ClusterUnavailable while the cluster does not answer."""

    name: str
    hardens: bool  # whether it can run a task hardened
    loads: bool  # whether an image that is in the artifacts only can be had on its nodes
    most_jobs: int  # that wait or run at the same time
    at_once: int  # so many threads may submit at the same time; all else is asked from one
    poll_s: float  # between two questions about its jobs
    unknown_s: float  # so long a job that the cluster does not know may still come up, when its controller was killed

    def submit(self, request: JobRequest) -> str:
        """Queue a job; gives its id. Raises JobRefused. After ClusterUnavailable the job may be queued or not."""

    def find(self, labels: Collection[str]) -> Mapping[str, Sequence[Job]]:
        """The jobs with these labels, by label, the oldest first. A job that nothing is known of is left out."""

    def has_news(self) -> bool:
        """Whether it is known, without asking, that a job has changed since `find` was asked last."""

    def cancel(self, job: str) -> None:
        """End a job, whatever its state. A job that has ended stays as it is."""

    def tidy(self, installation: str, keep: Collection[str]) -> None:
        """Remove what is left of jobs with other labels than these: their ends are recorded.

        Of those that `find` has found last, and, once it has none to keep, of all with the beginning of `installation`.
        """

    def log(self, label: str, job: str) -> str:
        """The end of what the job's agent logged; empty where it cannot be read from here."""

    def capacity(self) -> Capacity: ...

    def close(self) -> None: ...

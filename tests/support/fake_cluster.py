"""A cluster in memory: jobs that a test starts and ends."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from agent.clusters import Capacity, ClusterUnavailable, How, Job, JobRefused, JobRequest, JobState


class FakeCluster:
    name = "fake"
    most_jobs = 100
    poll_s = 0.1
    hardens = True
    loads = True
    at_once = 1
    unknown_s = 45.0

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: dict[str, JobRequest] = {}
        self.cancelled: list[str] = []
        self.refuses = ""  # why it refuses every job
        self.is_away = False
        self.hears_and_is_silent = False  # it takes the job, and its answer is lost
        self.said = ""  # what agents logged
        self.kept: list[str] = []  # labels that `tidy` was told last
        self._ids = itertools.count(1)

    def submit(self, request: JobRequest) -> str:
        self._answer()
        if self.refuses:
            raise JobRefused(self.refuses)
        id_ = str(next(self._ids))
        self.jobs[id_] = Job(id_, request.label, JobState.WAITING, why="no node is free (Resources)")
        self.requests[id_] = request
        if self.hears_and_is_silent:
            raise ClusterUnavailable("the fake has hung up")
        return id_

    def find(self, labels: Collection[str]) -> Mapping[str, Sequence[Job]]:
        self._answer()
        found: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            if job.label in labels:
                found.setdefault(job.label, []).append(job)
        return found

    def has_news(self) -> bool:
        return False

    def cancel(self, job: str) -> None:
        self._answer()
        self.cancelled.append(job)
        if self.jobs[job].state is not JobState.ENDED:
            self.end(job, How.CANCELLED)

    def tidy(self, installation: str, keep: Collection[str]) -> None:
        self._answer()
        self.kept = sorted(keep)

    def log(self, label: str, job: str) -> str:
        return self.said

    def capacity(self) -> Capacity:
        self._answer()
        return Capacity(nodes=2, nodes_idle=1, cpus=4, cpus_idle=2)

    def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self.is_away:
            raise ClusterUnavailable("the fake does not answer")

    # ---------------------------------------------------------------- for tests

    def start(self, job: str, node: str = "n1") -> None:
        self.jobs[job] = replace(self.jobs[job], state=JobState.RUNNING, node=node, why="")

    def end(self, job: str, how: How, exit_code: int | None = None) -> None:
        self.jobs[job] = replace(self.jobs[job], state=JobState.ENDED, how=how, exit_code=exit_code, why="")

    def in_state(self, state: JobState) -> list[str]:
        return [job.id for job in self.jobs.values() if job.state is state]

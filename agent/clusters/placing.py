"""Queued tasks become jobs: portions of placements, each recorded first, then submitted, several at the same time.

A portion costs the store two transactions, however many tasks it has: one before the first of its jobs is submitted,
one when all have been answered. A controller that dies in between leaves placements without a job. The next one submits
them again under the same labels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from agent.clusters import Cluster, ClusterUnavailable, How, JobRefused, JobRequest
from agent.clusters.memory import Memories
from agent.domain import Task
from agent.errors import BadInput
from agent.logs import about_task
from agent.store import Placement, Seen

if TYPE_CHECKING:
    from agent.installation import Installation

PORTION = 8  # jobs for each that is submitted at the same time
AT_ONCE = 256  # tasks that are placed before jobs are looked at again

log = logging.getLogger("agent")


class Placer:
    """Use it from one thread. Raises ClusterUnavailable, StorageFailed, Conflict."""

    def __init__(
        self, installation: Installation, cluster: Cluster, controller: str, label: str, memories: Memories
    ) -> None:
        self._store = installation.store
        self._placements = installation.store.placements
        self._cluster = cluster
        self._controller = controller
        self._label = label
        self._memories = memories
        self.has_left_out = False  # tasks that somebody changed in the moment in which they were to be placed

    def place(self) -> bool:
        """Submit jobs for queued tasks, as many as may wait or run at the same time; whether more are to be placed."""
        room = self._cluster.most_jobs - max(self._placements.load(self._cluster.name))
        if room <= 0:  # what is refused holds up nothing, up to the same limit
            return False
        resting = self._memories.resting()
        cluster, most = self._cluster, min(room, AT_ONCE) + len(resting)
        queued = self._placements.to_place(cluster.name, most, hardened=cluster.hardens, loads=cluster.loads)
        tasks = [task for task in queued if task.id not in resting][: min(room, AT_ONCE)]
        portion = PORTION * self._cluster.at_once
        self.has_left_out = False
        for at in range(0, len(tasks), portion):
            placed_now = {task.id: task for task in tasks[at : at + portion]}
            placed = self._placements.place(self._cluster.name, self._controller, list(placed_now), self._label)
            self.has_left_out |= len(placed) < len(placed_now)
            if silent := self.submit([(placement, placed_now[placement.task_id]) for placement in placed]):
                raise silent[0][1]  # says nothing about any task
        return len(tasks) == AT_ONCE < room

    def submit(self, placed: Sequence[tuple[Placement, Task]]) -> list[tuple[Placement, ClusterUnavailable]]:
        """Submit the jobs of placements, and record the answers. Gives those that the cluster did not answer."""
        if not placed:
            return []
        portion = PORTION * self._cluster.at_once
        for at in range(0, len(placed), portion):
            if silent := self._submit(placed[at : at + portion]):
                for placement, _ in placed[at + portion :]:
                    self._memories.of(placement).is_unsent = True
                return silent
        return []

    def _submit(self, placed: Sequence[tuple[Placement, Task]]) -> list[tuple[Placement, ClusterUnavailable]]:
        requests = self._requests(placed)
        answers = self._answers(requests)
        seen, silent = list[Seen](), list[tuple[Placement, ClusterUnavailable]]()
        for (placement, task), answer in zip(placed, answers, strict=True):
            memory = self._memories.of(placement)
            memory.is_unsent = answer is None
            with about_task(task.id):
                if isinstance(answer, str):
                    log.info("task %s: job %s of %s", task.id, answer, self._cluster.name)
                    seen.append(Seen(placement, "waiting", job=answer))
                elif isinstance(answer, ClusterUnavailable):
                    silent.append((placement, answer))
                elif answer is not None:  # refused by a setting, or by what the task asks for: a person sees why
                    memory.pause()
                    if placement.why != str(answer):
                        log.warning("task %s waits: %s", task.id, answer)
                    seen.append(Seen(placement, "placing", why=str(answer)))
        self._placements.follow(self._cluster.name, self._controller, seen, is_answer=True)
        return silent

    def _requests(self, placed: Sequence[tuple[Placement, Task]]) -> list[JobRequest]:
        again = [placement.task_id for placement, _ in placed if placement.number > 1]
        histories = self._placements.of_tasks(again) if again else {}
        plugins = [self._store.plugins.get(id_) for id_ in {task.plugin_id for _, task in placed}]
        images = {plugin.id: plugin.pushed or plugin.reference for plugin in plugins}
        requests = []
        for placement, task in placed:
            before = histories.get(task.id, [])[-2:-1]
            avoid = [one.node for one in before if one.how == How.GIVEN_BACK and one.node]
            if placement.why is not None:  # it was refused: there may be no other node
                avoid = []
            image = images[task.plugin_id]
            requests.append(JobRequest(task.id, placement.number, placement.label, task.options, avoid, image))
        return requests

    def _answers(self, requests: Sequence[JobRequest]) -> list[str | JobRefused | BadInput | ClusterUnavailable | None]:
        """What the cluster said to each; None: it was not asked any more, since it had not answered about another."""
        is_silent = False

        def ask(request: JobRequest) -> str | JobRefused | BadInput | ClusterUnavailable | None:
            nonlocal is_silent
            if is_silent:
                return None
            try:
                return self._cluster.submit(request)
            except (JobRefused, BadInput) as refused:
                return refused
            except ClusterUnavailable as error:
                is_silent = True
                return error

        if self._cluster.at_once == 1 or len(requests) == 1:
            return [ask(request) for request in requests]
        with ThreadPoolExecutor(self._cluster.at_once, thread_name_prefix="submit") as pool:
            asked: list[Future[str | JobRefused | BadInput | ClusterUnavailable | None]] = [
                pool.submit(ask, request) for request in requests
            ]
            return [future.result() for future in asked]

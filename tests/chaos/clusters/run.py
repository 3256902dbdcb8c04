"""Keeps tasks running on a cluster while the acts of a plan are done, waits until all have ended, and looks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.domain import TaskStatus
from agent.errors import StorageFailed
from tests.chaos.clusters.field import FIRST_KILL_S, Field, Met
from tests.chaos.clusters.judge import Story, judge, judge_left
from tests.chaos.clusters.kubernetes import KubernetesField
from tests.chaos.clusters.plan import WAYS, Act, order, plan
from tests.chaos.clusters.slurm import SlurmField
from tests.chaos.clusters.stories import Blobs, story_of

ALIVE = 4  # tasks that have not ended, at the same time
SETTLE_S = 420.0  # for the last tasks to end, after everything is mended
TIDY_S = 150.0  # for what is left of them to go
LOOK_S = 0.25


@dataclass
class Report:
    cluster: str
    seed: int
    seconds: float = 0.0
    acts: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    tasks: int = 0
    lines: int = 0
    points: int = 0
    checkpoints: int = 0
    restarts: int = 0
    unnamed: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, story: Story) -> None:
        self.tasks += 1
        self.ends[f"{story.status} ({story.reason})"] += 1
        self.lines += sum(len(said) for run in story.runs for said in run.said.values())
        self.points += len(story.points)
        self.checkpoints += sum(one.state == "published" for one in story.kept)
        self.restarts += len(story.runs) - 1

    def text(self) -> str:
        acts = "\n".join(f"  {times:5} {name}" for name, times in sorted(self.acts.items()))
        ends = "\n".join(f"  {times:5} {end}" for end, times in sorted(self.ends.items()))
        found = "\n".join(f"  {problem}" for problem in self.problems) or "  nothing lost, nothing twice, nothing left"
        return (
            f"chaos on {self.cluster}: seed {self.seed}, {self.seconds:.0f} s\n"
            f"{self.acts.total()} acts:\n{acts}\n{self.tasks} tasks, {self.restarts} restarts:\n{ends}\n"
            f"{self.lines} numbered lines, {self.points} points, {self.checkpoints} checkpoints read back, "
            f"{self.unnamed} blobs of attempts that were lost\n{len(self.problems)} problems:\n{found}\n"
        )


class Chaos:
    def __init__(
        self, place: KubernetesField | SlurmField, cluster: str, blobs: Blobs, *, seed: int, away_s: Mapping[str, float]
    ) -> None:
        self._place: Field = place
        self._blobs = blobs
        self._seed = seed
        self._away_s = away_s
        self._cluster = cluster
        self._met: list[Met] = []
        self._mends: list[threading.Timer] = []
        self._kept_logs = place.kept_logs
        self._log = (place.folder / "acts.log").open("a", buffering=1)
        self._began = time.monotonic()

    def run(self, seconds: float) -> Report:
        report, acts = Report(self._cluster, self._seed), plan(self._seed, seconds, WAYS[self._cluster], self._away_s)
        self._began = time.monotonic()
        try:
            with self._keeping_logs():
                self._place.start_controller()
                self._do(acts, max([seconds, *(act.mended_at_s for act in acts)]))
                self._mend_all()
                self._settle()
        finally:
            self._place.stop()
            for mend in self._mends:
                mend.cancel()
        report.seconds = time.monotonic() - self._began
        report.acts.update(met.way.name for met in self._met)
        if self._place.kept_away:
            report.acts["kill the agent that is kept away"] = self._place.kept_away
        self._judge(report)
        self._log.close()
        return report

    # ---------------------------------------------------------------- the acts

    def _do(self, acts: list[Act], seconds: float) -> None:
        waiting, tasks = list(acts), 0
        while (now := time.monotonic() - self._began) < seconds:
            while waiting and waiting[0].at_s <= now:
                self._do_one(waiting.pop(0))
            self._place.watch()
            with suppress(StorageFailed):  # it is away, because an act took it
                if self._alive() < ALIVE:
                    tasks += 1
                    self._place.queue(order(self._seed, tasks))
            time.sleep(LOOK_S)

    def _do_one(self, act: Act) -> None:
        met = None
        with suppress(StorageFailed):
            met = self._place.do(act)
        if met is None:
            self._say(f"{act.way.name}: nothing is there to meet")
            return
        self._say(f"{act.way.name} {met.about} for {act.away_s:.1f} s")
        self._met.append(met)
        mend = threading.Timer(act.away_s, self._mend, args=(met,))
        self._mends.append(mend)
        mend.start()

    def _mend(self, met: Met) -> None:
        try:
            met.mend()
        except Exception as error:  # tried again when everything is revived
            self._say(f"{met.way.name} {met.about} could not be mended: {error}")
        else:
            met.until = datetime.now(UTC)
            self._say(f"{met.way.name} {met.about} is mended")

    def _mend_all(self) -> None:
        for mend in self._mends:
            mend.join(FIRST_KILL_S + 120)
        self._place.revive()
        for met in self._met:
            met.until = met.until or datetime.now(UTC)
        self._say("everything is revived")

    def _alive(self) -> int:
        tasks = self._place.placed.store.tasks
        return len(tasks.list(statuses=[status for status in TaskStatus if not status.is_final], limit=1000))

    # ---------------------------------------------------------------- afterwards

    def _settle(self) -> None:
        """Wait until nothing is open; what is open after that the audit names."""
        store = self._place.placed.store

        def has_ended() -> bool:
            self._place.watch()
            return not self._alive() and not store.placements.unsettled(self._cluster)

        # What an agent that was away has to read takes its time.
        _until(has_ended, SETTLE_S + self._away_s.get("agent", 0.0))
        self._say("all tasks have ended" if has_ended() else "not all tasks have ended")
        self._place.tidy()
        _until(lambda: not judge_left(self._place.left()), TIDY_S)

    def _judge(self, report: Report) -> None:
        store = self._place.placed.store
        for task in reversed(store.tasks.list(limit=100_000)):
            story = story_of(store, task, self._met, self._blobs)
            report.count(story)
            if problems := judge(story):
                report.problems += problems
                self._keep(task.id)
        report.problems += judge_left(self._place.left())
        report.problems += self._place.findings
        report.unnamed = len(self._blobs.unnamed(store.blobs.named()))
        if report.unnamed and not report.restarts and set(report.ends) == {"finished (finished)"}:
            report.problems.append(f"{report.unnamed} blobs are left that nothing names, and no attempt was lost")
        for log in sorted(self._place.folder.rglob("*.log")):
            if b"Traceback" in log.read_bytes():
                report.problems.append(f"{log.name} has a traceback")

    def _keep(self, task_id: int) -> None:
        """What a person wants to see of a task that is not as it should be."""
        store = self._place.placed.store
        told = [store.tasks.get(task_id), *store.attempts.list(task_id), *store.placements.of_task(task_id)]
        told += store.checkpoints.list(task_id)
        lines = [f"{event.seq} {event.stream.name} {event.event_type} {event.raw or event.message} {event.fields}"
                 for event in store.events.each(task_id)]  # fmt: skip
        (self._place.folder / f"task-{task_id}.txt").write_text("\n".join([*map(str, told), *lines]))

    def _say(self, text: str) -> None:
        with suppress(ValueError):  # closed
            self._log.write(f"{datetime.now(UTC):%H:%M:%S} {time.monotonic() - self._began:7.1f} {text}\n")

    @contextmanager
    def _keeping_logs(self) -> Iterator[None]:
        over = threading.Event()
        with self._kept_logs() as keep:

            def run() -> None:
                while not over.wait(1.0):
                    keep()

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()


def _until(reached: Callable[[], bool], within_s: float) -> None:
    """Wait so long at most."""
    end = time.monotonic() + within_s
    while not reached() and time.monotonic() < end:
        time.sleep(LOOK_S)

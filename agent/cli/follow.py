"""Watch a task until it ends: progress bars, latest metrics, each checkpoint, warnings.

Reads the store's summaries only, four times a second, so watching costs the task nothing. Where the output is not a
terminal it prints a plain line for each event.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.cli import show
from agent.domain import Checkpoint, CheckpointState, Task, TaskStatus
from agent.errors import StoreBusy
from agent.events.model import Level
from agent.fs.names import visible
from agent.liveness import agents_alive, held_by_models, why_waiting
from agent.pace import left_text, rate_text
from agent.paces import pace_of_task
from agent.patience import Patience

if TYPE_CHECKING:
    from agent.pace import Pace
    from agent.store import Store

_MODELS = 1000  # deployed ones that are looked at
PERIOD_S = 0.25
_REST_S = 0.1  # of a watch in the process of the run: each commit of the run would wake it, to read four things
_PACE_PERIOD_S = 1.0


class Watch:
    """What of a task has been shown, and what the next turn adds."""

    def __init__(
        self,
        store: Store,
        task_id: int,
        console: Console,
        *,
        gone: Callable[[], bool] = lambda: False,
        stopping: Callable[[], bool] = lambda: False,
        rest: Callable[[float], object] = lambda _: None,
    ) -> None:
        """`gone` tells whether the agent that ran the task is gone for good, `stopping` whether the user stops it.

        `rest` waits so long between two looks, or until the run is over, where the run has need of this process.
        """
        self._rest = rest
        self._gone = gone
        self._stopping = stopping
        self._has_said_stopping = False
        self._store = Patience(self._has_gone_after).of(store)
        self._task_id = task_id
        self._console = console
        self._seq = 0
        self._wait = ""  # why the task waits in the queue
        self._shown: dict[int, CheckpointState] = {}
        self._val_seq = 0
        self._near: set[str] = set()  # the kinds of near misses that were shown
        self._bars: dict[str, TaskID] = {}
        self._pace: Pace | None = None
        self._paced_at = -_PACE_PERIOD_S
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def until_end(self, *, is_enough: Callable[[Task], bool] = lambda _: False) -> Task:
        """Block until the task has ended, or is enough; give it as it is then. KeyboardInterrupt passes through.

        A store that does not answer is waited for. Raises StoreBusy when the agent is gone meanwhile.
        """
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            while True:
                task = self._store.tasks.get(self._task_id)
                self._say_why_it_waits(task)
                self._say_that_it_stops()
                self._news()
                if self._console.is_terminal:
                    live.update(Group(self._bars_now(), self._metrics_now(), self._pace_now(task)))
                if task.status.is_final or is_enough(task) or self._is_gone():
                    break
                self._rest(_REST_S)
                self._store.wait_for_change(PERIOD_S)
        return task

    def _has_gone_after(self, seconds: float) -> bool:
        time.sleep(seconds)
        return self._is_gone()

    def _is_gone(self) -> bool:
        try:
            return self._gone()
        except StoreBusy:  # it asks the store
            return False

    def _say_why_it_waits(self, task: Task) -> None:
        why = ""
        if task.status is TaskStatus.QUEUED:
            agents = agents_alive(self._store)
            why = why_waiting(agents, task, self._store.plugins.get(task.plugin_id), self._store.nodes.names())
            if not why and task.only_for is None:
                why = held_by_models(agents, self._store.tasks.list(statuses=[TaskStatus.DEPLOYED], limit=_MODELS))
        if why and why != self._wait:
            self._console.print(Text(visible(f"  waits: {why}"), style="yellow"))
        self._wait = why

    def _say_that_it_stops(self) -> None:
        if self._stopping() and not self._has_said_stopping:
            self._has_said_stopping = True
            said = "  stopping the task; another Ctrl-C ends this command without waiting for that"
            self._console.print(Text(said, style="yellow"))

    def _news(self) -> None:
        warnings, _ = self._store.events.page(self._task_id, self._seq, limit=200, min_level=Level.WARN)
        for event in warnings:
            self._seq = event.seq
            if event.event_type != "TASK_CRASHED":  # the caller says the end
                said = f"  {event.level.name.lower()}: {event.message[:500]}"
                self._console.print(show.of_plugin(said, self._console, style="yellow"))
        for near in self._store.near_misses.list(self._task_id):
            if near.kind not in self._near:
                self._near.add(near.kind)
                said = f"  line {near.first_seq} is nearly {near.nearly}. {near.change}"
                self._console.print(Text(visible(said), style="yellow"))
        series = self._store.metrics.series(self._task_id)
        val = [metric for metric in series if metric.kind == "val"]
        newest = max((metric.last_seq for metric in val), default=0)
        if newest > self._val_seq:
            self._val_seq = newest
            now = [metric for metric in val if metric.last_seq == newest]
            values = "  ".join(f"{metric.name} {show.number(metric.last_value)}" for metric in now)
            self._console.print(Text(visible(f"  epoch {show.number(now[0].last_epoch)}  val  {values}")))
        for checkpoint in self._store.checkpoints.list(self._task_id):
            if self._shown.get(checkpoint.id) is not checkpoint.state:
                self._shown[checkpoint.id] = checkpoint.state
                if checkpoint.state is not CheckpointState.SNAPSHOT:
                    self._console.print(Text(f"  {describe(checkpoint)}", style="green"))

    def _bars_now(self) -> Progress:
        for bar in self._store.progress.list(self._task_id):
            name = visible(bar.subtask.strip().rstrip(":")) or "progress"
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=bar.total)
            self._progress.update(self._bars[name], completed=bar.current, total=bar.total)
        return self._progress

    def _metrics_now(self) -> Text:
        train = [metric for metric in self._store.metrics.series(self._task_id) if metric.kind == "train"][:8]
        values = "  ".join(f"{metric.name} {show.number(metric.last_value)}" for metric in train)
        line = f"  epoch {show.number(train[0].last_epoch)}  train  {values}" if train else ""
        return Text(visible(line), style="dim")

    def _pace_now(self, task: Task) -> Text:
        now = time.monotonic()
        if now - self._paced_at >= _PACE_PERIOD_S:
            self._paced_at = now
            self._pace = pace_of_task(self._store, task, self._store.metrics.series(self._task_id))
        if self._pace is None:
            return Text("")
        said = (left_text(self._pace, datetime.now(UTC)), rate_text(self._pace))
        return Text(f"  {', '.join(filter(None, said))}", style="dim")


def describe(checkpoint: Checkpoint) -> str:
    """A checkpoint in one line: `checkpoint 3 → model 17 ★ best so far`."""
    best = " ★ best so far" if checkpoint.is_best else ""
    if checkpoint.state is CheckpointState.PUBLISHED:
        model = f"model {checkpoint.model_id}" if checkpoint.model_id is not None else "a model that was deleted"
        return f"checkpoint {checkpoint.index} → {model}{best}"
    if checkpoint.state is CheckpointState.FAILED:
        return f"checkpoint {checkpoint.index} was not kept ({checkpoint.reason})"
    return f"checkpoint {checkpoint.index} is being packed{best}"

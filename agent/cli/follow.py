"""Watch a task until it ends: progress bars, latest metrics, each checkpoint, warnings.

Reads the store's summaries only, four times a second, so watching costs the task nothing. Where the
output is not a terminal it prints plain lines as things happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.cli import show
from agent.domain import Checkpoint, CheckpointState, Task
from agent.events.model import Level

if TYPE_CHECKING:
    from agent.store import Store

PERIOD_S = 0.25


class Watch:
    """What has been shown of a task already, and how the next look differs."""

    def __init__(
        self, store: Store, task_id: int, console: Console, *, gone: Callable[[], bool] = lambda: False
    ) -> None:
        """`gone` says that whoever ran the task will not end it any more."""
        self._gone = gone
        self._store = store
        self._task_id = task_id
        self._console = console
        self._seq = 0
        self._shown: dict[int, CheckpointState] = {}
        self._val_seq = 0
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def until_end(self) -> Task:
        """Block until the task has ended; give it as it ended. KeyboardInterrupt passes through."""
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            while True:
                task = self._store.tasks.get(self._task_id)
                self._news()
                if self._console.is_terminal:
                    live.update(Group(self._bars_now(), self._metrics_now()))
                if task.status.is_final or self._gone():
                    break
                self._store.wait_for_change(PERIOD_S)
        return task

    def _news(self) -> None:
        for event in self._store.events.after(self._task_id, self._seq, limit=200, min_level=Level.WARN):
            self._seq = event.seq
            if event.event_type != "TASK_CRASHED":  # the end is said once, by the caller
                self._console.print(
                    Text(show.visible(f"  {event.level.name.lower()}: {event.message[:500]}"), style="yellow")
                )
        series = self._store.metrics.series(self._task_id)
        val = [one for one in series if one.kind == "val"]
        newest = max((one.last_seq for one in val), default=0)
        if newest > self._val_seq:
            self._val_seq = newest
            now = [one for one in val if one.last_seq == newest]
            words = "  ".join(f"{one.name} {show.number(one.last_value)}" for one in now)
            self._console.print(Text(show.visible(f"  epoch {show.number(now[0].last_epoch)}  val  {words}")))
        for checkpoint in self._store.checkpoints.list(self._task_id):
            if self._shown.get(checkpoint.id) is not checkpoint.state:
                self._shown[checkpoint.id] = checkpoint.state
                if checkpoint.state is not CheckpointState.SNAPSHOT:
                    self._console.print(Text(f"  {describe(checkpoint)}", style="green"))

    def _bars_now(self) -> Progress:
        for bar in self._store.progress.list(self._task_id):
            name = show.visible(bar.subtask.strip().rstrip(":")) or "progress"
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=bar.total)
            self._progress.update(self._bars[name], completed=bar.current, total=bar.total)
        return self._progress

    def _metrics_now(self) -> Text:
        train = [one for one in self._store.metrics.series(self._task_id) if one.kind == "train"][:8]
        words = "  ".join(f"{one.name} {show.number(one.last_value)}" for one in train)
        said = f"  epoch {show.number(train[0].last_epoch)}  train  {words}" if train else ""
        return Text(show.visible(said), style="dim")


def describe(checkpoint: Checkpoint) -> str:
    """A checkpoint in one line: `checkpoint 3 ★ → model 17`."""
    best = " ★ best so far" if checkpoint.is_best else ""
    if checkpoint.state is CheckpointState.PUBLISHED:
        return f"checkpoint {checkpoint.index} → model {checkpoint.model_id}{best}"
    if checkpoint.state is CheckpointState.FAILED:
        return f"checkpoint {checkpoint.index} was not kept ({checkpoint.reason})"
    return f"checkpoint {checkpoint.index} is being packed{best}"

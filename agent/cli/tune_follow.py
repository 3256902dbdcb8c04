"""Watch a study: a line for each trial that ends, and in a terminal a table of those that run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.cli import show
from agent.cli.tune_show import counts, value_text, words_of
from agent.fs.names import visible
from agent.tuning.decisions import TrialState

if TYPE_CHECKING:
    from agent.tuning.overview import StudyView, TrialView

_STYLES = {TrialState.COMPLETE: "", TrialState.PRUNED: "dim", TrialState.FAILED: "red"}


class Watch:
    """Shows what each turn adds."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._has_begun = False
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Watch:
        if not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._live.stop()

    def show(self, found: StudyView) -> None:
        """A turn. A study that was resumed is not told again: the trials that ended before are counted only."""
        if self._quiet:
            return
        if not self._has_begun:
            self._has_begun = True
            self._say(f"study {found.study.id}: {found.study.name}, {counts(found)}")
        for trial in found.trials:
            if trial.state is not TrialState.RUNNING:
                self._say(_end(trial, found), _STYLES[trial.state])
        if self._console.is_terminal:
            self._live.update(Group(_running(found), Text(f"  {visible(_standing(found))}", style="dim")))

    def say_end(self, found: StudyView) -> None:
        if self._quiet:
            return
        self._say(f"study {found.study.id} is {found.study.state.value}: {_standing(found)}")
        if found.best is not None and found.best.task_id is not None:
            self._say(f"  its model is called task:{found.best.task_id}/best")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(visible(text), style=style))


def _end(trial: TrialView, found: StudyView) -> str:
    mark = "  ★ best so far" if found.best is not None and found.best.number == trial.number else ""
    why = f": {trial.sentence}" if trial.sentence else ""
    return f"  trial {trial.number} {trial.state.value}  {words_of(trial, found)}{mark}{why}"


def _standing(found: StudyView) -> str:
    best = f"; best is trial {found.best.number}: {words_of(found.best, found)}" if found.best is not None else ""
    return f"{counts(found)}{best}"


def _running(found: StudyView) -> Table:
    keys = list(found.study.space)
    table = Table("TRIAL", "TASK", "STEP", "VALUE", *map(visible, keys), "TOOK", box=None, header_style="bold")
    for trial in found.trials:
        if trial.state is TrialState.RUNNING:
            cells = [
                str(trial.number),
                f"{trial.task_id} {trial.task_status.value}" if trial.task_status else "",
                "" if trial.step is None else str(trial.step + 1),
                "" if trial.value is None else show.number(trial.value),
                *(value_text(trial.params.get(key)) for key in keys),
                show.duration(trial.started_at, trial.finished_at),
            ]
            table.add_row(*(Text(visible(cell)) for cell in cells))
    return table

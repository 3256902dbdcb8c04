"""`make endurance`: millions of lines in a task, and hundreds of tasks in an agent.

    python -m tests.chaos.endurance [--lines 10000000] [--tasks 500]

The program observes the agent from outside: its resident memory while it records, and after every tenth of the tasks
its memory, open files and threads, and the processes, temporary files and folders that exist. It prints the figures;
the exit code is 0 if nothing grew and nothing is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.engines.process import ProcessEngine
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from tests.chaos.audit import audit
from tests.support.inputs import COUNTED, HUNGRY, ROOT, Cli, write_model, write_project

LINES, TASKS = 10_000_000, 500
WARM_TASKS = 10  # after these tasks all late imports are done
_LOOK_S = 0.1
_REST_S = 10.0
_STALLED_S = 120.0
_SLACK_MB = 24.0  # allowed difference between two measurements, for lines that wait to be committed
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """The resources of an agent at a moment, and its leftovers."""

    done: int  # lines or tasks
    rss_mb: float
    files: int  # open files without the database, whose connections are opened when needed and then kept
    threads: int
    processes: int  # its children
    temporary: int  # entries of its temporary folder

    @property
    def line(self) -> str:
        return (
            f"{self.done:>12,} {self.rss_mb:>9.1f} {self.files:>6} {self.threads:>8} {self.processes:>10} "
            f"{self.temporary:>10}"
        )


HEAD = f"{'done':>12} {'RSS MB':>9} {'files':>6} {'threads':>8} {'processes':>10} {'temporary':>10}"

_COUNTED = ("files", "threads", "processes", "temporary")


@dataclass(frozen=True, slots=True)
class Report:
    what: str
    seconds: float
    held: tuple[Held, ...]
    problems: tuple[str, ...]

    def text(self) -> str:
        rows = "\n".join(held.line for held in self.held)
        found = "\n".join(f"  {problem}" for problem in self.problems) or "  nothing grew, nothing is missing"
        return f"{self.what}, {self.seconds:.0f} s\n{HEAD}\n{rows}\n{found}\n"


def many_lines(folder: Path, lines: int) -> Report:
    """Run a training that prints `lines` lines as fast as it can; measure after every tenth of them."""
    with _prepared_installation(folder, HUNGRY) as (installation, submit), _agent(folder) as look:
        started = time.monotonic()
        task = submit({"behaviour": "talk", "count": lines - 1})  # and one line about its checkpoint
        held: list[Held] = []

        def lines_are_read(enough: int) -> Callable[[], bool]:
            return lambda: installation.store.tasks.get(task.id).lines_read >= enough

        for part in range(1, 10):
            _until(installation, lines_are_read(lines * part // 10))
            held.append(look(installation.store.tasks.get(task.id).lines_read))
        _until(installation, lambda: installation.store.tasks.get(task.id).status.is_final)
        seconds = time.monotonic() - started
        ended = installation.store.tasks.get(task.id)
        held.append(look(ended.lines_read))
        counted = sum(series.count for series in installation.store.metrics.series(task.id))
    problems = _fatter(held[0], held[-2])  # memory only: the number of open files changes from moment to moment
    if ended.status is not TaskStatus.FINISHED or ended.lines_read != lines:
        problems.append(f"the task is {ended.status.value} ({ended.message}) with {ended.lines_read:,} lines")
    if counted != (wanted := sum(number % 4 != 3 for number in range(lines - 1))):
        problems.append(f"{counted:,} points of {wanted:,}")
    what = f"{lines:,} lines through one task, {lines / seconds:,.0f} a second"
    return Report(what, seconds, tuple(held), tuple(problems))


def many_tasks(folder: Path, tasks: int) -> Report:
    """Run `tasks` short trainings, one after the other, in an agent; measure after every tenth of them."""
    with _prepared_installation(folder, COUNTED) as (installation, submit), _agent(folder) as look:
        started = time.monotonic()
        held: list[Held] = []
        looked_at = [WARM_TASKS, *range(max(WARM_TASKS, tasks // 10) * 2, tasks, max(WARM_TASKS, tasks // 10)), tasks]
        for number in looked_at:
            for _ in range(number - (held[-1].done if held else 0)):
                submit({"lines": 2, "checkpoint_every": 1})
            _until(installation, lambda: not _alive(installation))
            held.append(_at_rest(look, number, held))
        seconds = time.monotonic() - started
    with _installation(folder) as installation:
        engine = ProcessEngine(installation.settings.home / "processes")
        problems = [*_fatter(held[0], held[-1]), *_grown(held[0], held[-1]), *audit(installation, [engine])]
        unfinished = [
            task for task in installation.store.tasks.list(limit=tasks) if task.status is not TaskStatus.FINISHED
        ]
        problems += [f"task {task.id} ended as {task.reason}: {task.message}" for task in unfinished]
    what = f"{tasks} tasks through one agent, {seconds / tasks:.2f} s each"
    return Report(what, seconds, tuple(held), tuple(problems))


def _at_rest(look: Callable[[int], Held], done: int, before: list[Held]) -> Held:
    """Wait for the threads of the task: they end a moment after the task."""
    deadline = time.monotonic() + _REST_S
    time.sleep(_LOOK_S if before else 1.0)
    now = look(done)
    while (now.processes or (before and _grown(before[0], now))) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        now = look(done)
    return now


def _fatter(before: Held, after: Held) -> list[str]:
    if after.rss_mb <= before.rss_mb + _SLACK_MB:
        return []
    return [f"resident memory grew from {before.rss_mb:.1f} to {after.rss_mb:.1f} MB"]


def _grown(before: Held, after: Held) -> list[str]:
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in _COUNTED]
    return [f"{name}: {was} became {now}" for name, was, now in pairs if now > was]


@contextmanager
def _installation(folder: Path) -> Iterator[Installation]:
    settings = Settings(home=folder / "home", engine="process")
    settings.home.mkdir(parents=True, exist_ok=True)
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@contextmanager
def _prepared_installation(
    folder: Path, plugin_folder: Path
) -> Iterator[tuple[Installation, Callable[[dict[str, object]], Task]]]:
    """An installation with a plugin, a project and a model, and a function that queues a training."""
    with _installation(folder) as installation:
        plugin = library.add_plugin_folder(installation.store, plugin_folder, "local")
        project = library.add_project(installation.store, installation.artifacts, write_project(folder / "fruit"))
        model = library.add_model(installation.store, installation.artifacts, write_model(folder / "start"))

        def submit(config: dict[str, object]) -> Task:
            request = TaskRequest(
                type="train", plugin=plugin, project=project, model=model, name="endurance", config=config,
                options=RequestedOptions(engine="process"),
            )  # fmt: skip
            return installation.store.tasks.add(new_task(installation.store, installation.settings, request))

        yield installation, submit


@contextmanager
def _agent(folder: Path) -> Iterator[Callable[[int], Held]]:
    """`agent run` in a process of its own; gives a function that measures it."""
    temporary = folder / "tmp"
    temporary.mkdir()
    environ = {**Cli.clean_env(), "AGENT_HOME": str(folder / "home"), "TMPDIR": str(temporary)}
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run"], env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=ROOT,
        )  # fmt: skip
        agent = psutil.Process(process.pid)

        def look(done: int) -> Held:
            if process.poll() is not None:
                raise RuntimeError(f"the agent ended with {process.returncode}; see {folder / 'agent.log'}")
            left = len(list(temporary.iterdir()))
            kept_open = [file for file in agent.open_files() if file.path.startswith(str(folder / "home" / "store.db"))]
            return Held(
                done,
                agent.memory_info().rss / _MB,
                agent.num_fds() - len(kept_open),
                agent.num_threads(),
                len(agent.children(recursive=True)),
                left,
            )

        try:
            yield look
        finally:
            process.terminate()
            process.wait(60)


def _alive(installation: Installation) -> bool:
    live = [status for status in TaskStatus if not status.is_final]
    return bool(installation.store.tasks.list(statuses=live, limit=1))


def _until(installation: Installation, reached: Callable[[], bool]) -> None:
    """Wait for a condition. RuntimeError if nothing was committed for two minutes."""
    seen, moved = installation.store.version(), time.monotonic()
    while not reached():
        time.sleep(_LOOK_S)
        if (now := installation.store.version()) != seen:
            seen, moved = now, time.monotonic()
        if time.monotonic() - moved > _STALLED_S:
            raise RuntimeError("nothing happened for two minutes")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.endurance")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--tasks", type=int, default=TASKS)
    asked = parser.parse_args()
    kept = ROOT / ".build" / "endurance"
    kept.mkdir(parents=True, exist_ok=True)
    reports = []
    for run, count in ((many_lines, asked.lines), (many_tasks, asked.tasks)):
        folder = Path(tempfile.mkdtemp(prefix=f"{run.__name__}-", dir=kept))
        reports.append(run(folder, count))
        print(reports[-1].text(), flush=True)
        if not reports[-1].problems:
            shutil.rmtree(folder)  # gigabytes
    (kept / "report.txt").write_text("\n".join(report.text() for report in reports))
    return 1 if any(report.problems for report in reports) else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())

"""One short run of the loop: a task like any other, labelled as dev, that ends when its author saves again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from agent.domain import NewTask, Task
from agent.errors import AgentError, NotFound
from agent.events.model import Stream
from agent.fs.atomic import write_atomically
from agent.fs.durable import make_folder
from agent.library.bulk import Wish, act
from agent.maintenance.trash import purge
from agent.run.shutdown import Shutdown
from agent.workbench.dev.lines import error_of, said
from agent.worker.loop import run_new

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.installation import Installation
    from agent.store.events import StoredEvent

DEV = "dev"  # the tag of these tasks
KEPT = 5  # of them for each plugin: the older ones are deleted with what they made
MOST_LOOKED_AT = 1000  # runs of earlier loops
_LOOK_S = 0.1
_REMEMBERED = 200  # lines that were shown


@dataclass(frozen=True, slots=True)
class Ended:
    task: Task
    error: Sequence[str]  # empty for one that was not the plugin's failure
    was_said: bool = False  # the error is in the lines that were shown already


class DevRun:
    """A run in a thread of this process. `line` gets what is to be shown, `first` the moment of its first line."""

    def __init__(
        self,
        installation: Installation,
        engine: Engine,
        new: NewTask,
        *,
        line: Callable[[str], object],
        first: Callable[[], object] = lambda: None,
    ) -> None:
        self._installation, self._store = installation, installation.store
        self._line, self._first = line, first
        self._shutdown = Shutdown()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="task")
        added: SimpleQueue[Task | None] = SimpleQueue()
        # The folder stays until the run is forgotten: its author looks at the pictures, and opens a shell there.
        settings = replace(installation.settings, delete_task_dir_on_finish=False)
        of_run = replace(installation, settings=settings, open_engine=lambda *_: engine)
        self._running: Future[Task] = self._pool.submit(run_new, of_run, new, self._shutdown, added.put)
        self._running.add_done_callback(lambda _: added.put(None))
        self._task = added.get()
        self._seq = 0
        self._said: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def task(self) -> Task | None:
        """None where it could not be added: `ended` raises why."""
        return self._task

    def follow(self, until: Callable[[], bool]) -> Ended | None:
        """Show what the run says, until its end, which is given, or until something else comes up."""
        while not self._running.done():
            self._show()
            if until():
                return None
            if self._task is not None:
                self._store.wait_for_change(_LOOK_S)
        return self.ended()

    def stop(self) -> None:
        """End it and wait for that: two runs of a plugin at once would be in each other's way."""
        self._shutdown.stop_tasks()
        with suppress(AgentError):
            self._running.result()
        self._pool.shutdown()

    def ended(self) -> Ended:
        """Raises what kept the task from running."""
        task = self._running.result()
        self._pool.shutdown()
        self._show()
        failed = task.reason not in ("finished", "stopped", "agent_stopped", "user")
        if not failed:
            return Ended(task, ())
        error = error_of(self._store.events.after(task.id, limit=100_000), task.message)
        return Ended(task, error, set(error) <= set(self._said))

    def _show(self) -> None:
        if self._task is None:
            return
        for event in self._store.events.after(self._task.id, self._seq):
            if event.stream is not Stream.AGENT and self._first is not _nothing:
                self._first()
                self._first = _nothing
            self._seq = event.seq
            text = said(event, picture=self._picture(event) if event.event_type == "IMAGE" else "")
            if text is not None:
                self._said.append(text)
                self._line(text)

    def _picture(self, event: StoredEvent) -> str:
        """Where the image lies: in the task's folder until the task is deleted."""
        assert self._task is not None
        path = getattr(event.body, "path", "")
        folder = self._installation.settings.tasks / str(self._task.id)
        return path.replace("/sly_task_data", str(folder), 1) if path.startswith("/sly_task_data") else path


def _nothing() -> None:
    """After the first line."""


def remember(installation: Installation, task: Task) -> None:
    """Note that this home's loop made the task: only such tasks are forgotten. Raises OSError."""
    place = _marks(installation)
    make_folder(place)
    write_atomically(place / str(task.id), task.name.encode(), durable=False)


def forget_older(installation: Installation, plugin_id: int) -> None:
    """Delete the runs that loops of this home made with a plugin, but the last ones, with their models.

    One whose name, tags or notes a person changed is the person's, and stays. So does what cannot be deleted now.
    """
    store = installation.store
    marks = {int(mark.name): mark for mark in _marks(installation).glob("*") if mark.name.isdecimal()}
    older: list[int] = []
    for id_ in sorted(marks, reverse=True)[:MOST_LOOKED_AT]:
        try:
            task = store.tasks.get(id_)
        except NotFound:  # deleted by a person
            marks[id_].unlink(missing_ok=True)
            continue
        is_untouched = (task.name.encode(), task.tags, task.notes) == (marks[id_].read_bytes(), (DEV,), "")
        if task.plugin_id == plugin_id and task.status.is_final and is_untouched:
            older.append(id_)
    for outcome in act(store, "task", older[KEPT:], Wish(action="delete", with_results=True)):
        with suppress(AgentError):
            purge(installation, "task", outcome.id)
            for model in outcome.models:
                purge(installation, "model", model)
            marks[outcome.id].unlink(missing_ok=True)


def _marks(installation: Installation) -> Path:
    return installation.settings.home / "dev"


class Housekeeper:
    """Forgets older runs in the background: no save waits for it."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._thread: threading.Thread | None = None

    def tidy(self, plugin_id: int) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._tidy, args=(plugin_id,), name="tidy", daemon=True)
            self._thread.start()

    def _tidy(self, plugin_id: int) -> None:
        with suppress(AgentError, OSError):
            forget_older(self._installation, plugin_id)

    def end(self) -> None:
        if self._thread is not None:
            self._thread.join()

"""Why a running task should be ended now: a wish, the agent's shutdown, a limit, a disk that is nearly full."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import AgentError, DiskFull, PluginFailed, Stopped, StorageFailed, StoreBusy, TakenOver
from agent.events.model import Stream
from agent.record import Recorder

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.engines import Container, Frame
    from agent.house import House

STOPS = frozenset({"stopped_by_user", "agent_stopped"})  # the reasons that make a task stopped, not failed
POLL_S = 0.25  # how soon a stop is noticed; the original looks every 0.5 s

log = logging.getLogger("agent")


class Stops:
    """The ends a task can come to from outside. `why` is the one that came, once its container was killed for it."""

    def __init__(self, task: Task, house: House, recorder: Recorder, shutdown: threading.Event) -> None:
        self.why: AgentError | None = None
        self._recorder = recorder
        self._task = task
        self._house = house
        self.shutdown = shutdown
        # Measured on, not by the clock, which may be set meanwhile.
        ran_s = (datetime.now(UTC) - task.started_at).total_seconds() if task.started_at else 0.0
        self._started = time.monotonic() - max(0.0, ran_s)
        self._last_output = time.monotonic()
        self._folders = _folders(house)

    def remember(self) -> None:
        """After a crash: why the agent before this one killed the container, if it did."""
        for event in self._house.store.events.after(self._task.id, event_type="STOPPING"):
            said = event.fields or {}
            if event.stream is Stream.AGENT:
                kind = Stopped if said.get("reason") in STOPS else PluginFailed
                self.why = kind(str(said.get("why")), reason=str(said.get("reason")))

    def raise_if_wished(self) -> None:
        """Raises Stopped when somebody asked for the end."""
        if self.shutdown.is_set():
            raise Stopped("the agent was stopped while the task ran", reason="agent_stopped")
        if self._house.store.tasks.stop_requested(self._task.id):
            raise Stopped("stopped by the user")

    def raise_if_due(self) -> None:
        """Raises Stopped, PluginFailed (a limit) or DiskFull when the task should not go on."""
        self.raise_if_wished()
        options, now = self._task.options, time.monotonic()
        if options.time_limit_s is not None and now - self._started > options.time_limit_s:
            raise PluginFailed(
                f"the task ran longer than its limit of {options.time_limit_s:g} s; "
                "what it saved is kept, so another task can go on from there, or give it more with --time-limit",
                reason="time_limit",
            )
        if options.idle_limit_s is not None and now - self._last_output > options.idle_limit_s:
            raise PluginFailed(
                f"the plugin printed nothing for its limit of {options.idle_limit_s:g} s; "
                "it may hang: look at its last lines, or give it more with --idle-limit",
                reason="idle_limit",
            )
        self.require_space()

    def require_space(self) -> None:
        """Raises DiskFull while there is still room to record it and to publish what was saved."""
        needed = self._house.settings.min_free_bytes
        for folder in self._folders:
            with suppress(OSError):
                if (free := shutil.disk_usage(folder).free) < needed:
                    raise DiskFull(
                        f"The disk of {folder} has {free:,} bytes left, and AGENT_MIN_FREE keeps {needed:,} free, "
                        "so that what was saved stays whole. Free some space and submit the task again."
                    )

    def listening(self, output: Iterator[Sequence[Frame]]) -> Iterator[Sequence[Frame]]:
        """The same output; when it last came counts for the idle limit."""
        self._last_output = time.monotonic()
        for frames in output:
            self._last_output = time.monotonic()
            yield frames

    @contextmanager
    def watching(self, container: Container, failure: Callable[[], AgentError | None]) -> Iterator[None]:
        """While the block runs, the container is killed when the task should not go on.

        `failure` gives what keeps its results from being kept: it would work for nothing then.
        """
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                try:
                    if self.why is None:
                        self.raise_if_due()
                        if (failed := failure()) is not None:
                            raise failed
                except (StoreBusy, TakenOver):  # asked again in a moment; noticed by whoever records
                    pass
                except (Stopped, PluginFailed, StorageFailed) as why:
                    self.why = why
                    if not self._may_kill(why):
                        return
                except AgentError as error:
                    log.warning("task %s: %s", self._task.id, error)
                if self.why is not None:
                    with suppress(AgentError):  # and so is an engine that does not answer
                        container.kill(self._task.options.stop_grace_s)
                        return
                done.wait(POLL_S)

        watcher = threading.Thread(target=watch, name=f"stop-{self._task.id}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _may_kill(self, why: AgentError) -> bool:
        """Record why first, so that whoever goes on after a crash knows; False when the task is not ours any more."""
        try:
            self._recorder.note("TASK_STOPPING", event_type="STOPPING", fields={"reason": why.reason, "why": str(why)})
        except TakenOver:
            return False
        except AgentError:  # a store that cannot be written to is no reason to let it go on
            pass
        return True


def _folders(house: House) -> list[Path]:
    """One folder on each local disk a task writes to."""
    settings = house.settings
    urls = (settings.store.removeprefix("sqlite:///"), settings.artifacts)
    places = [settings.tasks, settings.home, *(Path(url) for url in urls if "://" not in url)]
    by_disk: dict[int, Path] = {}
    for place in places:
        folder = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
        by_disk.setdefault(folder.stat().st_dev, folder)
    return list(by_disk.values())

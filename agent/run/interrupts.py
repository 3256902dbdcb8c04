"""Where cancellations come from: a stop, the end of the agent, a limit, a disk that is nearly full, lost results.

`Interrupts` asks all of them, kills the container when one answers, and keeps the first answer (`cancellation.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from agent.errors import AgentError, StorageFailed, StoreBusy, TakenOver
from agent.events.model import Level, Stream
from agent.fs.disk import lack_of_space
from agent.recorder import Recorder
from agent.run.cancellation import Cancelled, Cause
from agent.run.machine import disks

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.engines import Container, Frame
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown

STOP_PATIENCE_S = 120.0  # for the output of a killed container to end: its engine may be away
POLL_S = 0.25  # how soon a stop is noticed; the original looks every 0.5 s

log = logging.getLogger("agent")

T = TypeVar("T")


class Interrupts:
    """The interrupts of one run. `cancelled` is the cancellation for which its container was killed, if it was."""

    def __init__(self, task: Task, installation: Installation, recorder: Recorder, shutdown: Shutdown) -> None:
        self.cancelled: Cancelled | None = None
        self._task = task
        self._installation = installation
        self._recorder = recorder
        self._shutdown = shutdown
        # Measured from here on with a clock that nobody sets.
        ran_s = (datetime.now(UTC) - task.started_at).total_seconds() if task.started_at else 0.0
        self._started = time.monotonic() - max(0.0, ran_s)
        self._last_output = time.monotonic()
        self._cancelled_at = float("inf")
        self._disks = disks(installation)

    # ---------------------------------------------------------------- for the thread that runs the task

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled when the run was or should be ended, TakenOver when another agent has the task."""
        self._raise_if_left()
        if self.cancelled is not None:
            raise self.cancelled
        if self._shutdown.stops:
            raise self._shutdown.cancelled()
        tasks = self._installation.store.tasks
        if tasks.stop_requested(self._task.id, agent_id=self._task.agent_id):
            raise Cancelled.requested(tasks.stop_cause(self._task.id))

    def _raise_if_left(self) -> None:
        if self._shutdown.leaves:
            raise Cancelled.left(self._task.id)

    def raise_if_stopped(self) -> None:
        """Raises Cancelled when the agent stops its tasks: what ends the agent may have ended the plugin as well."""
        if self._shutdown.stops:
            raise self._shutdown.cancelled()

    def shuts_down_within(self, seconds: float) -> bool:
        """Wait so long, or until the agent shuts down; whether it does."""
        return self._shutdown.wait(seconds)

    def result_of(self, call: Callable[[], T]) -> T:
        """The result of a long call. Raises what it raises, or Cancelled: then the call goes on, its result unused."""
        self.raise_if_cancelled()
        future: Future[T] = Future()
        context = copy_context()  # the log knows the task by it

        def run() -> None:
            try:
                future.set_result(context.run(call))
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
                future.set_exception(error)

        threading.Thread(target=run, name=f"call-{self._task.id}", daemon=True).start()
        while not wait([future], timeout=POLL_S).done:
            self.raise_if_cancelled()
        return future.result()

    def recall(self) -> None:
        """After a crash: take up the cancellation that the agent before this one recorded, if it did."""
        for event in self._installation.store.events.each(self._task.id, event_type="STOPPING"):
            if event.stream is Stream.AGENT:
                fields = event.fields or {}
                self._cancel(Cancelled.recorded(str(fields.get("reason")), str(fields.get("why"))))

    def _cancel(self, cancelled: Cancelled) -> None:
        self._cancelled_at = time.monotonic()
        self.cancelled = cancelled

    def output(self, container: Container) -> Iterator[Sequence[Frame]]:
        """The container's output; its last arrival counts for the idle limit.

        Raises Cancelled when this agent leaves, and when a killed container does not end: its engine is away.
        """
        self._last_output = time.monotonic()
        trouble = ""
        for frames in container.output():
            self._raise_if_left()
            if frames:
                self._last_output = time.monotonic()
                yield frames
                continue
            if container.trouble and not trouble:
                said = f"{container.trouble}; the task goes on when it answers again"
                self._recorder.note(
                    f"{said}. An engine that was killed may have lost the last lines before", Level.WARN
                )
            trouble = container.trouble
            patience_s = STOP_PATIENCE_S + self._task.options.stop_grace_s
            if self.cancelled is not None and time.monotonic() - self._cancelled_at > patience_s:
                raise self.cancelled

    @contextmanager
    def watching(self, container: Container, results_failure: Callable[[], AgentError | None]) -> Iterator[None]:
        """While the block runs, a thread kills the container as soon as the run is to be cancelled.

        `results_failure` gives the failure that keeps results from being kept: the plugin would work for nothing then.
        """
        done = threading.Event()

        def watch() -> None:
            logged = ""
            while not done.is_set():
                try:
                    if self.cancelled is None and (demanded := self._ask(results_failure)) is not None:
                        if demanded.cause.leaves_the_task:  # the reader of the output ends the run
                            return
                        self._cancel(demanded)
                        self._record(demanded)  # before the kill
                    if self.cancelled is not None:
                        container.kill(self._task.options.stop_grace_s)
                        return
                except TakenOver:  # the container is the other agent's
                    return
                except AgentError as error:  # a busy store, an engine that does not answer: tried again in a moment
                    if logged != (logged := str(error)):
                        log.warning("task %s: %s", self._task.id, error)
                done.wait(POLL_S)

        watcher = threading.Thread(target=watch, name=f"stop-{self._task.id}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    # ---------------------------------------------------------------- for the thread that watches

    def _ask(self, results_failure: Callable[[], AgentError | None]) -> Cancelled | None:
        """The cancellation that one of the sources demands now. Raises TakenOver, StoreBusy."""
        try:
            self._raise_if_due()
            failure = results_failure()
        except Cancelled as cancelled:
            return cancelled
        except StoreBusy:
            raise
        except StorageFailed as storage_failed:
            failure = storage_failed
        if failure is None:
            return None
        if isinstance(failure, TakenOver):
            raise failure
        return Cancelled(Cause.RESULTS_LOST, str(failure), reason=failure.reason)

    def _record(self, cancelled: Cancelled) -> None:
        """Tell the agent that goes on after a crash. Raises TakenOver."""
        fields = {"reason": cancelled.reason, "why": str(cancelled)}
        with suppress(StorageFailed):  # a store that cannot be written to is no reason to let the plugin go on
            self._recorder.note("TASK_STOPPING", event_type="STOPPING", fields=fields)

    def _raise_if_due(self) -> None:
        self.raise_if_cancelled()
        options, now = self._task.options, time.monotonic()
        if options.time_limit_s is not None and now - self._started > options.time_limit_s:
            raise Cancelled(
                Cause.TIME_LIMIT,
                f"the task ran longer than its limit of {options.time_limit_s:g} s; "
                "what it saved is kept, so another task can go on from there, or give it more with --time-limit",
            )
        if options.idle_limit_s is not None and now - self._last_output > options.idle_limit_s:
            raise Cancelled(
                Cause.IDLE_LIMIT,
                f"the plugin printed nothing for its limit of {options.idle_limit_s:g} s; "
                "it may hang: look at its last lines, or give it more with --idle-limit",
            )
        self._require_space()

    def _require_space(self) -> None:
        """Raises Cancelled while there is still room to record it and to publish what was saved."""
        needed = self._installation.settings.min_free_bytes
        for folder in self._disks:
            with suppress(OSError):
                if lack := lack_of_space(folder, needed):
                    raise Cancelled(Cause.DISK_FULL, f"{lack} Free some space and submit the task again.")

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

from agent.domain import TaskType
from agent.errors import AgentError, StorageFailed, StoreBusy, TakenOver
from agent.events.model import Level, Stream
from agent.fs.disk import lack_of_space
from agent.patience import Patience
from agent.recorder import Recorder
from agent.run.cancellation import Cancelled, Cause
from agent.run.machine import disks

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.engines import Container, Frame
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown
    from agent.store import Store

STOP_PATIENCE_S = 120.0  # for the output of a killed container to end: its engine may be away
RECORD_S = 2.0  # for the store to answer, before the watching thread looks at its other duties
POLL_S = 0.25  # how soon a stop is noticed; the original looks every 0.5 s
SILENT_LOADING_S = 3600.0  # without a line before a deployed model is ready, unless --idle-limit says another limit
ASK_S = 20.0  # the store is asked this often when it tells of no request

log = logging.getLogger("agent")

T = TypeVar("T")


class Interrupts:
    """The interrupts of one run. `cancelled` is the cancellation for which its container was killed, if it was."""

    def __init__(
        self, task: Task, installation: Installation, recorder: Recorder, shutdown: Shutdown, *, store_at_once: Store
    ) -> None:
        """`store_at_once` is the installation's store for the thread that watches: it does not wait for an answer."""
        self.cancelled: Cancelled | None = None
        self.is_deployed = False  # the model answers requests: when nothing is printed, nobody asks
        self._task = task
        self._installation = installation
        self._recorder = recorder
        self._shutdown = shutdown
        self._store_at_once = store_at_once
        # Measured from here on with a clock that nobody sets.
        ran_s = (datetime.now(UTC) - task.started_at).total_seconds() if task.started_at else 0.0
        self._started = time.monotonic() - max(0.0, ran_s)
        self._last_output = time.monotonic()
        self._cancelled_at = float("inf")
        self._disks = disks(installation)
        self._asked = -1, -ASK_S  # the store's number of requests and time.monotonic() when it was asked last
        self._taken_over: TakenOver | None = None

    # ---------------------------------------------------------------- for the thread that runs the task

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled when the run was or should be ended, TakenOver when another agent has the task."""
        self._raise_if_ended_here()
        self._raise_if_stopped(self._installation.store)

    def look(self) -> None:
        """As `raise_if_cancelled`, many times a second: asks the store only after it has told of a request."""
        self._raise_if_ended_here()
        if (due := self._question_due()) is not None:
            self._raise_if_stopped(self._installation.store)
            self._asked = due

    def _question_due(self) -> tuple[int, float] | None:
        """The store's number of requests and the time now, where the store is to be asked; else None."""
        now, requests = time.monotonic(), self._store_at_once.asked(self._task.id)
        asked_requests, asked_at = self._asked
        return (requests, now) if requests != asked_requests or now - asked_at >= ASK_S else None

    def _raise_if_ended_here(self) -> None:
        self._raise_if_left()
        if self.cancelled is not None:
            raise self.cancelled
        if self._shutdown.stops:
            raise self._shutdown.cancelled()

    def _raise_if_stopped(self, store: Store) -> None:
        tasks = store.tasks
        if tasks.stop_requested(self._task.id, agent_id=self._task.agent_id):
            raise Cancelled.requested(tasks.stop_cause(self._task.id))

    def _raise_if_left(self) -> None:
        if self._shutdown.leaves:
            raise Cancelled.left(self._task.id)
        if self.cancelled is not None and self.cancelled.cause.leaves_the_task:
            raise self.cancelled

    def raise_if_stopped(self, within_s: float = 0.0) -> None:
        """Raises Cancelled when the agent stops its tasks: what ends the agent may have ended the plugin as well.

        `within_s`: the plugin may have heard of it before the agent.
        """
        self._shutdown.wait(within_s)
        if self._shutdown.stops:
            raise self._shutdown.cancelled()

    def shuts_down_within(self, seconds: float) -> bool:
        """Wait so long, or until the agent shuts down; whether it does."""
        return self._shutdown.wait(seconds)

    def result_of(self, call: Callable[[], T], meanwhile: Callable[[], object] = lambda: None) -> T:
        """The result of a long call. Raises what it raises, or Cancelled: then the call goes on, its result unused.

        `meanwhile` is called now and then by the thread that waits.
        """
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
            self.look()
            meanwhile()
        return future.result()

    def recall(self, first_seq: int) -> None:
        """After a crash: take up the cancellation that the agent before this one recorded, if it did."""
        for event in self._installation.store.events.each(self._task.id, first_seq - 1, event_type="STOPPING"):
            if event.stream is Stream.AGENT:
                fields = event.fields or {}
                self._cancel(Cancelled.recorded(str(fields.get("reason")), str(fields.get("why"))))

    def _cancel(self, cancelled: Cancelled) -> None:
        self.cancelled = cancelled

    def output(self, container: Container) -> Iterator[Sequence[Frame]]:
        """The container's output; its last arrival counts for the idle limit.

        Raises Cancelled when this agent leaves, and when a killed container does not end: its engine is away; TakenOver
        when the task is no longer this agent's.
        """
        self._last_output = time.monotonic()
        trouble = ""
        for frames in container.output():
            self._raise_if_left()
            if self._taken_over is not None:
                raise self._taken_over
            if frames:
                self._last_output = float(
                    "inf"
                )  # while the store keeps the reader waiting, nobody knows what is printed
                yield frames
                self._last_output = time.monotonic()
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
            is_recorded = self.cancelled is not None  # by the agent before this one
            while not done.is_set():
                try:
                    if self.cancelled is None and (demanded := self._ask(results_failure)) is not None:
                        if demanded.cause.leaves_the_task:  # the reader of the output ends the run
                            return
                        self._cancel(demanded)
                        is_recorded = self._is_recorded(demanded)  # before the kill
                    elif self.cancelled is not None and not is_recorded:
                        is_recorded = self._is_flushed()
                    if self.cancelled is not None:
                        if not is_recorded and self.cancelled.cause is not Cause.DISK_FULL:
                            if self._shutdown.is_asked:  # the next agent could not know why the container was killed
                                self._cancel(Cancelled.left(self._task.id))
                                return
                            continue
                        self._cancelled_at = time.monotonic()
                        container.kill(self._task.options.stop_grace_s)
                        return
                except TakenOver as taken_over:  # the reader of the output ends the run
                    self._taken_over = taken_over
                    return
                except AgentError as error:  # an engine that does not answer: tried again in a moment
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
        """The cancellation that one of the sources demands now. Raises TakenOver."""
        try:
            self._raise_if_due()
            failure = results_failure()
        except Cancelled as cancelled:
            return cancelled
        except StorageFailed as storage_failed:
            failure = storage_failed
        if failure is None or isinstance(failure, StoreBusy):
            return None
        if isinstance(failure, TakenOver):
            raise failure
        return Cancelled(Cause.RESULTS_LOST, str(failure), reason=failure.reason)

    def _is_recorded(self, cancelled: Cancelled) -> bool:
        """Tell the agent that goes on after a crash. False while the store does not answer. Raises TakenOver."""
        fields = {"reason": cancelled.reason, "why": str(cancelled)}
        try:
            self._recorder.note("TASK_STOPPING", event_type="STOPPING", fields=fields, limit_s=RECORD_S)
        except StoreBusy:
            return False
        except StorageFailed:  # a store that cannot be written to is no reason to let the plugin go on
            pass
        return True

    def _is_flushed(self) -> bool:
        try:
            self._recorder.flush(RECORD_S)
        except StoreBusy:
            return False
        return True

    def _raise_if_due(self) -> None:
        self._raise_if_ended_here()
        store = self._store_at_once
        if (due := self._question_due()) is not None:  # a call that asks nothing would say that the store answers
            with suppress(StoreBusy):  # asked again in a moment; the limits hold all the same
                Patience().call(store, lambda: self._raise_if_stopped(store), limit_s=0)
                self._asked = due
        options, now = self._task.options, time.monotonic()
        if options.time_limit_s is not None and now - self._started > options.time_limit_s:
            raise Cancelled(
                Cause.TIME_LIMIT,
                f"the task ran longer than its limit of {options.time_limit_s:g} s; "
                "what it saved is kept, so another task can go on from there, or give it more with --time-limit",
            )
        is_loading = self._task.type is TaskType.DEPLOY and not self.is_deployed
        limit_s = options.idle_limit_s
        if limit_s is None and is_loading:
            limit_s = SILENT_LOADING_S
        if limit_s is not None and now - self._last_output > limit_s:
            if self.is_deployed:
                raise Cancelled(Cause.IDLE, f"nobody asked the model for its idle limit of {limit_s:g} s")
            raise Cancelled(
                Cause.IDLE_LIMIT,
                f"the plugin {'has not said that its model is ready, and ' if is_loading else ''}printed nothing for "
                f"its limit of {limit_s:g} s; it may hang: look at its last lines, or give it more with --idle-limit",
            )
        self._require_space()

    def _require_space(self) -> None:
        """Raises Cancelled while there is still room to record it and to publish what was saved."""
        needed = self._installation.settings.min_free_bytes
        for folder in self._disks:
            with suppress(OSError):
                if lack := lack_of_space(folder, needed):
                    raise Cancelled(Cause.DISK_FULL, f"{lack} Free some space and submit the task again.")

"""Messages to people about a task: at its end, and once when a condition over its metrics comes true.

The condition (`AGENT_NOTIFY_WHEN`) is one of the table of runs, and the store decides it: every few seconds, if
something was committed meanwhile, and when the plugin has ended. Nothing here matters to how the task runs or ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING

from agent import notify
from agent.errors import AgentError
from agent.notify import last_values, message_of_condition

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.installation import Installation
    from agent.run.run import Run
    from agent.settings import Settings
    from agent.store.runs.expression import Expression

MET = "CONDITION_MET"  # the type of the agent's note that people were told
_LOOK_S = 5.0
_END_S = 2.0  # how long the end of a task waits for a look that is on its way

log = logging.getLogger("agent.run")


def condition_wanted(settings: Settings) -> Expression | None:
    """The condition of `AGENT_NOTIFY_WHEN`; None without one. BadInput, with the place, for what is none."""
    if not settings.notify_when.strip():
        return None
    from agent.store.runs.conditions import decidable  # late: few agents have a condition
    from agent.store.runs.parsing import parse_expression

    return decidable(parse_expression(settings.notify_when, "AGENT_NOTIFY_WHEN"))


def tell_end(installation: Installation, ended: Task) -> None:
    """Tell that a task has ended."""
    notify.tell_end(installation.outbox, installation.store, installation.settings, ended)


@contextmanager
def telling(run: Run) -> Iterator[None]:
    """While the block runs, a thread looks whether the condition is met; the end of the block looks once more."""
    settings, store = run.installation.settings, run.installation.store
    where = condition_wanted(settings)
    if where is None or not settings.notify.strip():
        yield
        return

    watch = _Watch(store.version, lambda: store.runs.holds(run.task.id, where), lambda: _tell_condition(run))
    context = copy_context()  # the log knows the task by it
    thread = threading.Thread(target=context.run, args=(watch.run,), name=f"condition-{run.task.id}", daemon=True)
    with suppress(RuntimeError):  # the machine gives no thread
        thread.start()
    try:
        yield
    finally:
        watch.done.set()
        if thread.ident is not None:
            thread.join(_END_S)
        if not thread.is_alive() and not watch.is_told:
            with suppress(AgentError):
                run.recorder.flush()
                watch.look(is_last=True)


class _Watch:
    """Looks whether the condition holds, until it is told or done. Never raises."""

    def __init__(self, version: Callable[[], int], holds: Callable[[], bool], tell: Callable[[], None]) -> None:
        self.done = threading.Event()
        self.is_told = False
        self._version = version
        self._holds = holds
        self._tell = tell

    def run(self) -> None:
        seen = -1
        while not self.is_told and not self.done.wait(_LOOK_S):
            if (now := self._version()) != seen:
                seen = now
                self.look()

    def look(self, *, is_last: bool = False) -> None:
        """A look that comes back after the end tells nothing: the end looks itself."""
        try:
            if self._holds() and (is_last or not self.done.is_set()):
                self._tell()
                self.is_told = True
        except Exception as error:  # noqa: BLE001 - a busy store; a message is never a reason for anything
            log.debug("the condition of messages is not decided: %s", error)


def _tell_condition(run: Run) -> None:
    settings = run.installation.settings
    condition = settings.notify_when.strip()
    if not run.note_once(f"{condition}: people are told", MET, of_task=True):
        return  # by an agent before this one, in this attempt or an earlier one
    message = message_of_condition(
        run.task,
        condition,
        plugin=run.plugin.reference,
        project=None if run.project is None else run.project.name,
        values=last_values(run.installation.store, run.task.id),
    )
    run.installation.outbox.announce(settings.notify, message)

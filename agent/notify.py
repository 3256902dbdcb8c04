"""Messages to people when a task ends, through Apprise, which speaks to mail, chats, webhooks and desktops.

A message is a service, not a record: it is sent once, at the end of a task, by the agent that ran it, or by the web for
an original agent; and a service that does not answer changes nothing. Addresses hold passwords and tokens anywhere, so
no part of them is ever said: an address is named by its number in the setting and by its kind of service.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.domain import Task, TaskStatus
from agent.errors import AgentError, BadInput
from agent.logs import only_ours
from agent.settings import ends_of

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.store import Store

SEND_S = 15.0  # from when a message is given out; at its end, an agent waits no longer for it
_SHORTEST = 6  # characters of a token; shorter parts stand in every text
_PUBLIC = re.compile(r"localhost|[\d.]+", re.ASCII)  # parts that tell nothing
_VALUES = 20  # series that are looked through for a message
_MOST = 16  # on their way at once: services that hang must not gather threads

log = logging.getLogger("agent.notify")

_KINDS = {TaskStatus.FINISHED: "success", TaskStatus.ERROR: "failure", TaskStatus.STOPPED: "warning"}


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    kind: str = "info"  # as Apprise names them; services show it by colour or symbol


def addresses(text: str) -> list[str]:
    """The addresses of `AGENT_NOTIFY`: with blanks or line breaks between them, or a comma and a blank."""
    return [part for word in text.split() if (part := word.strip(","))]


def secrets_of(text: str) -> list[str]:
    """What is secret in the addresses of `AGENT_NOTIFY`: the addresses, and any part of them may be a token."""
    parts = [part for address in addresses(text) for part in re.split(r"[/:@?&=,#;]+", address.partition("://")[2])]
    return [*addresses(text), *(part for part in parts if len(part) >= _SHORTEST and not _PUBLIC.fullmatch(part))]


def message_of(task: Task, *, plugin: str, project: str | None, values: Sequence[tuple[str, float | None]]) -> Message:
    """What a person wants to know of a task that has ended. `values` are its last validation metrics."""
    about = [_about(task, plugin, project)]
    if task.started_at and task.finished_at:
        about.append(f"took {str(task.finished_at - task.started_at).partition('.')[0]}")
    if task.status is not TaskStatus.FINISHED and task.message:
        about.append(task.message)
    about += _said(values)
    title = f"Task {task.id} {_VERBS[task.status]}: {task.name}"
    return Message(title, "\n".join(about), _KINDS[task.status])


def message_of_condition(
    task: Task, condition: str, *, plugin: str, project: str | None, values: Sequence[tuple[str, float | None]]
) -> Message:
    """That a condition over the metrics of a running task is met."""
    return Message(
        f"Task {task.id} reached {condition}: {task.name}", "\n".join([_about(task, plugin, project), *_said(values)])
    )


def _about(task: Task, plugin: str, project: str | None) -> str:
    return f"{task.type.value} with {plugin}" + ("" if project is None else f" on {project}")


def _said(values: Sequence[tuple[str, float | None]]) -> list[str]:
    """The values in a line; no line without any."""
    said = [f"{name} {'nan' if value is None else format(value, '.4g')}" for name, value in values]
    return [", ".join(said)] if said else []


_VERBS = {TaskStatus.FINISHED: "finished", TaskStatus.ERROR: "failed", TaskStatus.STOPPED: "was stopped"}


def send(to: str, message: Message) -> list[tuple[str, str]]:
    """Send a message to every address, one after another: (which address, what went wrong, "" if nothing).

    Raises BadInput for an address that Apprise does not know, and when Apprise is not installed.
    """
    with only_ours():  # libraries log the addresses to which they speak
        return [
            (f"address {number} ({service})", "" if _sent(sender, message) else "the service did not take the message")
            for number, (service, sender) in enumerate(_services(to), 1)
        ]


def _sent(sender: Any, message: Message) -> bool:
    """Whether the service took the message: as text, so that Apprise escapes what means something to the service."""
    try:
        return bool(sender.notify(body=message.body, title=message.title, notify_type=message.kind, body_format="text"))
    except Exception as error:  # noqa: BLE001 - of a hundred services, each fails in its own way
        log.debug("a message was not sent: %s", type(error).__name__)
        return False


def _services(to: str) -> list[tuple[str, Any]]:
    """For each address the name of its service, and what sends to it. Raises BadInput."""
    try:
        import apprise  # late, and an extra: most installations send nothing
    except ImportError:
        remedy = "pip install 'supervisely-local[notify]', or unset AGENT_NOTIFY"
        raise BadInput(f"messages are sent by the package apprise, which is not installed: {remedy}") from None
    try:
        # With a limit of its own, Apprise sends in threads that the interpreter waits for at its end.
        asset = apprise.AppriseAsset(async_mode=False, service_timeout=0)
    except TypeError:  # releases before 2 have no limit
        asset = apprise.AppriseAsset(async_mode=False)
    found = []
    for number, address in enumerate(addresses(to), 1):
        service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        if service is None:
            form = "see https://github.com/caronc/apprise for the forms of addresses"
            raise BadInput(f"address {number} of AGENT_NOTIFY is of no known form; {form}")
        sender = apprise.Apprise(asset=asset)
        sender.add(service)
        found.append((str(service.service_name), sender))
    return found


def tell_end(outbox: Outbox, store: Store, settings: Settings, ended: Task) -> None:
    """Tell that a task has ended. The end is recorded by now, so nothing that goes wrong here matters to it."""
    if not settings.notify.strip() or ended.status.value not in ends_of(settings.notify_on):
        return
    with suppress(AgentError):
        plugin = store.plugins.get_anywhere(ended.plugin_id)
        on = None if ended.project_id is None else store.projects.get_anywhere(ended.project_id).name
        values = last_values(store, ended.id)
        outbox.announce(settings.notify, message_of(ended, plugin=plugin.reference, project=on, values=values))


def last_values(store: Store, task_id: int) -> list[tuple[str, float | None]]:
    """The last validation metrics of a task; none where the store does not tell."""
    with suppress(AgentError):
        return [
            (series.name, series.last_value)
            for series in store.metrics.series(task_id, limit=_VALUES)
            if series.kind == "val"
        ]
    return []


class Outbox:
    """Messages on their way. Nobody waits for them, except the end of the agent, for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sending: dict[threading.Thread, float] = {}  # until when to wait, as time.monotonic()

    def announce(self, to: str, message: Message) -> None:
        """Send a message in the background, at once. What goes wrong is logged; never raises."""
        context = copy_context()  # the log knows the task by it
        # A daemon, so that the process can end while a service hangs.
        sender = threading.Thread(target=context.run, args=(self._send, to, message), name="notify", daemon=True)
        with self._lock:
            is_full = len(self._sending) >= _MOST
            if not is_full:
                self._sending[sender] = time.monotonic() + SEND_S
        if is_full:
            log.warning("no message is sent: %d earlier ones are still on their way", _MOST)
            return
        try:
            sender.start()
        except RuntimeError as error:  # the machine gives no thread
            self._done(sender)
            log.warning("no message is sent: %s", error)

    def _send(self, to: str, message: Message) -> None:
        try:
            for where, wrong in send(to, message):
                if wrong:
                    log.warning("no message to %s of AGENT_NOTIFY: %s", where, wrong)
        except BadInput as error:
            log.warning("no message is sent: %s", error)
        except Exception as error:  # noqa: BLE001 - its text and traceback may hold an address
            log.warning("no message is sent: %s", type(error).__name__)
        finally:
            self._done(threading.current_thread())

    def _done(self, sender: threading.Thread) -> None:
        with self._lock:
            self._sending.pop(sender, None)

    def wait(self) -> None:
        """Wait until every message is sent, for each until `SEND_S` after it was given out."""
        with self._lock:
            sending = list(self._sending.items())
        for sender, until in sending:
            sender.join(max(0.0, until - time.monotonic()))

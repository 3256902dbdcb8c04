"""Messages to people when a task ends, through Apprise, which speaks to mail, chats, webhooks and desktops.

A message is a service, not a record: it is sent once, at the end of a task that an agent ran, and a service that does
not answer changes nothing. Addresses hold passwords, so only their form without secrets is ever said.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.domain import Task, TaskStatus
from agent.errors import BadInput

SEND_S = 15.0  # in all; a service that takes longer is left alone

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


def message_of(task: Task, *, plugin: str, project: str, values: Sequence[tuple[str, float | None]]) -> Message:
    """What a person wants to know of a task that has ended. `values` are its last validation metrics."""
    about = [f"{task.type.value} with {plugin} on {project}"]
    if task.started_at and task.finished_at:
        about.append(f"took {str(task.finished_at - task.started_at).partition('.')[0]}")
    if task.status is not TaskStatus.FINISHED and task.message:
        about.append(task.message)
    if values:
        about.append(", ".join(f"{name} {'nan' if value is None else format(value, '.4g')}" for name, value in values))
    title = f"Task {task.id} {_VERBS[task.status]}: {task.name}"
    return Message(title, "\n".join(about), _KINDS[task.status])


_VERBS = {TaskStatus.FINISHED: "finished", TaskStatus.ERROR: "failed", TaskStatus.STOPPED: "was stopped"}


def send(to: str, message: Message) -> list[tuple[str, str]]:
    """Send a message to every address, one after another: (address without secrets, what went wrong, "" if nothing).

    Raises BadInput for an address that Apprise does not know, and when Apprise is not installed.
    """
    services = _services(to)
    said = []
    for service in services:
        where = str(service.url(privacy=True)).partition("?")[0]
        said.append((where, "" if _sent(service, message) else "the service did not take the message"))
    return said


def _sent(service: Any, message: Message) -> bool:
    try:
        return bool(service.notify(body=message.body, title=message.title, notify_type=message.kind))
    except Exception as error:  # noqa: BLE001 - of a hundred services, each fails in its own way
        log.debug("a message was not sent: %s", type(error).__name__)
        return False


def _services(to: str) -> list[Any]:
    try:
        import apprise  # late, and an extra: most installations send nothing
    except ImportError:
        remedy = "pip install 'supervisely-local[notify]', or unset AGENT_NOTIFY"
        raise BadInput(f"messages are sent by the package apprise, which is not installed: {remedy}") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses
    found = []
    for number, address in enumerate(addresses(to), 1):
        service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if service is None:
            form = "see https://github.com/caronc/apprise for the forms of addresses"
            raise BadInput(
                f"address {number} of AGENT_NOTIFY ({address.partition(':')[0]}:…) is of no known form; {form}"
            )
        found.append(service)
    return found


def announce(to: str, message: Message) -> None:
    """Send a message in the background, and wait for it as long as `SEND_S`. What goes wrong is logged."""

    def run() -> None:
        try:
            for where, wrong in send(to, message):
                if wrong:
                    log.warning("no message to %s: %s", where, wrong)
        except BadInput as error:
            log.warning("no message is sent: %s", error)

    sender = threading.Thread(target=run, name="notify", daemon=True)
    sender.start()
    sender.join(SEND_S)

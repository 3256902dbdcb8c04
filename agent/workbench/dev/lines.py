"""What of a run is worth a line in the terminal, and the error that ended one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.events.model import Applied, CheckpointReported, Crashed, ImageReported, Level, Metrics, Progress, Stream

if TYPE_CHECKING:
    from agent.store.events import StoredEvent

_MOST_LINES = 40  # of an error: its end says most


def said(event: StoredEvent, *, picture: str = "") -> str | None:
    """An event as a line; None for one that is not shown. `picture`: where the image lies that it asks to keep."""
    match event.body:
        case Metrics(kind="train"):  # one for each step: the page draws them
            return None
        case Metrics(kind=kind, epoch=epoch, values=values):
            told = "  ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
            return f"{kind}{'' if epoch is None else f'  epoch {epoch:.4g}'}  {told}"
        case ImageReported():
            return f"picture  {picture}" if picture else None
        case CheckpointReported(index=index):
            return f"checkpoint {index}"
        case Progress() | Applied() | Crashed():  # the end says the error
            return None
    is_shown = event.level is Level.WARN if event.stream is Stream.AGENT else event.level >= Level.INFO
    return event.message if is_shown else None  # the agent's errors are the end of the run


def error_of(events: Iterable[StoredEvent], message: str | None) -> list[str]:
    """The error that ended a run, the newest lines last: what the SDK reported, else the last plain lines.

    `message` is how the agent put it.
    """
    lines: list[str] = []
    for event in events:
        if isinstance(event.body, Crashed):
            return list(event.body.stack)[-_MOST_LINES:] or [event.body.error]
        if event.stream is not Stream.AGENT and (event.stream is Stream.STDERR or event.level >= Level.ERROR):
            lines += event.message.splitlines()
    start = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].startswith("Traceback")), 0)
    return lines[start:][-_MOST_LINES:] or [message or "the run failed, and printed nothing"]

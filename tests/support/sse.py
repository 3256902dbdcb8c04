"""Reading event streams, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def read_messages(lines: Iterable[str]) -> Iterator[tuple[str, int | None, list[str]]]:
    """The messages that have a name: name, id, lines of data. Comments are left out."""
    event: str
    id_: int | None
    data: list[str]
    event, id_, data = "", None, []
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "id":
            id_ = int(value)
        elif name == "data":
            data.append(value)
        elif not line and event:
            yield event, id_, data
            event, id_, data = "", None, []

"""Hostile lines of a plugin, each with the message that the log shows, and its parse error."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """The bytes of a line. `message` is the event's message; `wrong` is a part of its parse error, or empty."""

    line: bytes
    message: str
    wrong: str = ""


def event(**fields: object) -> bytes:
    return json.dumps({"message": "m", "level": "info", **fields}).encode()


HTML = "<img src=x onerror=\"window.pwned='log'\"><script>window.pwned='log'</script>"
ANSI = "\x1b]0;evil\x07\x1b[2J\x1b[31mred\x1b[0m"

STREAMS: dict[str, Output] = {
    "HTML": Output(HTML.encode(), HTML),
    "HTML in a message": Output(event(message=HTML), HTML),
    "HTML in names": Output(event(event_type="EventType.METRICS", type="train", epoch=1, metrics={HTML: 1.0}), "m"),
    "HTML in a subtask": Output(event(event_type="EventType.PROGRESS", subtask=HTML, current=1, total=2), "m"),
    "markup of a terminal": Output(
        event(event_type="EventType.PROGRESS", subtask="[/x][link=//evil]", current=1, total=2), "m"
    ),
    "HTML in a stack": Output(event(event_type="EventType.TASK_CRASHED", exc_str=HTML, stack=[HTML]), "m"),
    "ANSI": Output(ANSI.encode(), ANSI),
    "text that turns": Output("a\u202egpj.exe".encode(), "a\u202egpj.exe"),
    "NUL": Output(b"a\0b", "a␀b"),
    "no UTF-8": Output(b"\xff\xfea", "\ufffd\ufffda"),
    "redrawn": Output(b"\r 10%\r 20%\r", " 20%"),
    "deep": Output(b'{"message": ' + b"[" * 500 + b"]" * 500 + b"}", "", "nested deeper than 100 levels"),
    "bottomless": Output(b"[" * 100_000, "[" * 100_000),
    "half a surrogate pair": Output(b'{"message": "a\\ud800b", "level": "info"}', "a\ufffdb"),
    "cut event": Output(
        b'{"message": "m", "event_type": "EventType.METRICS", "metr', "", "looks like an event but is no JSON"
    ),
    "an event that is a list": Output(event(event_type=["EventType.METRICS"]), ""),
    "metrics that are text": Output(
        event(event_type="EventType.METRICS", type="train", epoch="x", metrics={}), "m", "'epoch' must be a number"
    ),
    "metrics that are none": Output(
        event(event_type="EventType.METRICS", type="train", epoch=1, metrics={"a": "tensor(((((("}), "m", "not a number"
    ),
    "NaN": Output(
        b'{"message": "m", "event_type": "EventType.METRICS", "type": "val", "epoch": NaN, "metrics": {"a": NaN}}', "m"
    ),
    "numbers without end": Output(b'{"message": "m", "level": "info", "n": ' + b"9" * 5000 + b"}", "m"),
    "progress beyond every number": Output(
        event(event_type="EventType.PROGRESS", subtask="s", current=10**400, total=1),
        "m",
        "'current' must be a whole number",
    ),
    "a checkpoint that is nowhere": Output(
        event(event_type="EventType.CHECKPOINT", subdir=7), "m", "'subdir' must name the folder"
    ),
    "a key that repeats": Output(b'{"message": "first", "level": "info", "message": "last"}', "last"),
    "a line without end": Output(
        b"x" * 3_000_000, "x" * (1 << 20) + "… [line too long: 1951424 bytes dropped]", "bytes were dropped"
    ),
}

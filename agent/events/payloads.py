"""The bodies of known events, read from their fields (contract: events.md 3). Pure.

Each reader removes the keys of the body from the record, so that the rest are the event's fields. It gives the body and
a remark about parts that could not be read, or raises `WrongBody` with the reason.

Numbers may come as text: the SDK's encoder writes `numpy.float32`, tensors and numpy integers as strings
(`"0.25"`, `"tensor(1.09)"`, `"3"`), and `best_now` may be `"tensor(True)"`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from agent.events.model import Applied, Body, CheckpointReported, Crashed, ImageReported, Metrics, Progress
from agent.fs.names import read_number

_LONGEST_NUMBER = 200  # characters of text tried as a number
_INT_LIMIT = 1 << 63  # what a database column holds

# tensor(1.09), tensor(0.5, device='cuda:0'), tensor([[3]]), np.float32(0.25), [0.5]: one element, not several
_ELEMENT = r"[^\s,\[\]()]+"
_WRAPPED = re.compile(
    rf"(?:tensor|array|np\.\w+)\(\s*(?:({_ELEMENT})|\[+\s*({_ELEMENT})\s*\]+)\s*(?:,.*)?\)|\[+\s*({_ELEMENT})\s*\]+"
)


class WrongBody(Exception):
    """A known event with a body that cannot be read; the message completes "METRICS line: ..."."""


def read_metrics(record: dict[str, Any]) -> tuple[Metrics, str | None]:
    kind = record.get("type")
    if type(kind) is not str or not kind:
        raise WrongBody(f'\'type\' must be "train" or "val", got {_shown(kind)}')
    values = record.get("metrics")
    if type(values) is not dict:
        raise WrongBody(f"'metrics' must be an object of name and number, got {_shown(values)}")
    epoch = record.get("epoch", "")
    if type(epoch) is not float and epoch is not None:
        try:
            epoch = _number(epoch)
        except ValueError:
            raise WrongBody(f"'epoch' must be a number, got {_shown(record.get('epoch'))}") from None
    error = None
    for value in values.values():
        if type(value) is not float:
            values, error = _read_values(values)
            break
    del record["type"], record["metrics"], record["epoch"]
    return Metrics(kind, epoch, values), error


def _read_values(values: dict[str, Any]) -> tuple[dict[str, float | None], str | None]:
    read: dict[str, float | None] = {}
    wrong = []
    for name, value in values.items():
        try:
            read[name] = None if value is None else _number(value)
        except ValueError:
            read[name] = None
            wrong.append(f"{_shown(name)} is {_shown(value)}")
    return read, f"METRICS line: not a number: {', '.join(wrong[:5])}" if wrong else None


def read_progress(record: dict[str, Any]) -> tuple[Progress, str | None]:
    subtask = record.get("subtask")
    if type(subtask) is not str:
        if subtask is None or isinstance(subtask, (dict, list)):
            raise WrongBody(f"'subtask' must be text, got {_shown(subtask)}")
        subtask = str(subtask)
    current, total = record.get("current"), record.get("total")
    if type(current) is not int or not -_INT_LIMIT <= current < _INT_LIMIT:
        current = _whole(current, "current")
    if type(total) is not int or not -_INT_LIMIT <= total < _INT_LIMIT:
        total = _whole(total, "total")
    del record["subtask"], record["current"], record["total"]
    if not record:
        return Progress(subtask, current, total), None
    return Progress(
        subtask, current, total, _take_text(record, "current_label"), _take_text(record, "total_label")
    ), None


def read_checkpoint(record: dict[str, Any]) -> tuple[CheckpointReported, str | None]:
    """Only `subdir` is required, as by the official agent: no fault of another field may cost the weights."""
    subdir = record.get("subdir")
    if type(subdir) is not str or not subdir:
        raise WrongBody(f"'subdir' must name the folder below results/, got {_shown(subdir)}")
    wrong = []
    index = read_number(subdir.rstrip("/").rpartition("/")[2]) or 0
    numbers = {"id": index, "sizeb": 0}
    for key in numbers:
        try:
            numbers[key] = _whole(record.pop(key, None), key)
        except WrongBody as error:
            wrong.append(str(error))
    try:
        is_best = bool(_number(record.pop("best_now", None)))
    except ValueError:
        is_best = False
        wrong.append("'best_now' must be true or false")
    optional = record.pop("optional", None)
    if optional is not None and type(optional) is not dict:
        wrong.append("'optional' must be an object")
        optional = None
    del record["subdir"]
    body = CheckpointReported(numbers["id"], subdir, numbers["sizeb"], is_best, optional)
    return body, f"CHECKPOINT line: {'; '.join(wrong)}" if wrong else None


def read_crash(record: dict[str, Any]) -> tuple[Crashed, str | None]:
    """The fields keep the crash as well, because the log shows the stack from the fields."""
    stack = record.get("stack")
    if isinstance(stack, str):
        stack = stack.split("\n")
    lines = tuple(str(line) for line in stack) if isinstance(stack, list) else ()
    trace = str(record.get("exc_info") or "").splitlines()
    named = (record.get("exc_str"), *lines[-1:], *[line for line in trace if line.strip()][-1:])
    return Crashed(next((str(text) for text in named if text not in (None, "")), ""), lines), None


def read_applied(_record: dict[str, Any]) -> tuple[Applied, str | None]:
    return _APPLIED, None


_APPLIED = Applied()


def read_image(record: dict[str, Any]) -> tuple[ImageReported, str | None] | None:
    """The image that a line without event type asks to keep; None for a line that asks for none.

    Only an object with a text `path` asks. No fault of another key may cost the image.
    """
    asked = record.get("image")
    if type(asked) is not dict or type(path := asked.get("path")) is not str or not path:
        return None
    wrong = []
    name = asked.get("name")
    if type(name) is not str or not name.strip():
        if name is not None:
            wrong.append(f"'name' must be text, got {_shown(name)}")
        name = path
    try:
        step = None if asked.get("step") is None else _number(asked["step"])
    except (ValueError, OverflowError):
        step = None
        wrong.append(f"'step' must be a number, got {_shown(asked['step'])}")
    caption = asked.get("caption")
    if caption is not None and type(caption) is not str:
        wrong.append(f"'caption' must be text, got {_shown(caption)}")
        caption = None
    del record["image"]
    return ImageReported(path, name, step, caption), f"image line: {'; '.join(wrong)}" if wrong else None


BODIES: dict[str, Callable[[dict[str, Any]], tuple[Body, str | None]]] = {
    "METRICS": read_metrics,
    "PROGRESS": read_progress,
    "CHECKPOINT": read_checkpoint,
    "TASK_CRASHED": read_crash,
    "MODEL_APPLIED": read_applied,
}


def _number(value: Any) -> float | None:
    """A finite float; None for NaN and infinities. ValueError for anything else."""
    if isinstance(value, str):
        number = _number_in_text(value)
    elif isinstance(value, (int, float)):  # bool too: true counts as 1
        number = float(value)
    else:
        raise ValueError("not a number")
    return number if math.isfinite(number) else None


def _number_in_text(text: str) -> float:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("too long for a number")
    if wrapped := _WRAPPED.fullmatch(text.strip()):
        text = wrapped[1] or wrapped[2] or wrapped[3]
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    return float(text)


def _whole(value: Any, key: str) -> int:
    """A whole number that fits a database; fractions are rounded up, as the SDK does."""
    try:
        number = value if type(value) is int else _number(value)
    except ValueError:
        number = None
    if number is None or not -_INT_LIMIT <= number < _INT_LIMIT:
        raise WrongBody(f"'{key}' must be a whole number, got {_shown(value)}")
    return math.ceil(number)


def _take_text(record: dict[str, Any], key: str) -> str | None:
    """The text, or None for null or no key. Anything else stays in the record."""
    return record.pop(key, None) if isinstance(record.get(key), str | None) else None


def _shown(value: Any) -> str:
    """A value short enough for a sentence."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

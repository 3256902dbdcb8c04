"""Known events with a body that cannot be read, or not wholly: what is missing, and how it is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from agent.events.model import Event, Metrics
from agent.events.near_names import meant_key
from agent.events.near_texts import Kind, NearMiss
from agent.formats.json_text import read_lenient

RESULTS = PurePosixPath("/sly_task_data/results")
KEYS_LOOKED_AT = 50
REQUIRED = {
    "METRICS": ("type", "epoch", "metrics"),
    "PROGRESS": ("subtask", "current", "total"),
    "CHECKPOINT": ("subdir",),
}


def of_values(event: Event, body: Metrics) -> NearMiss | None:
    """Metrics of which some are no numbers: the others are charted."""
    if event.parse_error is None:
        return None
    record = read_lenient(event.raw[event.json_start :])
    values = record["metrics"] if isinstance(record, dict) else {}
    wrong = next((name for name, value in body.values.items() if value is None and values.get(name) is not None), "")
    if isinstance(values.get(wrong), dict):
        flat = ", ".join(f'"{wrong}_{name}"' for name in list(values[wrong])[:2])
        change = f'Give each number a name of its own in "metrics", without objects in it: {flat}.'
    elif isinstance(values.get(wrong), list):
        change = f'Print one number as "{short(wrong)}", for example the mean, or give each a name of its own.'
    else:
        change = f'Print "{short(wrong)}" as a number: float(value), or value.item() of a tensor with one element.'
    return NearMiss(
        Kind.VALUE, f"a METRICS event with a number for each name, but {event.parse_error.partition(': ')[2]}", change
    )


def of_folder(subdir: str) -> NearMiss | None:
    """A checkpoint whose folder is named from another place than results/."""
    path = PurePosixPath(subdir)
    if path.is_absolute():
        if path.is_relative_to(RESULTS) and path != RESULTS and ".." not in path.parts:
            return None  # as the guide's sample names it: it is read, and that the original crashes is said elsewhere
        wanted = path.name
    elif path.parts and path.parts[0] in ("results", "sly_task_data", ".."):
        wanted = path.name if path.name not in ("..", "results") else ""
    elif path.parts and path.suffix in (".pt", ".pth", ".h5", ".ckpt", ".weights", ".onnx", ".json"):
        wanted = "" if len(path.parts) == 1 else str(path.parent)
    elif path.parts:
        return None
    else:
        wanted = ""
    shown = short(wanted or "00000000")
    return NearMiss(
        Kind.FOLDER,
        f'a checkpoint of a folder below results/, but "subdir" is "{short(subdir)}"',
        f'Write the checkpoint into /sly_task_data/results/{shown}/ and report "subdir": "{shown}".',
    )


def of_body(event_type: str, fields: Mapping[str, Any], error: str) -> NearMiss:
    """A known type without what it needs. `error` is what the parser remarked."""
    said = error.partition(": ")[2] or "something is missing"
    for wanted in REQUIRED[event_type]:
        if fields.get(wanted) is not None:
            continue
        keys = tuple(list(fields)[:KEYS_LOOKED_AT])
        if meant := meant_key(wanted, event_type, keys):
            nearly = f'a {event_type} event, but "{wanted}" stands under "{short(meant)}"'
            return NearMiss(Kind.KEY, nearly, f'Rename the key "{short(meant)}" to "{wanted}".')
        if wanted == "total":
            nearly = "a PROGRESS event, but it does not say how much there is in total"
            return NearMiss(Kind.TOTAL, nearly, 'Add "total": a whole number, the same in each line of the bar.')
        if wanted == "metrics":
            return NearMiss(Kind.KEY, f"a {event_type} event, but {said}", _into_metrics(fields))
        change = f'Add "{wanted}": {_EXAMPLES[event_type, wanted]}.'
        return NearMiss(Kind.KEY, f'a {event_type} event, but "{wanted}" is missing', change)
    wanted = next((name for name in REQUIRED[event_type] if f"'{name}'" in error), REQUIRED[event_type][-1])
    kind = Kind.VALUE if wanted == "metrics" else Kind.KEY
    change = _into_metrics(fields) if wanted == "metrics" else f'Write "{wanted}": {_EXAMPLES[event_type, wanted]}.'
    return NearMiss(kind, f"a {event_type} event, but {said}", change)


_EXAMPLES = {
    ("METRICS", "type"): '"train" or "val"',
    ("METRICS", "epoch"): "a number, the index of the epoch and its finished part, such as 0.5",
    ("PROGRESS", "subtask"): "a text, the name of the bar",
    ("PROGRESS", "current"): "a whole number, how much is done",
    ("PROGRESS", "total"): "a whole number, how much there is",
    ("CHECKPOINT", "subdir"): 'the name of the folder below results/, such as "00000000"',
}


def _into_metrics(fields: Mapping[str, Any]) -> str:
    loose = [name for name, value in fields.items() if type(value) in (int, float) and name not in ("epoch", "step")]
    named = ", ".join(f'"{short(name)}": …' for name in loose[:3]) or '"loss": 0.25'
    return f'Put the numbers into an object under "metrics": {{{named}}}.'


def short(text: object) -> str:
    """A value short enough for a sentence."""
    said = str(text)
    return said if len(said) <= 60 else f"{said[:57]}..."

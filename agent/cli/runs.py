"""The table of runs in a terminal: `agent task list` with columns, conditions, an order or groups."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from agent.cli import show
from agent.cli.show import Format
from agent.cli.streams import reader_has_left
from agent.fs.disk import size_text
from agent.store.columns import to_json
from agent.store.runs.cells import Reference
from agent.store.runs.export import ExportFormat, exported, group_table, rows_of
from agent.store.runs.keys import FIELDS, Field, Key, spelled

if TYPE_CHECKING:
    from agent.store import Store
    from agent.store.runs.request import RunRequest

_EXPORTED: dict[Format, ExportFormat] = {Format.CSV: "csv", Format.JSON: "json", Format.JSONL: "jsonl"}


def print_runs(store: Store, request: RunRequest, format_: Format) -> None:
    """The runs or the groups that were asked for. BadInput as of `agent.store.runs`."""
    if request.group:
        _print_groups(store, request, format_)
        return
    keys = request.keys()
    if format_ is not Format.TABLE:
        found = store.runs.export(keys, request.question(), request.window())
        _write(exported([spelled(key) for key in keys], rows_of(found), _EXPORTED[format_]))
        return
    table = store.runs.table(keys, request.question(), request.window())
    rows = ([_cell(key, value) for key, value in zip(keys, run.cells, strict=True)] for run in table.runs)
    show.table([_head(column.title) for column in table.columns], rows, empty="No task matches.")
    _say_how_many(len(table.runs), table.total, "tasks")


def print_columns(store: Store, request: RunRequest, *, json: bool) -> None:
    """The columns that the tasks have, by the names under which they are asked for."""
    found = store.runs.inventory(request.question())
    if json:
        show.as_json(found)
        return
    rows: list[Sequence[object]] = [(column.key, column.kind, "") for column in found.fields]
    rows += [(column.key, ", ".join(column.kinds), column.tasks) for column in found.config]
    rows += [(column.key, "number", column.tasks) for column in found.metrics]
    show.table(("COLUMN", "KIND", "TASKS"), rows, empty="")
    left = found.config_count + found.metrics_count - len(found.config) - len(found.metrics)
    if left:
        show.err.print(f"{left} rarer columns are left out; --where and --text narrow the tasks", markup=False)


def _print_groups(store: Store, request: RunRequest, format_: Format) -> None:
    by, keys = request.group_keys(), request.summed_keys()
    found = store.runs.groups(by, keys, request.question(), request.window())
    if format_ is not Format.TABLE:
        heads, rows = group_table(found)
        _write(exported(heads, rows, _EXPORTED[format_]))
        return
    heads = [_head(column.title) for column in found.by] + ["RUNS"]
    heads += [f"{_head(column.title)} {name}" for column in found.columns for name in ("MEAN", "STD", "MIN", "MAX")]
    shown = (
        [
            *(_cell(key, value) for key, value in zip(by, group.key, strict=True)),
            group.count,
            *(
                _cell(key, value)
                for key, s in zip(keys, group.summaries, strict=True)
                for value in (s.mean, s.std, s.min, s.max)
            ),
        ]
        for group in found.groups
    )
    show.table(heads, shown, empty="No task matches.")
    _say_how_many(len(found.groups), found.total, "groups")


def _write(pieces: Iterable[str]) -> None:
    for piece in pieces:
        if reader_has_left():
            return
        sys.stdout.write(piece)
    sys.stdout.flush()


def _say_how_many(shown: int, total: int, what: str) -> None:
    if shown < total:
        show.err.print(f"{shown} of {total} {what}; --limit and --offset show others", markup=False)


def _head(title: str) -> str:
    return title.upper() if title.islower() else title


def _cell(key: Key, value: Any) -> object:
    """A cell as a person reads it."""
    kind = FIELDS[key.name] if isinstance(key, Field) else ""
    match value:
        case bool():
            return str(value)
        case int() | float() if kind in ("duration", "size"):
            return show.seconds(value) if kind == "duration" else size_text(round(value))
        case float():
            return f"{value:.5g}"
        case Reference():
            return value.name
        case list() | dict():
            return to_json(value)
    return value

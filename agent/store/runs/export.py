"""Tables of runs as CSV and JSON, a piece at a time. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from agent.formats.json_values import without_nan
from agent.store.columns import clean, to_json
from agent.store.runs.cells import Reference, Run
from agent.store.runs.groups import RunGroups

ExportFormat = Literal["csv", "json", "jsonl"]
Row = Sequence[Any]

MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
}
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_PIECE = 64 << 10  # characters


def rows_of(runs: Iterable[Run]) -> Iterator[Row]:
    return (run.cells for run in runs)


def group_table(found: RunGroups) -> tuple[list[str], list[Row]]:
    """Groups as heads and rows: the values, the number of runs, and five numbers of each column."""
    heads = [column.key for column in found.by] + ["runs"]
    heads += [f"{name} {column.key}" for column in found.columns for name in ("mean", "std", "min", "max", "count")]
    rows: list[Row] = [
        [*group.key, group.count]
        + [number for s in group.summaries for number in (s.mean, s.std, s.min, s.max, s.count)]
        for group in found.groups
    ]
    return heads, rows


def exported(heads: Sequence[str], rows: Iterable[Row], format_: ExportFormat) -> Iterator[str]:
    """The text of a table in pieces. JSON: an object for each row, by the heads."""
    match format_:
        case "csv":
            lines = _csv_lines(heads, rows)
        case "json":
            lines = _json_lines(heads, rows)
        case "jsonl":
            lines = (f"{_object(heads, row)}\n" for row in rows)
    piece: list[str] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)


def _json_lines(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    start = "["
    for row in rows:
        yield f"{start}\n{_object(heads, row)}"
        start = ","
    yield "[]\n" if start == "[" else "\n]\n"


def _object(heads: Sequence[str], row: Row) -> str:
    return to_json(dict(zip(heads, map(json_cell, row), strict=True)))


def json_cell(value: Any) -> Any:
    """A cell as JSON: times in ISO 8601, references as objects."""
    match value:
        case datetime():
            return _moment(value)
        case Reference():
            return {"id": value.id, "name": value.name}
    return without_nan(value)


def _csv_lines(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([harmless(head) for head in heads])
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _csv_cell(value: Any) -> str:
    match value:
        case str() | Reference():
            return harmless(value if isinstance(value, str) else value.name)
        case datetime():
            return _moment(value)
        case int() | float() if not isinstance(value, bool):
            return str(value)
    return "" if value is None else clean(to_json(value))


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return clean(f"'{text}" if text.startswith(_STARTS_FORMULA) else text)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""What a person asks of the table of runs, as texts: the same for REST and the terminal. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.domain import TaskStatus
from agent.errors import BadInput
from agent.store.runs.groups import COUNT
from agent.store.runs.keys import Field, Key, SortKey
from agent.store.runs.parsing import parse_expression, parse_keys, parse_sort
from agent.store.runs.question import RunQuestion, RunWindow

K = TypeVar("K", Key, SortKey)

DEFAULT_COLUMNS = ("id", "name", "status", "created", "duration")
MOST_COLUMNS = 200
MOST_GROUPED_BY = 8
MOST_SUMMED = 20
MOST_SORTED = 8  # SQLite 3.40 dies of more than 64 terms of an order: a column has up to four, and groups add theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Each text of `columns`, `sort` and `group` is a column, or several with commas between. BadInput as of `parsing`.

    Without `columns` a few, and those that the other texts name.
    """

    columns: Sequence[str] = ()
    where: str = ""
    words: str = ""
    statuses: Collection[TaskStatus] | None = None
    archived: bool = False
    sort: Sequence[str] = ()
    group: Sequence[str] = ()
    limit: int | None = 100  # None: all
    offset: int = 0

    def question(self) -> RunQuestion:
        where = parse_expression(self.where) if self.where.strip() else None
        return RunQuestion(self.words, where, self.statuses or None, self.archived)

    def window(self) -> RunWindow:
        return RunWindow(self.limit, self.offset, self.sort_keys())

    def sort_keys(self) -> list[SortKey]:
        keys = parse_sort(_given(self.sort), more=(COUNT,) if self.group else ())
        return _few(keys, MOST_SORTED, "sort")

    def keys(self) -> list[Key]:
        """The columns of the table."""
        if given := _given(self.columns):
            return _few(parse_keys(given), MOST_COLUMNS, "columns")
        return list(dict.fromkeys([*map(Field, DEFAULT_COLUMNS), *self._named()]))

    def group_keys(self) -> list[Key]:
        by = parse_keys(_given(self.group), "group")
        if not by:
            raise BadInput("group: name a column whose equal values make a group, for example config.lr")
        return _few(by, MOST_GROUPED_BY, "group")

    def summed_keys(self) -> list[Key]:
        """The columns of numbers beside the groups."""
        given = _given(self.columns)
        keys = parse_keys(given) if given else self._named()
        by = self.group_keys()
        return _few([key for key in keys if key not in by], MOST_SUMMED, "columns")

    def _named(self) -> list[Key]:
        """The config values and metrics in the condition and in the order."""
        every = [*self.question().keys(), *(one.key for one in self.sort_keys())]
        return [key for key in dict.fromkeys(every) if not isinstance(key, Field)]


def _given(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text.strip()]


def _few(keys: list[K], most: int, what: str) -> list[K]:
    if len(keys) > most:
        raise BadInput(f"{what}: {len(keys)} are too many; name at most {most}")
    return keys

"""Cutting a list into pages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Numbered)


def cut(found: Sequence[Row], limit: int) -> tuple[Sequence[Row], int | None]:
    """The rows of a page, and the cursor of the next page: the last row's id, None on the last page.

    `found` was asked for with `limit + 1`: a row too many shows that a next page exists.
    """
    shown = found[:limit]
    return shown, shown[-1].id if len(found) > limit else None

"""Words that a person searches for, as conditions of SQL.

A condition is true where the text holds the word, in whatever case and script. SQLite's LIKE folds the case of ASCII
letters only: for other words its texts go through `fold`, a function that every connection has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from agent.errors import BadInput
from agent.store.columns import clean

_MOST_WORDS = 20
_DIGITS = 19  # of the first number that may be beyond 64 bits


def fold(text: str | None) -> str | None:
    """The text without differences of case: the SQL function of this name."""
    return None if text is None else text.casefold()


class _Like(FunctionElement[bool]):
    """LIKE that folds the case of ASCII letters at least, with / as its escape."""

    type = sa.Boolean()
    inherit_cache = True
    name = "like_in_any_case"


class _Folded(FunctionElement[str]):
    """The text in a form in which `_Like` finds every letter."""

    type = sa.Text()
    inherit_cache = True
    name = "folded"


@compiles(_Like)
def _like(element: _Like, compiler: Any, **options: Any) -> str:
    text, pattern = element.clauses
    return f"{compiler.process(text, **options)} ILIKE {compiler.process(pattern, **options)} ESCAPE '/'"


@compiles(_Like, "sqlite")
def _like_of_sqlite(element: _Like, compiler: Any, **options: Any) -> str:
    text, pattern = element.clauses
    return f"{compiler.process(text, **options)} LIKE {compiler.process(pattern, **options)} ESCAPE '/'"


@compiles(_Folded)
def _folded(element: _Folded, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Folded, "sqlite")
def _folded_of_sqlite(element: _Folded, compiler: Any, **options: Any) -> str:
    return f"fold({compiler.process(element.clauses, **options)})"


def contains(text: sa.ColumnElement[Any], part: str) -> sa.ColumnElement[bool]:
    """Whether the text has the part, in whatever case; signs that LIKE reads as patterns stand for themselves."""
    wanted = clean(part)
    escaped = wanted.replace("/", "//").replace("%", "/%").replace("_", "/_")
    if wanted.isascii():
        return _Like(text, sa.literal(f"%{escaped}%"))
    return _Like(_Folded(text), _Folded(sa.literal(f"%{escaped}%")))


def is_number(key: sa.ColumnElement[int], word: str) -> list[sa.ColumnElement[bool]]:
    """The condition that a word names this id (`12`, `#12`); none for a word that is no id."""
    digits = word.removeprefix("#")
    return [key == int(digits)] if digits.isascii() and digits.isdigit() and len(digits) < _DIGITS else []


def words_of(text: str) -> Sequence[str]:
    """The words of a search, each once. BadInput for too many."""
    words = list(dict.fromkeys(text.split()))
    if len(words) > _MOST_WORDS:
        raise BadInput(f"The search has {len(words)} words; at most {_MOST_WORDS} are looked for. Leave some out.")
    return words

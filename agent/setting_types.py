"""The types of settings: from the text of a variable, or a value of TOML, to the value that a program uses. Pure.

A reader gives the value, or raises ValueError with the sentence to show. A setting names its reader in its annotation,
`Annotated[int, whole(0, 65535)]`; `str`, `bool` and `Literal` have readers of their own.

The sentences and the accepted spellings are those of Pydantic, which read the settings before: its import takes a
tenth of a second and 15 MiB, of every command and every agent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

Reader: TypeAlias = Callable[[object], Any]

_WHOLE = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?")
_MOST_DIGITS = 4300  # what Python itself reads
_SWITCH = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}


def reader_of(annotation: Any) -> Reader:
    """The reader of a setting with this annotation, which is no text."""
    if get_origin(annotation) is Annotated:
        reader: Reader = annotation.__metadata__[0]
        return reader
    if get_origin(annotation) is Literal:
        return partial(_choice, get_args(annotation))
    plain: dict[Any, Reader] = {str: _text, bool: _switch}
    return plain[annotation]


def checked(check: Callable[[str], str]) -> Reader:
    """A text, as `check` gives it."""
    return lambda given: check(_text(given))


def whole(least: int, most: int) -> Reader:
    """A whole number."""
    return lambda given: _within(_whole(given), least, most)


def number(least: float, most: float) -> Reader:
    """A number, which is finite."""
    return lambda given: _within(_number(given), least, most)


def or_none(reader: Reader) -> Reader:
    return lambda given: None if given is None else reader(given)


def folder(given: object) -> Path | None:
    """A path as it was meant: with `~` made whole, from the root; None for an empty variable."""
    if not isinstance(given, str | Path | None):
        raise ValueError("Input is not a valid path for <class 'pathlib.Path'>")
    return whole_path(str(given)) if given and str(given) else None


def whole_path(text: str) -> Path:
    """A path from the root, with `~` made whole. Raises ValueError with the sentence to show."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"{text!r} is in the home of a user whom this machine does not know") from None
    except OSError:
        raise ValueError(f"{text!r} is relative to a folder that is gone; write it from the root") from None


def _text(given: object) -> str:
    """A text; a number of TOML as it is written: `gpus = 0`."""
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise ValueError("Input should be a valid string")
    return str(given)


def _choice(words: tuple[str, ...], given: object) -> str:
    if given not in words:
        *others, last = map(repr, words)
        raise ValueError(f"Input should be {', '.join(others)} or {last}")
    return str(given)


def _switch(given: object) -> bool:
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    value = _SWITCH.get(str(given).lower()) if isinstance(given, bool | int | str) else None
    if value is None:
        can_be = isinstance(given, str | int)
        raise ValueError(f"Input should be a valid boolean{', unable to interpret input' if can_be else ''}")
    return value


def _whole(given: object) -> int:
    if isinstance(given, str):
        if (found := _WHOLE.fullmatch(given.strip())) is None:
            raise ValueError("Input should be a valid integer, unable to parse string as an integer")
        if len(found[1]) > _MOST_DIGITS:
            raise ValueError("Unable to parse input string as an integer, exceeded maximum size")
        return int(found[1])
    if not isinstance(given, int | float):
        raise ValueError("Input should be a valid integer")
    if isinstance(given, float) and not _finite(given).is_integer():
        raise ValueError("Input should be a valid integer, got a number with a fractional part")
    return int(given)


def _number(given: object) -> float:
    if isinstance(given, str):
        try:
            given = float(given if given.isascii() else "")
        except ValueError:
            raise ValueError("Input should be a valid number, unable to parse string as a number") from None
    if not isinstance(given, int | float):
        raise ValueError("Input should be a valid number")
    return _finite(given)


def _finite(given: float) -> float:
    try:
        value = float(given)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError("Input should be a finite number")
    return value


def _within(value: Any, least: float, most: float) -> Any:
    if value < least:
        raise ValueError(f"Input should be greater than or equal to {least}")
    if value > most:
        raise ValueError(f"Input should be less than or equal to {most}")
    return value

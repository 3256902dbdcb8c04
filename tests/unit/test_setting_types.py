"""Values of settings, against Pydantic: it read them in earlier releases, and its spellings and sentences stay."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from agent.setting_types import Reader, number, or_none, reader_of, whole

TEXTS = (
    *(
        "",
        " ",
        "x",
        "1",
        " 7 ",
        "1_000",
        "1__0",
        "_1",
        "1_",
        "1.",
        "1.0",
        "1.5",
        "+5",
        "-5",
        "-0",
        "00012",
        "1e0",
        "1e3",
    ),
    *("1e3", "nan", "inf", "-Infinity", "0x10", "0.05", "3601", "٣", "99999999999999999999", "9" * 5000, "4096"),
    *("TRUE", "On", " yes ", "n", "off", "F", "2", "auto", "Auto", "docker"),
)
OTHERS: tuple[object, ...] = (
    *(True, False, 0, 1, 2, 17, -3, 10**15, 1.0, 0.0, 0.5, 17.0, 5.5, float("inf"), float("nan"), None),
    *([], [1], {}, {"a": 1}, datetime.date(2020, 1, 1), datetime.time(1)),
)
CONFIG = ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False)
KINDS: dict[str, tuple[Reader, Any]] = {
    "text": (reader_of(str), str),
    "switch": (reader_of(bool), bool),
    "choice of two": (reader_of(Literal["auto", "on"]), Literal["auto", "on"]),
    "choice": (reader_of(Literal["auto", "docker", "process"]), Literal["auto", "docker", "process"]),
    "whole number": (whole(16, 1 << 30), Annotated[int, Field(ge=16, le=1 << 30)]),
    "number": (number(0.1, 3600), Annotated[float, Field(ge=0.1, le=3600)]),
    "number or none": (or_none(number(0, 36_500)), Annotated[float, Field(ge=0, le=36_500)] | None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_is_read_and_refused_as_pydantic_does_it(kind: str):
    reader, annotation = KINDS[kind]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=CONFIG)

    for given in (*TEXTS, *OTHERS):
        assert outcome(reader, given) == outcome(adapter.validate_python, given), (kind, given)


def outcome(read: Reader, given: object) -> str:
    """The value with its type, or the sentence."""
    try:
        return repr(read(given))
    except ValidationError as error:
        return f"refused: {error.errors()[0]['msg']}"
    except ValueError as error:
        return f"refused: {error}"

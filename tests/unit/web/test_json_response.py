"""One encoder for every answer: strict JSON, whatever a plugin or a client wrote."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_stub.json_response import COMPRESSED_BYTES, encode, json_response
from web_stub.resources.resource import Ref

MOMENT = datetime(2026, 11, 22, 9, 28, 39, 527000, tzinfo=UTC)
HUGE = 10**30  # orjson refuses it, so that the slow way is taken
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(categories=None))  # halves of surrogate pairs too
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Ref, id=st.just(1), name=inner),
    max_leaves=10,
)


@pytest.mark.parametrize("further", [{}, {"huge": HUGE}, {"half": "\ud83d"}], ids=["fast", "integer", "surrogate"])
def test_numbers_times_and_resources_are_written_alike_beside_any_other_value(further: dict[str, Any]) -> None:
    value = {"nan": math.nan, "infinity": -math.inf, "time": MOMENT, "ref": Ref(id=1, name="a"), "pair": (1, 2.0)}
    read = json.loads(encode({**value, **further}))

    assert {key: read[key] for key in value} == {
        "nan": None,
        "infinity": None,
        "time": "2026-11-22T09:28:39.527000Z",
        "ref": {"id": 1, "name": "a"},
        "pair": [1, 2.0],
    }
    assert {key: read[key] for key in further} == further


@given(values)
def test_any_value_can_be_encoded_as_strict_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no strict JSON")

    json.loads(encode(value).decode(), parse_constant=refuse)


def test_large_answers_are_not_compressed_on_the_event_loop():
    assert "content-encoding" not in json_response(["a"]).headers
    assert json_response("a" * COMPRESSED_BYTES).headers["content-encoding"] == "identity"

"""Values → strict JSON, and responses made of it. Plugins and clients write any value, so any value can be encoded."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from agent.formats.json_values import storable_problem

COMPRESSED_BYTES = 1 << 20  # at most
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def encode(value: Any) -> bytes:
    """Strict JSON: NaN and Infinity become null, times end in Z, resources are objects.

    Integers may have any size; half of a surrogate pair, which is no text, is written as an escape.
    """
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:  # for such an integer or such a text
        return json.dumps(plain(value), allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """The same value made of what `json` writes strictly: the rules of `encode`, for other writers. Pure."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case datetime():
            return orjson.loads(orjson.dumps(value, option=_OPTIONS))
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def json_response(value: Any, status: int = 200) -> Response:
    """The value as it is. Resources are our own, and validating a thousand of them takes longer than reading them."""
    content = encode(value)
    # Compressing a megabyte takes the event loop from everybody for longer than sending it takes.
    headers = {"content-encoding": "identity"} if len(content) > COMPRESSED_BYTES else None
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def error_response(status: int, sentence: str, details: dict[str, object] | None = None) -> Response:
    """The shape of every refusal: {"error": sentence, "details": {"message": sentence, ...}}."""
    return json_response({"error": sentence, "details": {"message": sentence, **(details or {})}}, status)


def storable(value: Any) -> Any:
    """The value itself. ValueError for a value that the store takes but cannot give back to every reader."""
    if problem := storable_problem(value):
        raise ValueError(f"it {problem}")
    return value


def strict(value: Any) -> Any:
    """The value itself. ValueError for a value that strict JSON cannot hold: a plugin's reader would fail on it."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"cannot be stored as strict JSON: {error}") from None
    return value

"""The two lines of the official SDK that make up nearly all of a training's output, decoded straight into place.

Only lines with exactly the SDK's keys and types pass; all others raise and take the long way in `parse.py`, which
gives the same event for a line that could have gone either way (a test holds them to it).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # what a database column holds


class MetricsLine(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="event_type", tag="EventType.METRICS"
):
    message: str
    level: str
    type: Literal["train", "val"]
    epoch: float
    metrics: dict[str, float]
    timestamp: str = ""


class ProgressLine(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="event_type", tag="EventType.PROGRESS"
):
    message: str
    level: str
    subtask: str
    current: _Int64
    total: _Int64
    timestamp: str = ""
    current_label: str | None = None
    total_label: str | None = None


# What strict decoding of any text may raise: not these lines, half a surrogate pair in the text, absurd nesting.
NOT_THESE = (msgspec.MsgspecError, ValueError, RecursionError)

decode_sdk_line = msgspec.json.Decoder(MetricsLine | ProgressLine).decode

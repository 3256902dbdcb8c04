"""The two lines that make up nearly all of a training's output, METRICS and PROGRESS, decoded in one step.

Shapes: contract: events.md 3. A line passes only with exactly the keys and the types that the official SDK writes; for
every other line `decode_sdk_line` raises, and `parse.py` reads the line in its general way. Both ways give the same
event for a line that either could take: tests/unit/events/test_event_lines.py compares them over a written corpus.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # the range of a database column


class MetricsLine(
    msgspec.Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    tag_field="event_type",
    tag="EventType.METRICS",
    rename={"kind": "type", "values": "metrics"},
):
    event_type: ClassVar[str] = "METRICS"  # as events have it

    message: str
    level: str
    kind: Literal["train", "val"]
    epoch: float
    values: dict[str, float]
    timestamp: str = ""


class ProgressLine(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="event_type", tag="EventType.PROGRESS"
):
    """The labels are byte sizes as text, which the SDK of 2026 writes."""

    event_type: ClassVar[str] = "PROGRESS"

    message: str
    level: str
    subtask: str
    current: _Int64
    total: _Int64
    timestamp: str = ""
    current_label: str | None = None
    total_label: str | None = None


SdkLine = MetricsLine | ProgressLine

# What `decode_sdk_line` raises for any other text; the last two for half a surrogate pair and for absurd nesting.
NOT_SDK_LINES = (msgspec.MsgspecError, ValueError, RecursionError)

decode_sdk_line = msgspec.json.Decoder(SdkLine).decode

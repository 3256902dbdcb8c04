"""The size of an image by its layers. Pure: the engine's own history of the image is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.fs.disk import size_text
from agent.workbench.check.finding import Finding

LARGE_COPY = 500 << 20  # bytes: code is small, so data or weights lie in the folder
_NOISE = re.compile(
    r"^(?:/bin/sh -c )?(?:#\(nop\) )?(?:RUN )?(?:\|\d+ (?:\w+=\S* )*)?(?:/bin/sh -c )?\s*|\s*# buildkit$"
)
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Layer:
    made_by: str  # the instruction of the Dockerfile, shortened
    size_bytes: int


def layers_of(history: Sequence[Mapping[str, Any]]) -> list[Layer]:
    """The layers that have a size, oldest first, of the engine's history, which begins with the newest."""
    found = []
    for entry in reversed(history):
        size, made_by = entry.get("Size"), str(entry.get("CreatedBy") or "")
        if isinstance(size, int) and size > 0:
            found.append(Layer(_NOISE.sub("", made_by)[:_LONGEST], size))
    return found


def of_layers(layers: Sequence[Layer]) -> Iterator[Finding]:
    for layer in layers:
        if layer.made_by.startswith(("COPY", "ADD")) and layer.size_bytes > LARGE_COPY:
            said = f"{layer.made_by.split(' in ')[0]} adds {size_text(layer.size_bytes)} to the image."
            remedy = "Keep data and weights out of the folder, or name them in .dockerignore."
            yield Finding("image-large-copy", "Dockerfile", said, remedy, "warning")

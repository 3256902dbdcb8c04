"""Many blobs, one after the other, without waiting for each: they are brought to this machine in portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from agent.artifacts import Artifacts, Blob

AT_ONCE = 500  # blobs of a portion
AT_ONCE_BYTES = 256 << 20  # ... or as many as have this size: a portion is waited for before its first is used

Item = TypeVar("Item")


def brought(
    artifacts: Artifacts,
    items: Iterable[Item],
    blob_of: Callable[[Item], Blob],
    keep_going: Callable[[], None] = lambda: None,
) -> Iterator[Item]:
    """The items, in their order, each with its blob on this machine. Raises as `Artifacts.bring`."""
    for portion in _portions(items, blob_of):
        keep_going()
        artifacts.bring(map(blob_of, portion), keep_going)
        yield from portion


def _portions(items: Iterable[Item], blob_of: Callable[[Item], Blob]) -> Iterator[list[Item]]:
    portion: list[Item] = []
    size_bytes = 0
    for item in items:
        portion.append(item)
        size_bytes += blob_of(item).size_bytes
        if len(portion) == AT_ONCE or size_bytes >= AT_ONCE_BYTES:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion

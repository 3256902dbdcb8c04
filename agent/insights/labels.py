"""Every label of a project as columns: what all questions about the data are answered from. Pure.

A project of a hundred thousand labels takes about 6 MB, and a question about all of them a few milliseconds.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson

from agent.formats.label_shapes import shape_of
from agent.insights.areas import NOWHERE, Extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAIN, VAL = 1, 2  # bits of `splits`: the image has this tag, by which plugins choose images
SPLIT_TAGS = {"train": TRAIN, "val": VAL}
UNREADABLE, OTHER_SIZE = 1, 2  # bits of `states`: no annotation can be read; it is that of an image of another size
BROKEN, EMPTY, COVERS = (
    1,
    2,
    4,
)  # bits of `flags`: cannot be read; a mask without a pixel; of a shape that covers pixels
_COVERING = frozenset({"bitmap", "polygon", "rectangle", "cuboid"})
_MOST = (1 << 31) - 1  # of a column of integers
_FAR = 1e9  # pixels; no image is so large, and products of such numbers are still numbers


@dataclass(frozen=True, slots=True)
class Labels:
    """The N images and L labels of a project, in its order."""

    frames: NDArray[np.int32]  # (N, 2): width and height of each image
    splits: NDArray[np.uint8]  # (N,)
    states: NDArray[np.uint8]  # (N,)
    images: NDArray[np.int32]  # (L,): the image of each label, from 0 to N - 1, ascending
    classes: NDArray[np.int32]  # (L,): the position of its class among the classes of the project
    flags: NDArray[np.uint8]  # (L,)
    pixels: NDArray[np.float64]  # (L,): of the image, covered by it; 0 for one that is broken
    boxes: NDArray[
        np.float64
    ]  # (L, 4): first and last pixel as left, top, right, bottom; 0, 0, -1, -1 for one that is broken
    digests: NDArray[np.uint32]  # (L,): of the geometry of a label that covers no pixels, such as a line; else 0

    @property
    def are_whole(self) -> NDArray[np.bool_]:
        """(L,): the labels that lie somewhere."""
        return ~has(self.flags, BROKEN | EMPTY)

    def images_with(self, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,): images with any of these labels."""
        found = np.zeros(len(self.frames), bool)
        found[self.images[labels]] = True
        return found

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode({name: getattr(self, name).tobytes() for name in _COLUMNS})

    @classmethod
    def from_bytes(cls, packed: bytes) -> Labels:
        """Shares the memory of `packed`. Raises ValueError where it is damaged."""
        raw = msgspec.msgpack.decode(packed, type=dict[str, bytes])
        if set(raw) != set(_COLUMNS):
            raise ValueError("the columns of labels have other names")
        columns = {name: np.frombuffer(raw[name], kind).reshape(shape) for name, (kind, shape) in _COLUMNS.items()}
        return cls(**columns)


_COLUMNS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "frames": (np.int32, (-1, 2)),
    "splits": (np.uint8, (-1,)),
    "states": (np.uint8, (-1,)),
    "images": (np.int32, (-1,)),
    "classes": (np.int32, (-1,)),
    "flags": (np.uint8, (-1,)),
    "pixels": (np.float64, (-1,)),
    "boxes": (np.float64, (-1, 4)),
    "digests": (np.uint32, (-1,)),
}


def has(bits: NDArray[np.uint8], wanted: int) -> NDArray[np.bool_]:
    """Where any of the wanted bits is set."""
    return np.asarray(bits & wanted, bool)


class Gathering:
    """Takes image after image, each followed by its labels."""

    def __init__(self) -> None:
        self._frames, self._splits, self._states = array("i"), bytearray(), bytearray()
        self._images, self._classes, self._flags = array("i"), array("i"), bytearray()
        self._pixels, self._boxes, self._digests = array("d"), array("d"), array("I")

    def image(self, width: int, height: int, annotation: Mapping[str, Any] | None, tags: Sequence[str]) -> None:
        """The next image. `annotation`: None for one that cannot be read; `tags`: of the image itself."""
        self._frames.extend((min(width, _MOST), min(height, _MOST)))
        self._splits.append(sum(bit for tag, bit in SPLIT_TAGS.items() if tag in tags))
        state = UNREADABLE if annotation is None else 0
        self._states.append(state if _fits(annotation, width, height) else OTHER_SIZE)

    def label(self, label: Mapping[str, Any], place: int, class_shape: str, extent: Extent | None) -> None:
        """A label of the last image. `place`: of its class; `extent`: None for a label that is broken."""
        flags, digest = 0, 0
        shape = shape_of(label, class_shape)
        if shape in _COVERING:
            flags |= COVERS
        elif extent is not None:
            digest = _digest(label)
        if extent is None:
            flags, extent = flags | BROKEN, NOWHERE
        elif extent == NOWHERE:
            flags |= EMPTY
        self._images.append(len(self._splits) - 1)
        self._classes.append(place)
        self._flags.append(flags)
        self._pixels.append(extent.pixels)
        for number in (extent.left, extent.top, extent.right, extent.bottom):
            self._boxes.append(max(-_FAR, min(number, _FAR)))
        self._digests.append(digest)

    def gathered(self) -> Labels:
        raw = {name: bytes(getattr(self, f"_{name}")) for name in _COLUMNS}
        return Labels.from_bytes(msgspec.msgpack.encode(raw))


def _fits(annotation: Mapping[str, Any] | None, width: int, height: int) -> bool:
    size = (annotation or {}).get("size")
    said = (size.get("width"), size.get("height")) if isinstance(size, dict) else ()
    return said == (width, height) or not all(type(length) is int for length in said) or not said


def _digest(label: Mapping[str, Any]) -> int:
    """The same for the same geometry, and never 0."""
    geometry = [label.get("points"), label.get("nodes")]
    return zlib.crc32(orjson.dumps(geometry, option=orjson.OPT_SORT_KEYS)) or 1

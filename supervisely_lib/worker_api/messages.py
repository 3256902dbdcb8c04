"""The messages between a deployed model and its server: protobuf, proto3 (contract: agent_rpc.md 2).

They are written by hand. Images of plugins have any version of the package `protobuf`, or none, and code that was
generated for one version does not load in another. The methods have the names of the generated classes, so `AgentAPI`
takes messages of both kinds.

A field that a message does not know is skipped and is not written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Union

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_NUMBER = (1 << 29) - 1  # of a field

STRING, STRINGS, BYTES = "string", "repeated string", "bytes"
UINT32, UINT64 = "uint32", "uint64"
_BITS = {UINT32: 32, UINT64: 64}

Buffer = Union[bytes, bytearray, memoryview]

TAKES_IMAGES = {"x-takes-images": "1"}  # a header: short images may come with their requests, in GeneralEvent.image


class DecodeError(ValueError):
    """Bytes that are not a message."""


class Message:
    """A message with the fields of `FIELDS`: number → (name, kind). A kind is a constant above, or a message class.

    A field without a value is "", b"", 0 or []; a message without a value is None.
    """

    FIELDS: ClassVar[dict[int, tuple[str, Any]]] = {}

    def __init__(self, **values: Any) -> None:
        self._clear()
        names = [name for name, _ in self.FIELDS.values()]
        for name, value in values.items():
            if name not in names:
                raise TypeError(f"{type(self).__name__} has no field {name!r}, only {', '.join(names)}.")
            setattr(self, name, value)

    def _clear(self) -> None:
        empty = {STRING: "", BYTES: b"", UINT32: 0, UINT64: 0}
        for name, kind in self.FIELDS.values():
            setattr(self, name, [] if kind == STRINGS else empty.get(kind))

    def SerializeToString(self) -> bytes:
        """The message as bytes. ValueError for a number out of range and for a text that is not Unicode."""
        out = bytearray()
        for number, (name, kind) in self.FIELDS.items():
            value = getattr(self, name)
            if kind in _BITS:
                if not 0 <= value < 1 << _BITS[kind]:
                    raise ValueError(f"{type(self).__name__}.{name} is a {kind}; {value} is out of its range.")
                if value:
                    out += _as_varint(number << 3 | _VARINT) + _as_varint(value)
                continue
            for content in _contents(kind, value):
                out += _as_varint(number << 3 | _BYTES) + _as_varint(len(content))
                out += content
        return bytes(out)

    def ByteSize(self) -> int:
        """The number of bytes of the message."""
        return len(self.SerializeToString())

    def ParseFromString(self, serialized: Buffer) -> int:
        """Take the values of `serialized` in place of the present ones, and return its length. Raises DecodeError."""
        self._clear()
        self.MergeFromString(serialized)
        return len(serialized)

    def MergeFromString(self, serialized: Buffer) -> None:
        """Take the values of `serialized`; a field that it lacks keeps its value. Raises DecodeError."""
        for number, wire_type, value in _fields(memoryview(serialized)):
            name, kind = self.FIELDS.get(number, ("", None))
            if kind is None or wire_type != (_VARINT if kind in _BITS else _BYTES):
                continue
            if kind in _BITS:
                setattr(self, name, value & ((1 << _BITS[kind]) - 1))
            elif kind == STRINGS:
                getattr(self, name).append(_text(value, name))
            elif kind in (STRING, BYTES):
                setattr(self, name, bytes(value) if kind == BYTES else _text(value, name))
            else:
                inner = getattr(self, name) or kind()
                inner.MergeFromString(value)
                setattr(self, name, inner)


def _contents(kind: Any, value: Any) -> Iterator[bytes]:
    """What is written of a field that is not a number; nothing of an empty field."""
    if kind == STRINGS:
        yield from (item.encode("utf-8") for item in value)
    elif kind in (STRING, BYTES):
        if value:
            yield value.encode("utf-8") if kind == STRING else value
    elif value is not None:
        yield value.SerializeToString()


def _as_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    number = 0
    for count in range(10):
        if at + count >= len(data):
            raise DecodeError("The message ends inside a number.")
        byte = data[at + count]
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number & ((1 << 64) - 1), at + count + 1
    raise DecodeError("A number of the message has more than ten bytes.")


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field; the value is a number, or the bytes of any other field."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number <= _MAX_NUMBER:
            raise DecodeError(f"The message has a field of the number {number}.")
        if wire_type == _VARINT:
            value, at = _varint(data, at)
            yield number, wire_type, value
            continue
        if wire_type == _BYTES:
            size, at = _varint(data, at)
        elif wire_type in _FIXED_SIZES:
            size = _FIXED_SIZES[wire_type]
        else:
            raise DecodeError(f"The message has a field of the wire type {wire_type}.")
        if size > len(data) - at:
            raise DecodeError(f"The message ends inside field {number}.")
        yield number, wire_type, data[at : at + size]
        at += size


def _text(value: memoryview, name: str) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"The field {name!r} is not UTF-8: {error}") from error


class Empty(Message):
    """A request or an answer without content."""


class GeneralEvent(Message):
    """A request to a deployed model; `data` is JSON.

    `image` is the file of its image, and empty from servers that do not know `TAKES_IMAGES`: there it is asked for.
    """

    request_id: str
    data: bytes
    image: bytes
    FIELDS = {1: ("request_id", STRING), 2: ("data", BYTES), 1000: ("image", BYTES)}  # noqa: RUF012 - ClassVar in Message


class Chunk(Message):
    """A part of a content of `total_size` bytes; 0 is an unknown size."""

    buffer: bytes
    total_size: int
    error: str
    FIELDS = {1: ("buffer", BYTES), 2: ("total_size", UINT64), 3: ("error", STRING)}  # noqa: RUF012


class ImagesHashes(Message):
    """Images that are asked for by the hashes of their contents; the token names the agent that has them."""

    images_hashes: list[str]
    src_node_token: str
    FIELDS = {1: ("images_hashes", STRINGS), 2: ("src_node_token", STRING)}  # noqa: RUF012


class Image(Message):
    """What the server knows of an image."""

    id: int
    hash: str
    title: str
    ext: str
    dataset_id: int
    project_id: int
    meta: str
    FIELDS = {  # noqa: RUF012
        1: ("id", UINT32),
        2: ("hash", STRING),
        3: ("title", STRING),
        4: ("ext", STRING),
        5: ("dataset_id", UINT32),
        6: ("project_id", UINT32),
        7: ("meta", STRING),
    }


class ChunkImage(Message):
    """A part of the content of an image."""

    chunk: Chunk | None
    image: Image | None
    FIELDS = {1: ("chunk", Chunk), 2: ("image", Image)}  # noqa: RUF012

"""The messages of the private protocol: by bytes that are known, and compared with the library `protobuf`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.worker_api import messages
from supervisely_lib.worker_api.messages import (
    Chunk,
    ChunkImage,
    DecodeError,
    Empty,
    GeneralEvent,
    Image,
    ImagesHashes,
    Message,
)

CLASSES = (Empty, GeneralEvent, Chunk, ImagesHashes, Image, ChunkImage)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    messages.STRING: st.text(max_size=20),
    messages.STRINGS: st.lists(st.text(max_size=20), max_size=3),
    messages.BYTES: st.binary(max_size=300),
    messages.UINT32: st.integers(0, 2**32 - 1),
    messages.UINT64: st.integers(0, 2**64 - 1),
}


def test_messages_have_the_bytes_of_the_protocol() -> None:
    assert Empty().SerializeToString() == b""
    assert GeneralEvent(request_id="7", data=b"{}").SerializeToString() == b"\x0a\x017\x12\x02{}"
    assert Chunk(buffer=b"ab", total_size=300).SerializeToString() == b"\x0a\x02ab\x10\xac\x02"
    assert ImagesHashes(images_hashes=["a", ""]).SerializeToString() == b"\x0a\x01a\x0a\x00"
    assert ChunkImage(chunk=Chunk()).SerializeToString() == b"\x0a\x00"
    assert Image(id=1, meta="ü").SerializeToString() == b"\x08\x01\x3a\x02\xc3\xbc"
    assert Image(id=1, meta="ü").ByteSize() == 6


def test_a_message_that_is_read_again_forgets_what_it_had() -> None:
    event = GeneralEvent(request_id="1", data=b"x")

    assert event.ParseFromString(b"\x0a\x012") == 3
    assert (event.request_id, event.data) == ("2", b"")


def test_a_field_that_is_not_known_or_has_another_type_is_skipped() -> None:
    unknown = b"\x98\x06\x05" + b"\xa1\x06" + bytes(8) + b"\xaa\x06\x02hi" + b"\xb5\x06" + bytes(4)
    chunk = Chunk()
    chunk.ParseFromString(unknown + b"\x0a\x01a" + b"\x08\x07" + b"\x12\x01z" + unknown)

    assert (chunk.buffer, chunk.total_size) == (b"a", 0)
    assert chunk.SerializeToString() == b"\x0a\x01a"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x0a", "ends inside a number"),
        (b"\x0a\x05abc", "ends inside field 1"),
        (b"\x09abc", "ends inside field 1"),
        (b"\x10" + b"\xff" * 10 + b"\x01", "more than ten bytes"),
        (b"\x02\x00", "a field of the number 0"),
        (b"\x0b", "wire type 3"),
        (b"\x1a\x01\xff", "'error' is not UTF-8"),
    ],
)
def test_what_is_no_message_is_an_error(content: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        Chunk().ParseFromString(content)


def test_values_that_do_not_fit_are_errors() -> None:
    with pytest.raises(TypeError, match="Chunk has no field 'size', only buffer, total_size, error"):
        Chunk(size=1)
    for value in (-1, 2**32):
        with pytest.raises(ValueError, match=r"Image\.id is a uint32"):
            Image(id=value).SerializeToString()


def values_of(message: Any, cls: type[Message]) -> dict[str, Any]:
    """The values of a message of either kind."""
    values: dict[str, Any] = {}
    for name, kind in cls.FIELDS.values():
        value = getattr(message, name)
        if isinstance(kind, type):
            is_set = value is not None and (not hasattr(message, "HasField") or message.HasField(name))
            values[name] = values_of(value, kind) if is_set else None
        else:
            values[name] = list(value) if kind == messages.STRINGS else value
    return values


@st.composite
def contents(draw: st.DrawFn, cls: type[Message]) -> dict[str, Any]:
    """Field → value for some fields of a message; a message within it is a dictionary too."""
    content = {}
    for name, kind in cls.FIELDS.values():
        if draw(st.booleans()):
            content[name] = draw(contents(kind) if isinstance(kind, type) else VALUES[kind])
    return content


def ours(cls: type[Message], content: dict[str, Any]) -> Message:
    inner = {name: kind for name, kind in cls.FIELDS.values() if isinstance(kind, type)}
    return cls(**{name: ours(inner[name], value) if name in inner else value for name, value in content.items()})


@pytest.fixture(scope="module")
def library() -> dict[str, Any]:
    """Name → message class that the library `protobuf` makes of the same fields."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    types = {
        messages.STRING: field.TYPE_STRING,
        messages.STRINGS: field.TYPE_STRING,
        messages.BYTES: field.TYPE_BYTES,
        messages.UINT32: field.TYPE_UINT32,
        messages.UINT64: field.TYPE_UINT64,
    }
    file = descriptor_pb2.FileDescriptorProto(name="agent.proto", syntax="proto3")
    for cls in CLASSES:
        described = file.message_type.add(name=cls.__name__)
        for number, (name, kind) in cls.FIELDS.items():
            label = field.LABEL_REPEATED if kind == messages.STRINGS else field.LABEL_OPTIONAL
            added = described.field.add(name=name, number=number, label=label)
            if isinstance(kind, type):
                added.type, added.type_name = field.TYPE_MESSAGE, f".{kind.__name__}"
            else:
                added.type = types[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {cls.__name__: message_factory.GetMessageClass(pool.FindMessageTypeByName(cls.__name__)) for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
def test_the_library_protobuf_writes_the_same_bytes_and_reads_the_same_values(
    library: dict[str, Any], cls: type[Message], data: st.DataObject
) -> None:
    content = data.draw(contents(cls))
    mine, other = ours(cls, content), library[cls.__name__](**content)

    assert mine.SerializeToString() == other.SerializeToString()
    mine_again, other_again = cls(), library[cls.__name__]()
    mine_again.ParseFromString(other.SerializeToString())
    other_again.ParseFromString(mine.SerializeToString())
    assert values_of(mine_again, cls) == values_of(other_again, cls) == values_of(other, cls)


# The library also reads groups, which proto3 does not have, and some fields of the number 0, which nobody has.
_REFUSED_HERE_ONLY = ("wire type", "the number 0")
_WORDS = st.sampled_from([bytes([number << 3 | wire]) for number in (1, 2, 3, 7, 9) for wire in (0, 1, 2, 5)])


@pytest.mark.parametrize("cls", CLASSES)
@given(content=st.lists(_WORDS | st.binary(max_size=6) | st.sampled_from([b"\x00", b"\x01", b"\x02"]), max_size=8))
def test_the_library_protobuf_refuses_the_same_bytes(
    library: dict[str, Any], cls: type[Message], content: list[bytes]
) -> None:
    from google.protobuf.message import DecodeError as Refused

    data = b"".join(content)
    mine, other = cls(), library[cls.__name__]()
    try:
        mine.ParseFromString(data)
    except DecodeError as error:
        if not any(words in str(error) for words in _REFUSED_HERE_ONLY):
            with pytest.raises(Refused):
                other.ParseFromString(data)
    else:
        other.ParseFromString(data)
        assert values_of(mine, cls) == values_of(other, cls)

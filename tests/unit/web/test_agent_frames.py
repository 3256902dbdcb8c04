"""Frames of the agent's protocol, in whatever pieces they come."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from supervisely_lib.worker_api import messages as of_sdk
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.frames import KEEP_ALIVE, FrameReader, frame


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 9))
def test_messages_come_out_as_they_went_in(contents: list[bytes], size: int) -> None:
    stream = b"".join(len(content).to_bytes(4) + content for content in contents)
    reader = FrameReader()
    found: list[bytes] = []
    for at in range(0, len(stream), size):
        found += reader.feed(stream[at : at + size])
    reader.finish()
    assert found == [content for content in contents if content]


def test_a_stream_that_ends_inside_a_frame_is_refused() -> None:
    for part in (b"\0\0", b"\0\0\0\x05abc"):
        reader = FrameReader()
        assert list(reader.feed(KEEP_ALIVE + part)) == []
        with pytest.raises(BadInput, match="ends inside a frame"):
            reader.finish()


def test_a_frame_has_a_limit() -> None:
    with pytest.raises(BadInput, match=r"4,294,967,295 bytes; 10 are allowed"):
        list(FrameReader(10).feed(b"\xff\xff\xff\xff"))


def test_signs_of_life_in_any_number_cost_no_time() -> None:
    reader = FrameReader()
    begun = time.process_time()
    for _ in range(64):
        assert list(reader.feed(bytes(1 << 20) + b"\0\0\0\x01a" + bytes(1 << 20))) == [b"a"]
    assert time.process_time() - begun < 4  # 33 million of them, which one by one take far longer
    reader.finish()


def test_messages_are_those_of_the_sdk() -> None:
    event = api.GeneralEvent(request_id="7-ab", data=b"{}")
    read = of_sdk.GeneralEvent()
    read.ParseFromString(event.SerializeToString())
    assert (read.request_id, read.data) == ("7-ab", b"{}")
    image = api.ChunkImage(
        chunk=api.Chunk(buffer=b"x", total_size=5, error="e"), image=api.Image(id=1, hash="h", title="t", meta="m")
    )
    part = of_sdk.ChunkImage()
    part.ParseFromString(image.SerializeToString())
    assert part.SerializeToString() == image.SerializeToString()
    asked = of_sdk.ImagesHashes(images_hashes=["a", "b"], src_node_token="n")
    assert list(api.ImagesHashes.FromString(asked.SerializeToString()).images_hashes) == ["a", "b"]
    assert frame(event)[:4] == len(event.SerializeToString()).to_bytes(4)

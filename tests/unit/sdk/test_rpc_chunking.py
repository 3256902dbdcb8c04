"""Contents in parts, from files and to files."""

from __future__ import annotations

from pathlib import Path

import pytest

import supervisely_lib as sly
from supervisely_lib.worker_api.agent_rpc import send_from_memory_generator
from supervisely_lib.worker_api.chunking import load_to_memory_chunked, load_to_memory_chunked_image
from supervisely_lib.worker_api.messages import Chunk, ChunkImage


def test_a_size_is_split_into_parts() -> None:
    splitter = sly.ChunkSplitter(7, 3)

    assert list(splitter) == [(0, 3), (3, 3), (6, 1)]
    assert splitter.chunk_cnt == 3


def test_a_file_goes_in_parts_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"abcdefg")
    reader = sly.ChunkedFileReader(str(tmp_path / "from"), 3)
    writer = sly.ChunkedFileWriter(str(tmp_path / "new" / "to"))
    for part in reader:
        writer.write(Chunk(buffer=part, total_size=reader.file_size))

    assert writer.close_and_check()
    assert Path(writer.file_path).read_bytes() == b"abcdefg"
    assert writer.written_bytes == writer.total_size == 7


def test_a_file_of_which_parts_are_missing_is_removed(tmp_path: Path) -> None:
    writer = sly.ChunkedFileWriter(str(tmp_path / "to"))
    writer.write(Chunk(buffer=b"abc", total_size=4))
    writer.write(Chunk())

    assert not writer.close_and_check()
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_parts_is_not_made(tmp_path: Path) -> None:
    assert sly.ChunkedFileWriter(str(tmp_path / "to")).close_and_check()
    assert list(tmp_path.iterdir()) == []


def test_a_content_comes_through_memory_in_parts() -> None:
    parts = list(send_from_memory_generator(b"abcdefg", 3))

    assert [part.buffer for part in parts] == [b"abc", b"def", b"g"]
    assert load_to_memory_chunked(parts) == b"abcdefg"
    assert load_to_memory_chunked([Chunk(buffer=b"a"), Chunk(buffer=b"b")]) == b"ab"  # of an unknown size
    assert load_to_memory_chunked_image([ChunkImage(), *(ChunkImage(chunk=part) for part in parts)]) == b"abcdefg"
    with pytest.raises(RuntimeError, match="incomplete: 3 of 7 bytes came"):
        load_to_memory_chunked(parts[:1])

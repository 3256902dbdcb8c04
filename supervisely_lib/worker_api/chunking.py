"""Contents in parts (contract: agent_rpc.md 2, Chunk)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import IO, Any

from supervisely_lib.io.fs import ensure_base_path, get_file_size, silent_remove
from supervisely_lib.worker_api.messages import Chunk


class ChunkSplitter:
    """(position, size) of each part of `tot_size` bytes; a part has `chunk_size` bytes, the last one the rest."""

    def __init__(self, tot_size: int, chunk_size: int) -> None:
        self.tot_size = tot_size
        self.chunk_size = chunk_size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for at in range(0, self.tot_size, self.chunk_size):
            yield at, min(self.chunk_size, self.tot_size - at)

    @property
    def chunk_cnt(self) -> int:
        """The number of parts."""
        return math.ceil(self.tot_size / self.chunk_size)


class ChunkedFileReader:
    """The content of a file in parts of `chunk_size` bytes."""

    def __init__(self, fpath: str, chunk_size: int) -> None:
        self.fpath = fpath
        self.file_size = get_file_size(fpath)
        self.splitter = ChunkSplitter(self.file_size, chunk_size)

    def __iter__(self) -> Iterator[bytes]:
        with open(self.fpath, "rb") as file:
            for _, size in self.splitter:
                yield file.read(size)


class ChunkedFileWriter:
    """Writes the parts of a content to a file."""

    def __init__(self, file_path: str) -> None:
        self.path = file_path
        self.total_size = 0
        self.written_bytes = 0
        self._file: IO[bytes] | None = None

    @property
    def file_path(self) -> str:
        """The file."""
        return self.path

    def write(self, chunk: Any) -> None:
        """Append a part, a message `Chunk`; the first one makes the file and its folder."""
        if self._file is None:
            ensure_base_path(self.path)
            self._file = open(self.path, "wb")  # noqa: SIM115 - close_and_check closes it
        self.total_size = chunk.total_size or self.total_size
        self.written_bytes += self._file.write(chunk.buffer)

    def close_and_check(self) -> bool:
        """Close the file. False if it is not as long as the parts said; it is removed then."""
        if self._file is not None:
            self._file.close()
        complete = self.total_size in (0, self.written_bytes)
        if not complete:
            silent_remove(self.path)
        return complete


def load_to_memory_chunked(iterable_resp: Iterable[Any]) -> bytearray:
    """The content whose parts are messages `Chunk`. RuntimeError if a part has an error, or if parts are missing."""
    content = bytearray()
    total_size = 0
    for chunk in iterable_resp:
        if chunk.error:
            raise RuntimeError(f"The server could not send the content: {chunk.error}")
        content += chunk.buffer
        total_size = chunk.total_size or total_size
    if total_size not in (0, len(content)):
        raise RuntimeError(f"The content is incomplete: {len(content)} of {total_size} bytes came.")
    return content


def load_to_memory_chunked_image(iterable_resp: Iterable[Any]) -> bytearray:
    """As `load_to_memory_chunked`, of messages `ChunkImage`."""
    return load_to_memory_chunked(part.chunk or Chunk() for part in iterable_resp)

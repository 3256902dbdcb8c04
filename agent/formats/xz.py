"""Reading `.xz` with a limit on memory.

`lzma.LZMAFile` has no such limit, and the header of a stream names the size of its dictionary: a small file may claim
4 GiB.
"""

from __future__ import annotations

import io
import lzma
from typing import Any, BinaryIO

MEMORY_BYTES = 160 << 20  # `xz -9` needs 65 MiB to unpack
_CHUNK = 64 << 10
_PADDING = b"\0"
_MAGIC = b"\xfd7zXZ\x00"


class NeedsTooMuchMemory(lzma.LZMAError):
    """The stream needs more than MEMORY_BYTES to be unpacked."""


class XzReader(io.RawIOBase):
    """The bytes that are compressed in `file`, one stream or several. Going back begins anew.

    Raises LZMAError for damaged and EOFError for truncated files.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self._position = 0
        self._stream = _new_stream()
        self._ended = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            position += self._position
        elif whence != io.SEEK_SET:
            raise io.UnsupportedOperation("the end is not known")
        if position < self._position:
            self._file.seek(self._start)
            self._position, self._ended, self._stream = 0, False, _new_stream()
        while self._position < position and (data := self.read(min(_CHUNK, position - self._position))):
            assert data
        return self._position

    def _next(self, size: int) -> bytes:
        while not self._ended:
            if self._stream.eof:
                rest = self._stream.unused_data.lstrip(_PADDING)  # streams may be padded
                while len(rest) < len(_MAGIC) and (more := self._file.read(_CHUNK)):
                    rest = (rest + more).lstrip(_PADDING)
                if not rest.startswith(_MAGIC):  # the end, or bytes behind it, which the standard reader ignores, too
                    self._ended = True
                    break
                self._stream = _new_stream()
            elif self._stream.needs_input:
                rest = self._file.read(_CHUNK)
                if not rest:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            else:
                rest = b""
            try:
                data = self._stream.decompress(rest, size)
            except lzma.LZMAError as error:
                if "Memory usage limit" in str(error):
                    raise NeedsTooMuchMemory(*error.args) from None
                raise
            if data:
                return data
        return b""


def _new_stream() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_BYTES)

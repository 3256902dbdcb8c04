"""What a plugin in a pod printed, in one order that never changes.

The script keeps each stream in a file of its own; between two files there is no order. So what is read from them is
first appended to a file of the agent's own, as frames, and given to the reader from there: every reader gets the same
sequence, also after a restart. The file itself says how much of each stream was read. An agent may be killed between
any two instructions: a frame that is not complete is cut off, and its bytes are read again.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.engines import Frame, pod_script
from agent.engines.frames import HEADER_BYTES, FrameParser
from agent.engines.pod_control import Control, FileId
from agent.fs.disk import writing

READ_BYTES = 1 << 20
STREAMS = {1: pod_script.OUT, 2: pod_script.ERR}

_header = struct.Struct(">B3xI")


class Streams:
    """The files in which the script keeps the plugin's output; the plugin can do with them what it likes."""

    def __init__(self, control: Control, files: Mapping[int, FileId]) -> None:
        """`files` are those that there were before the plugin ran, by stream."""
        self._control = control
        self._files = files
        self._open: dict[int, BufferedReader] = {}
        self.lost = ""  # why output is missing, a sentence

    def read(self, stream: int, position: int) -> bytes:
        """Bytes from this position on, as far as they are there. Never waits, never fails."""
        file = self._open.get(stream) or self._opened(stream)
        if file is None:
            return b""
        try:
            if os.fstat(file.fileno()).st_size < position:
                self._miss(stream, "was cut")
                return b""
            return os.pread(file.fileno(), READ_BYTES, position)
        except OSError as error:
            self._miss(stream, f"cannot be read: {error.strerror}")
            return b""

    def _opened(self, stream: int) -> BufferedReader | None:
        try:
            file = self._control.open(STREAMS[stream])
        except OSError:
            self._miss(stream, "is gone")
            return None
        if file_id(file) != self._files.get(stream):
            file.close()
            self._miss(stream, "was replaced")
            return None
        self._open[stream] = file
        return file

    def _miss(self, stream: int, what: str) -> None:
        name = {1: "stdout", 2: "stderr"}[stream]
        self.lost = self.lost or f"lines of the plugin are missing: the file that keeps its {name} {what}"

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()


class Merged:
    """The agent's own file, open for one reader. Several may read it, also of several processes."""

    def __init__(self, file: Path, streams: Streams) -> None:
        """Raises FileNotFoundError when it was removed."""
        self._streams = streams
        self._descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        self._parser = FrameParser()
        self._given = 0  # bytes of the file that were handed to the reader
        self._complete = 0  # ... that are known to be whole frames
        self._positions = dict.fromkeys(STREAMS, 0)  # how much of each stream they hold

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._streams.close()

    def more(self) -> Iterator[Sequence[Frame]]:
        """All that can be read now. Raises DiskFull, StorageFailed: then nothing was lost."""
        while self._take():
            while self._given < self._complete:
                most = min(READ_BYTES, self._complete - self._given)
                data = os.pread(self._descriptor, most, self._given)
                if not data:
                    return
                self._given += len(data)
                if frames := self._parser.feed(data):
                    yield frames

    def _take(self) -> bool:
        """Append what the plugin has printed since; whether the file holds more than the reader has."""
        with writing("what the plugin prints"):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._count()
                if self._given == self._complete:  # else the reader first takes what is here
                    self._append()
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return self._given < self._complete

    def _count(self) -> None:
        """Look at the frames that others have appended, and cut off one that nobody completed."""
        end = os.fstat(self._descriptor).st_size
        while (frame := self._frame_at(self._complete, end)) is not None:
            stream, length = frame
            self._complete += HEADER_BYTES + length
            self._positions[stream] += length
        if self._complete < end:
            os.ftruncate(self._descriptor, self._complete)

    def _frame_at(self, position: int, end: int) -> tuple[int, int] | None:
        """Stream and length of the whole frame there; None when there is none."""
        if end - position < HEADER_BYTES:
            return None
        stream, length = _header.unpack(os.pread(self._descriptor, HEADER_BYTES, position))
        return (stream, length) if stream in STREAMS and position + HEADER_BYTES + length <= end else None

    def _append(self) -> None:
        for stream in STREAMS:
            data = self._streams.read(stream, self._positions[stream])
            if not data:
                continue
            frame, written = _header.pack(stream, len(data)) + data, 0
            while written < len(frame):
                written += os.pwrite(self._descriptor, frame[written:], self._complete + written)
            self._complete += len(frame)
            self._positions[stream] += len(data)


def file_id(file: BufferedReader) -> FileId:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino

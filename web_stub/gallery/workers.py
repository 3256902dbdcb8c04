"""Worker processes that decode pixels: few, started when needed, killed when a job takes too long, and replaced.

An image or a mask from a stranger can take minutes and gigabytes to decode, and no thread can be stopped. A process
can: it has limits of its own (`decode_worker.py`), and its parent kills it at a deadline. Its environment holds no
secrets.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from agent.evaluation.coco import CocoObjects
from web_stub.budget import TooBusy
from web_stub.gallery.decode import NoPicture
from web_stub.gallery.decode_worker import (
    Answer,
    Coco,
    Fingerprint,
    Job,
    JudgedPicture,
    Masks,
    Thumbnail,
    WholePicture,
    receive_frame,
    send_frame,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.evaluation.coco import CocoImage
    from agent.evaluation_report.pictures import Drawing
    from agent.insights.areas import Extent, Mask

AT_MOST = 2  # processes: decoded images are large
DEADLINE_S = 30.0  # of one job, the start of a process included
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from web_stub.gallery.decode_worker import main; main()"
)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")

# A pool of threads for each library takes more address space than a worker has.
_THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")


class TookTooMuch(NoPicture):
    """The process had to be killed, or ended by its limits."""


class Workers:
    """At most `at_most` processes for any number of threads."""

    def __init__(self, at_most: int = AT_MOST, *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._free = threading.BoundedSemaphore(at_most)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._is_closing = False

    def thumbnail(self, image: BinaryIO, mime: str, size: int) -> bytes:
        """The image as a small WebP. Raises NoPicture; TookTooMuch beyond the limits on time and memory."""
        with _real_file(image) as file:
            return self._do(Thumbnail(mime, size), [file.fileno()]).content

    def whole_picture(self, image: BinaryIO, mime: str) -> bytes:
        """The image as a PNG of its own size, with the pixels that a plugin gets. Raises NoPicture; TookTooMuch."""
        with _real_file(image) as file:
            return self._do(WholePicture(mime), [file.fileno()]).content

    def fingerprint(self, image: BinaryIO, mime: str) -> bytes:
        """By which nearly equal images are found (`agent/insights/near.py`). Raises NoPicture; TookTooMuch."""
        with _real_file(image) as file:
            return self._do(Fingerprint(mime), [file.fileno()]).content

    def judged_picture(self, image: BinaryIO, drawing: Drawing) -> bytes | None:
        """The image of a report as a JPEG (`agent/evaluation_report/pictures.py`), None where it cannot be decoded.

        Raises TookTooMuch.
        """
        with _real_file(image) as file:
            return self._do(JudgedPicture(drawing), [file.fileno()]).content or None

    def coco_objects(self, image: CocoImage) -> CocoObjects:
        """The labels of an image as COCO tools read them. Raises TookTooMuch."""
        return msgspec.json.decode(self._do(Coco(image), []).content, type=CocoObjects)

    def mask_extents(self, masks: Sequence[Mask]) -> list[Extent | None]:
        """Where each mask lies on its image; None for a broken one. Raises TookTooMuch."""
        return self._do(Masks(list(masks)), []).extents if masks else []

    def _do(self, job: Job, descriptors: list[int]) -> Answer:
        with self._free:
            worker = self._take()
            try:
                answer = worker.do(job, descriptors, self._deadline_s)
            except (EOFError, OSError):
                self._discard(worker)
                if self._is_closing:
                    raise _stopped() from None
                raise TookTooMuch("the image takes too much time or memory to decode and cannot be shown") from None
            except BaseException:
                self._discard(worker)
                raise
            with self._lock:
                self._idle.append(worker)
        if answer.refusal:
            raise NoPicture(answer.refusal)
        return answer

    def _take(self) -> _Worker:
        with self._lock:
            if self._is_closing:
                raise _stopped()
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive():
                    return worker
                self._all.discard(worker)
                worker.end()
            worker = _Worker()
            self._all.add(worker)
            return worker

    def _discard(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            self._all.discard(worker)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Kill every process. Jobs under way fail with TooBusy, and so do new ones within the block."""
        with self._lock:
            self._is_closing = True
            workers, self._all = self._all, set()
            self._idle.clear()
        try:
            for worker in workers:
                worker.end()
            yield
        finally:
            self._is_closing = False


@contextmanager
def own_workers() -> Iterator[Workers]:
    """Workers of a command; they end with the block."""
    workers = Workers()
    try:
        yield workers
    finally:
        with workers.closing():
            pass


class _Worker:
    """A process and the socket to it. One thread at a time."""

    def __init__(self) -> None:
        self._end, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**_THREADS, **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}},
                start_new_session=True,  # a terminal's Ctrl-C is for the server
            )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def do(self, job: Job, descriptors: list[int], deadline_s: float) -> Answer:
        """Raises EOFError or OSError when the process ends before its answer, killed at the deadline."""
        deadline = threading.Timer(deadline_s, self._process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            send_frame(self._end, job, descriptors)
            return msgspec.msgpack.decode(receive_frame(self._end)[0], type=Answer)
        finally:
            deadline.cancel()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._end.close()


def _stopped() -> TooBusy:
    return TooBusy("the server is being stopped")


def _real_file(file: BinaryIO) -> BinaryIO:
    """The file itself when it has a descriptor, else a temporary copy."""
    try:
        file.fileno()
    except (OSError, io.UnsupportedOperation):
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        return copy
    return file

"""Fingerprints of images, made once for each content by the processes that decode pixels, and kept in one file.

The file has a record of one length for each image: its sha256, whether it could be decoded, its fingerprint. Several
processes may add records at the same time. What is lost of it is made again.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from agent.errors import NotFound
from agent.insights.fingerprint import BYTES, VERSION
from web_stub.gallery.decode import NoPicture
from web_stub.gallery.workers import AT_MOST, TookTooMuch, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.artifacts import Artifacts
    from agent.store import FileRow

_RECORD = np.dtype([("sha256", np.uint8, 32), ("is_readable", np.uint8), ("fingerprint", np.uint8, BYTES)])
_MOST_BYTES = 256 << 20  # of the file: a million images; then it begins anew
_WRITTEN_TOGETHER = 256  # records
_READ_TOGETHER = 1 << 16

Told = Callable[[int, int], None]  # images done, of how many


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """The fingerprints of N images, in the order in which they were asked for."""

    fingerprints: NDArray[np.uint8]  # (N, BYTES)
    has_one: NDArray[np.bool_]  # (N,)
    unreadable: int  # images that cannot be decoded
    missing: int  # images whose bytes are gone


class Fingerprints:
    """Any number of threads may ask."""

    def __init__(self, artifacts: Artifacts, folder: Path, workers: Workers) -> None:
        self._artifacts = artifacts
        self._file = folder / f"fingerprints-{VERSION}"
        self._workers = workers
        self._lock = threading.Lock()  # around records that wait to be written
        self._unwritten: list[bytes] = []

    def of(self, files: Sequence[FileRow], told: Told = lambda _done, _of: None) -> Fingerprinted:
        """Fingerprints of these images; those that are not kept are made. Raises TooBusy when the web ends.

        What `told` raises ends it; what was made until then is kept.
        """
        known = self._kept({file.sha256 for file in files})
        mimes = {file.sha256: file.mime for file in files if file.sha256 not in known}
        missing: set[str] = set()
        done = len(files) - sum(file.sha256 in mimes for file in files)
        told(done, len(files))
        try:
            with closing(self._made(mimes)) as all_made:
                for sha256, made in all_made:
                    done += 1
                    told(min(done, len(files)), len(files))
                    if made is None:
                        missing.add(sha256)
                    else:
                        known[sha256] = made
        finally:
            self._write()
        found = [known.get(file.sha256, b"") for file in files]
        return Fingerprinted(
            np.frombuffer(b"".join(one or bytes(BYTES) for one in found), np.uint8).reshape(-1, BYTES),
            np.array([bool(one) for one in found], bool),
            sum(not one for one in found) - sum(file.sha256 in missing for file in files),
            sum(file.sha256 in missing for file in files),
        )

    def _made(self, mimes: dict[str, str]) -> Generator[tuple[str, bytes | None]]:
        """Each image with its fingerprint: b"" for one that cannot be decoded, None for one whose bytes are gone."""
        with ThreadPoolExecutor(AT_MOST, thread_name_prefix="fingerprints") as threads:
            waiting = iter(mimes.items())
            running: set[Future[tuple[str, bytes | None]]] = set()
            try:
                while True:
                    running |= {threads.submit(self._make, *one) for one in islice(waiting, 4 * AT_MOST - len(running))}
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                for future in running:
                    future.cancel()

    def _make(self, sha256: str, mime: str) -> tuple[str, bytes | None]:
        try:
            with self._artifacts.open(sha256) as image:
                made = self._workers.fingerprint(image, mime)
        except NotFound:
            return sha256, None
        except TookTooMuch:  # perhaps because the machine was busy: it is tried again next time
            return sha256, b""
        except NoPicture:
            made = b""
        record = np.zeros((), _RECORD)
        record["sha256"] = np.frombuffer(bytes.fromhex(sha256), np.uint8)
        record["is_readable"] = bool(made)
        record["fingerprint"] = np.frombuffer(made or bytes(BYTES), np.uint8)
        with self._lock:
            self._unwritten.append(record.tobytes())
            is_enough = len(self._unwritten) >= _WRITTEN_TOGETHER
        if is_enough:
            self._write()
        return sha256, made

    def _kept(self, wanted: set[str]) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        with suppress(OSError), self._file.open("rb") as file:
            while len(block := file.read(_READ_TOGETHER * _RECORD.itemsize)) >= _RECORD.itemsize:
                records = np.frombuffer(block, _RECORD, len(block) // _RECORD.itemsize)
                names = records["sha256"].tobytes().hex()
                for at in range(len(records)):
                    if (sha256 := names[64 * at : 64 * at + 64]) in wanted:
                        is_readable = records["is_readable"][at]
                        kept[sha256] = records["fingerprint"][at].tobytes() if is_readable else b""
        return kept

    def _write(self) -> None:
        with self._lock:
            records, self._unwritten = b"".join(self._unwritten), []
        if not records:
            return
        with suppress(OSError):  # on a full disk they are made again
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = os.fstat(file.fileno()).st_size
                if size > _MOST_BYTES:
                    size = 0
                file.truncate(size - size % _RECORD.itemsize)  # a record that was cut off
                file.write(records)

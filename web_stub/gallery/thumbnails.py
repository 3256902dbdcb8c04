"""Small pictures of large images: upright, in WebP, made once by a worker and kept in a folder of bounded size."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool

from agent.fs.atomic import write_atomically
from web_stub.gallery.decode import NoPicture
from web_stub.gallery.workers import AT_MOST, Workers
from web_stub.shared_work import SharedWork

if TYPE_CHECKING:
    from agent.artifacts import Artifacts

MEDIA_TYPE = "image/webp"
SIZES = (160, 320, 640, 1600, 4096)  # pixels of the longer side, at most
_KEPT_BYTES = 512 << 20
_LOOK_EVERY = 500  # pictures between two looks at how much is kept
_WAITING = 600  # pictures that wait to be made: a page shows a few hundred
_REFUSED, _REFUSED_S = 4096, 600.0  # images that cannot be shown are remembered, so that none is tried again and again


class Thumbnails:
    """Pictures by image hash and size. Any number of threads and event loops may ask."""

    def __init__(self, artifacts: Artifacts, folder: Path, workers: Workers, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self._artifacts = artifacts
        self._folder = folder
        self._workers = workers
        self._kept_bytes = kept_bytes
        self._work: SharedWork[bytes] = SharedWork("thumbnails", threads=AT_MOST, most=_WAITING)
        self._refused: TTLCache[str, str] = TTLCache(_REFUSED, _REFUSED_S)
        self._lock = threading.Lock()  # around the images that were refused
        self._sweeping = threading.Lock()
        self._made = 0

    async def picture(self, sha256: str, mime: str, size: int) -> bytes:
        """The picture as WebP. Who leaves while it waits takes its place in the queue along.

        Raises NoPicture, TooBusy, and NotFound when the image's bytes are gone.
        """
        kept = await run_in_threadpool(self._kept, sha256, size)
        if kept is not None:
            return kept
        return await self._work.result((sha256, size), lambda: self.get(sha256, mime, size))

    def get(self, sha256: str, mime: str, size: int) -> bytes:
        """The same, made in this thread, which waits for a worker."""
        kept = self._kept(sha256, size)
        if kept is not None:
            return kept
        with self._lock:
            refusal = self._refused.get(sha256)
        if refusal is not None:
            raise NoPicture(refusal)
        try:
            with self._artifacts.open(sha256) as image:
                picture = self._workers.thumbnail(image, mime, size)
        except NoPicture as error:
            with self._lock:
                self._refused[sha256] = str(error)
            raise
        self._keep(self._file(sha256, size), picture)
        return picture

    async def whole(self, sha256: str, mime: str) -> bytes:
        """The image as a PNG of its own size, with the pixels that a plugin gets; made anew for each request."""

        def made() -> bytes:
            with self._artifacts.open(sha256) as image:
                return self._workers.whole_picture(image, mime)

        return await self._work.result((sha256, "whole"), made)

    def close(self) -> None:
        self._work.close()

    def _file(self, sha256: str, size: int) -> Path:
        return self._folder / sha256[:2] / f"{sha256}-{size}.webp"

    def _kept(self, sha256: str, size: int) -> bytes | None:
        with suppress(OSError):
            return self._file(sha256, size).read_bytes()
        return None

    def _keep(self, file: Path, picture: bytes) -> None:
        with suppress(OSError):  # on a full disk pictures are made again and again
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, picture, durable=False)
        self._made += 1
        if self._made % _LOOK_EVERY == 0 and self._sweeping.acquire(blocking=False):
            try:
                self.sweep()
            finally:
                self._sweeping.release()

    def sweep(self) -> None:
        """Delete the oldest pictures until a fifth of the room is free again."""
        kept = []
        for folder in self._folder.glob("??"):
            with suppress(OSError), os.scandir(folder) as entries:
                kept += [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in entries]
        total = sum(size for _, size, _ in kept)
        if total <= self._kept_bytes:
            return
        for _, size, path in sorted(kept):
            Path(path).unlink(missing_ok=True)
            total -= size
            if total <= 0.8 * self._kept_bytes:
                return

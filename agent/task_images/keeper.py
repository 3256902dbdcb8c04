"""The images of one task on their way from `results/` into the library.

An image is copied when its line is read, in the log loop, and looked at, hashed and registered by a worker beside it.
What is not kept is said once for each kind of reason, and counted at the end: no image makes a task fail.
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from agent.checkpoints.snapshot import open_results
from agent.domain import NewTaskImage, Task, TaskType
from agent.errors import AgentError, ArtifactsAway, DiskFull, StoreBusy, TakenOver
from agent.events.model import ImageReported, Level, Stream
from agent.formats.image_header import ImageHeader
from agent.fs.names import read_number, shown
from agent.patience import Patience, pauses
from agent.task_images.taking import NotTaken, header_of, place_of, take

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.recorder import Recorder
    from agent.store import Store

MOST = 10_000  # images of a task
_TOGETHER = 64  # images that are put into the artifacts at once
_LOOKED_THROUGH = 100_000  # names in results/ at the end
_LEFT = (".png", ".jpg", ".jpeg")
_SHOWN_PATH = 200
_LONGEST_TEXT = 4096  # of a name and a caption that wait: a line may have a megabyte, and ten thousand may wait


@dataclass(frozen=True, slots=True)
class _Taken:
    seq: int | None
    report: ImageReported
    place: str  # below results/
    copy: Path


class ImageKeeper:
    """`finish` waits until all that was taken has arrived. Failures of our own storage are notes, too."""

    def __init__(
        self,
        task: Task,
        *,
        store: Store,
        artifacts: Artifacts,
        recorder: Recorder,
        results: Path,
        most_bytes: int,
        patience: Patience | None = None,
        first_seq: int = 1,
    ) -> None:
        """`most_bytes`: of all images of the task; 0: none is kept. `patience`: with artifacts that do not answer.

        `first_seq` is the number of the first event of this attempt: images logged before it are lost or kept.
        """
        self._first_seq = first_seq
        self._patience = patience or Patience()
        self._task = task
        self._store = store
        self._artifacts = artifacts
        self._recorder = recorder
        self._results = results
        self._most_bytes = most_bytes
        self._folder = results.parent.with_name(f"{results.parent.name}.images")
        self._queue: queue.SimpleQueue[_Taken | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._is_abandoned = False
        self._is_ending = False  # the plugin has ended: what finds no space now finds none
        self._is_full = False  # said already
        self._totals: tuple[int, int] | None = None  # images taken and their bytes: only ever more, see `_require_room`
        self._named: set[str] = set()  # by lines, directly in results/
        self._lock = threading.Lock()  # around the next line
        self._refused: Counter[str] = Counter()  # by kind

    # ---------------------------------------------------------------- in the log loop

    def take(self, seq: int, report: ImageReported) -> None:
        """Copy the image that line `seq` names, and hand it over. Called once per line, in order."""
        if not self._most_bytes:
            return
        try:
            self._require_room()
            place = place_of(report.path, self._results)
            if "/" not in place and len(place) < _LONGEST_TEXT and len(self._named) < MOST:
                self._named.add(place)
            self._hand_over(self._taken(seq, _short(report), place, self._folder / str(seq)))
        except NotTaken as error:
            self._refuse(report.path, error)

    def _taken(self, seq: int | None, report: ImageReported, place: str, copy: Path) -> _Taken:
        self._count(take(self._results, place, copy, self._artifacts.half_made))
        return _Taken(seq, report, place, copy)

    def _count(self, size_bytes: int) -> None:
        images, bytes_ = self._known_totals()
        self._totals = images + 1, bytes_ + size_bytes

    def _require_room(self) -> None:
        """Raises NotTaken. Files that turn out to be no images count, too: the log loop has copied them."""
        images, bytes_ = self._known_totals()
        if images >= MOST:
            raise NotTaken("beyond the limit", f"a task keeps {MOST:,} images at most; further ones are only counted")
        if bytes_ >= self._most_bytes:
            said = f"the images of the task have {bytes_:,} bytes, and AGENT_TASK_IMAGES allows {self._most_bytes:,}"
            raise NotTaken("beyond the limit", f"{said}; further ones are only counted")

    def _known_totals(self) -> tuple[int, int]:
        if self._totals is None:
            self._totals = self._store.task_images.totals(self._task.id)
        return self._totals

    def recover(self) -> None:
        """After a crash: hand over the copies that have no row yet, and take what was reported and not looked at."""
        if not self._most_bytes:
            return
        copies = self._copies()
        known, _ = self._store.task_images.taken(self._task.id)
        last = max((*known, *copies), default=0)
        for event in self._store.events.each(self._task.id, self._first_seq - 1, event_type="IMAGE"):
            if event.stream is Stream.AGENT or not isinstance(event.body, ImageReported):
                continue
            if event.seq in copies and event.seq not in known:
                with suppress(NotTaken):  # it had a copy, so its path is good
                    place, copy = place_of(event.body.path, self._results), copies.pop(event.seq)
                    self._count(copy.stat().st_size)
                    self._hand_over(_Taken(event.seq, _short(event.body), place, copy))
            elif event.seq > last:
                self.take(event.seq, event.body)
        for copy in copies.values():  # kept already, or of a line that was not committed and is read again
            copy.unlink(missing_ok=True)

    def _copies(self) -> dict[int, Path]:
        try:
            found = {read_number(entry.name): entry for entry in self._folder.iterdir()}
        except OSError:
            return {}
        return {seq: entry for seq, entry in found.items() if seq is not None}

    def _hand_over(self, job: _Taken) -> None:
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name=f"images-{self._task.id}", daemon=True)
            self._worker.start()
        self._queue.put(job)

    # ---------------------------------------------------------------- beside it

    def finish(self) -> None:
        """Wait until everything handed over has arrived; keep what a training left; say how many were not kept."""
        self._is_ending = True
        self._end_worker()
        if self._is_abandoned:
            return
        if self._task.type is TaskType.TRAIN and self._most_bytes:
            with suppress(AgentError):  # a store that refuses ends the run by itself
                self._keep_left()
        more = {kind: number - 1 for kind, number in self._refused.items() if number > 1}
        self._refused.clear()
        if more:
            reasons = ", ".join(f"{number:,} {kind}" for kind, number in sorted(more.items()))
            number = sum(more.values())
            self._note(f"{number:,} further image{' was' if number == 1 else 's were'} not kept: {reasons}")
        shutil.rmtree(self._folder, ignore_errors=True)

    def abandon(self) -> None:
        """Stop working and leave everything as it is, for whoever goes on with the task."""
        self._is_abandoned = True
        self._end_worker()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join()
            self._worker = None

    def _work(self) -> None:
        is_over = False
        while not is_over:
            jobs = [self._queue.get()]
            while len(jobs) < _TOGETHER and not self._queue.empty():
                jobs.append(self._queue.get())
            is_over = None in jobs
            self._keep([job for job in jobs if job is not None])

    def _keep(self, jobs: Sequence[_Taken]) -> None:
        """Put these images into the artifacts and their rows into the store; their copies are needed no more then."""
        if self._is_abandoned:
            return
        try:
            if good := [(job, header) for job in jobs if (header := self._looked_at(job)) is not None]:
                self._put_patiently(good)
        except (TakenOver, StoreBusy, ArtifactsAway, DiskFull):  # the copies wait for whoever goes on with the task
            self._is_abandoned = True
            return
        except Exception as error:  # noqa: BLE001 - no image makes a task fail
            reason = error if isinstance(error, NotTaken) else NotTaken("not stored", str(error))
            for job in jobs:
                self._refuse(job.report.path, reason)
        for job in jobs:
            with suppress(OSError):
                job.copy.unlink()

    def _put_patiently(self, good: Sequence[tuple[_Taken, ImageHeader]]) -> None:
        """Raises ArtifactsAway and DiskFull when waiting is to end, NotTaken where the plugin ended without space."""
        for pause_s in pauses():
            is_last = self._is_ending  # asked before the try: what made space since then counts
            try:
                self._put(good)
            except ArtifactsAway:
                if self._is_abandoned or self._patience.wait(pause_s):
                    raise
            except DiskFull as error:
                if is_last:
                    raise NotTaken("no space", str(error)) from error
                if not self._is_full:
                    self._is_full = True
                    self._note(f"images that the plugin logged wait until there is space: {error}")
                if self._is_abandoned or self._patience.wait(pause_s):
                    raise
            else:
                self._is_full = False
                return

    def _put(self, good: Sequence[tuple[_Taken, ImageHeader]]) -> None:
        with self._artifacts.batch() as batch:
            new = [_row(job, header, batch.put_file(job.copy).sha256) for job, header in good]
        self._recorder.flush()  # no row before its line: after a crash its number could be another line's
        self._store.task_images.add(self._task.id, new, agent_id=self._task.agent_id)

    def _looked_at(self, job: _Taken) -> ImageHeader | None:
        try:
            return header_of(job.copy)
        except NotTaken as error:
            self._refuse(job.report.path, error)
        return None

    def _keep_left(self) -> None:
        """Keep the images directly in results/ that no line has named, by their names, without a step."""
        try:
            with open_results(self._results) as opened, os.scandir(opened.descriptor) as entries:
                found = [entry.name for entry in islice(entries, _LOOKED_THROUGH)]
        except OSError:  # it is gone, or a link to anywhere
            return
        found = sorted(name for name in found if name.lower().endswith(_LEFT))
        if not found:
            return
        _, known = self._store.task_images.taken(self._task.id)
        numbers = count(1)
        left = [name for name in found if name not in known and name not in self._named]
        for start in range(0, len(left), _TOGETHER):
            jobs = []
            for name in left[start : start + _TOGETHER]:
                try:
                    self._require_room()
                    report = ImageReported(name, name, None, None)
                    jobs.append(self._taken(None, report, name, self._folder / f"left-{next(numbers)}"))
                except NotTaken as error:
                    self._refuse(name, error)
            self._keep(jobs)

    # ---------------------------------------------------------------- what is not kept

    def _refuse(self, path: str, error: NotTaken) -> None:
        """Say it if it is the first of its kind, else count it."""
        with self._lock:
            self._refused[error.kind] += 1
            is_first = self._refused[error.kind] == 1
        if is_first:
            self._note(f"image {shown(path[:_SHOWN_PATH])!r} was not kept: {error}")

    def _note(self, message: str) -> None:
        with suppress(AgentError):  # a store that refuses ends the run by itself
            self._recorder.note(message, Level.WARN)


def _short(report: ImageReported) -> ImageReported:
    """The same without texts of absurd length; the store cuts them once more."""
    caption = report.caption and report.caption[:_LONGEST_TEXT]
    return ImageReported(report.path, report.name[:_LONGEST_TEXT], report.step, caption)


def _row(job: _Taken, header: ImageHeader, sha256: str) -> NewTaskImage:
    return NewTaskImage(
        seq=job.seq,
        name=job.report.name,
        step=job.report.step,
        path=job.place,
        sha256=sha256,
        size_bytes=job.copy.stat().st_size,
        width=header.width,
        height=header.height,
        mime=header.mime,
        caption=job.report.caption,
    )

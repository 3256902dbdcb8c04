"""A task as a recording: what its last attempt printed and left, written out as one file.

Nothing of it is in memory at once: lines go from the store's blocks into the file as they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from agent import DISTRIBUTION, version
from agent.domain import TASK_MOUNT, CheckpointState, Task
from agent.errors import Conflict, NotFound
from agent.events.model import Stream
from agent.formats.json_values import compact
from agent.formats.meta import META
from agent.formats.project_layout import ANNOTATIONS, IMAGES, dataset_path
from agent.formats.recording import LONGEST_US, Ended, Manifest, Piece, RecordedFile, RecordingWriter, is_inside
from agent.fs.disk import writing
from agent.library.project_files import file_name

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store, StoredEvent

_ASKED_EVERY, _ASKED_EVERY_BYTES = 500, 1 << 20  # lines, and characters of them
NEVER_ENDED = Ended(137, error="the recording does not tell how the container ended")


class Clean(Protocol):
    """What removes secrets; a line or value without any comes back as it is."""

    def value(self, value: Any, name: str = "") -> Any: ...

    def line(self, line: str) -> str: ...

    def lines(self, lines: Iterable[tuple[Any, str]]) -> Iterator[tuple[Any, str]]: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    path: Path
    size_bytes: int
    lines: int
    files: int
    missing: int  # files whose content was asked for, and is in the artifacts no more


def record_task(
    store: Store,
    artifacts: Artifacts,
    task: Task,
    path: Path,
    *,
    clean: Clean,
    with_files: bool = False,
    replace_file: bool = False,
    keep_going: Callable[[], object] = lambda: None,
) -> Recorded:
    """Write the recording of an ended task to `path`, whole or not at all.

    All that is said in it is cleaned by `clean`; the contents of files, `with_files`, are as they are.
    `keep_going` is called now and then, and an error that it raises ends the work.
    Raises Conflict for a task that has not ended, or whose plugin was never started; DiskFull, StorageFailed.
    """
    if not task.status.is_final:
        raise Conflict(f"task {task.id} is {task.status.value}; it can be recorded when it has ended")
    with (
        writing(f"the recording {path}"),
        artifacts.half_made.atomic_path(path, "recording", replace=replace_file) as partial,
    ):
        partial.touch(0o600)
        with RecordingWriter.open(partial, clean.value, clean.line) as writer:
            lines = _Lines(store, task, clean, keep_going)
            writer.write_lines(lines)
            if lines.started_at is None:
                raise Conflict(f"the plugin of task {task.id} was never started, so there is nothing to record")
            files = list(_files(store, task, lines))
            files.sort(key=lambda file: (file.line is None, file.line or 0))
            writer.write_files(_asking(chain(files, _result(store, task, lines.applied)), keep_going))
            every = _asking(chain(files, _result(store, task, lines.applied)), keep_going)
            missing = _write_blobs(writer, artifacts, every) if with_files else 0
            writer.write_manifest(_manifest(store, task, lines, has_contents=with_files))
    return Recorded(path, path.stat().st_size, writer.lines, writer.files, missing)


@dataclass(slots=True)
class _Lines:
    """The lines of the last attempt, and what they and the agent's notes between them tell."""

    store: Store
    task: Task
    clean: Clean
    keep_going: Callable[[], object]
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended: Ended = NEVER_ENDED
    applied: int | None = None  # the line that said last that the result project is complete
    wanted: set[int] = field(default_factory=set)
    numbers: dict[int, int] = field(default_factory=dict)  # of the lines with these events

    def __post_init__(self) -> None:
        self.wanted = {row.seq for row in self.store.checkpoints.list(self.task.id)}
        self.wanted |= {image.seq for image in self.store.task_images.list(self.task.id) if image.seq is not None}

    def __iter__(self) -> Iterator[Piece]:
        after_us = unasked = 0
        for number, (event, raw) in enumerate(self.clean.lines((event, event.raw) for event in self._printed()), 1):
            unasked += len(raw)
            if number % _ASKED_EVERY == 0 or unasked >= _ASKED_EVERY_BYTES:
                unasked = 0
                self.keep_going()
            if event.seq in self.wanted:
                self.numbers[event.seq] = number
            if event.event_type == "MODEL_APPLIED":
                self.applied = number
            after_us = max(after_us, self.after_us(event.time))  # a clock may be set back
            yield Piece(after_us, int(event.stream), raw.encode(errors="replace") + b"\n")

    def _printed(self) -> Iterator[StoredEvent]:
        attempt = self.store.attempts.get(self.task.id, self.task.attempt) if self.task.attempt > 1 else None
        for event in self.store.events.each(self.task.id, attempt.first_seq - 1 if attempt else 0):
            if event.stream is not Stream.AGENT:
                yield event
            elif event.message == "CONTAINER_START":
                self.started_at = event.time
            elif event.message == "CONTAINER_END":
                said = event.fields or {}
                self.ended = Ended(int(said.get("exit_code", 137)), bool(said.get("out_of_memory")))
                self.ended_at = event.time

    def after_us(self, time: datetime | None) -> int:
        if time is None or self.started_at is None:
            return 0
        return min(max(0, int((time - self.started_at).total_seconds() * 1e6)), LONGEST_US)


def _files(store: Store, task: Task, lines: _Lines) -> Iterator[RecordedFile]:
    """Checkpoints and logged images, each with the line that reported it."""
    for row in store.checkpoints.list(task.id):
        path = _below_results(row.subdir)
        if row.state is not CheckpointState.PUBLISHED or row.seq not in lines.numbers or path is None:
            continue
        here = RecordedFile(lines.numbers[row.seq], path, "state")
        try:
            model = store.models.get_anywhere(row.model_id) if row.model_id is not None else None
        except NotFound:
            model = None
        yield (
            here
            if model is None
            else replace(here, sha256=model.sha256, size_bytes=model.size_bytes, config=model.config)
        )
    for image in store.task_images.list(task.id):
        line = None if image.seq is None else lines.numbers.get(image.seq, 0)
        if line != 0:  # of an earlier attempt
            yield RecordedFile(
                line, image.path, "image", image.sha256, image.size_bytes, width=image.width, height=image.height
            )


def _asking(files: Iterable[RecordedFile], keep_going: Callable[[], object]) -> Iterator[RecordedFile]:
    for number, file in enumerate(files, 1):
        if number % _ASKED_EVERY == 0:
            keep_going()
        yield file


def _below_results(subdir: str) -> str | None:
    """The folder of a checkpoint as the plugin named it, below results/; None for one that is elsewhere."""
    path = PurePosixPath(subdir)
    if path.is_relative_to(TASK_MOUNT / "results"):
        path = path.relative_to(TASK_MOUNT / "results")
    return str(path) if is_inside(str(path)) else None


def _result(store: Store, task: Task, line: int | None) -> Iterator[RecordedFile]:
    """The files of the result project, whole before the line that says so; else before the end."""
    if task.result_project_id is None:
        return
    try:
        project = store.projects.get_anywhere(task.result_project_id)
    except NotFound:
        return
    yield RecordedFile(line, META, "text", of_result=True, text=compact(project.meta))
    for dataset in store.datasets.list(project.id):
        folder = dataset_path(dataset.name)
        for image in store.images.files_of_dataset(dataset.id):
            name = file_name(image.name, image.mime)
            blob = RecordedFile(line, f"{folder}/{IMAGES}/{name}", "image", image.sha256, image.size_bytes)
            yield replace(blob, of_result=True, width=image.width, height=image.height)
            if image.annotation.strip():
                place = f"{folder}/{ANNOTATIONS}/{name}.json"
                yield RecordedFile(line, place, "text", of_result=True, text=image.annotation)


def _write_blobs(writer: RecordingWriter, artifacts: Artifacts, files: Iterable[RecordedFile]) -> int:
    """The contents of the files; how many are in the artifacts no more."""
    missing = 0
    for file in files:
        if file.kind == "text":
            continue
        try:
            if file.sha256 is None:
                raise NotFound("its model was deleted")
            with artifacts.open(file.sha256) as content:
                writer.write_blob(file.sha256, content)
        except NotFound:
            missing += 1
    return missing


def _manifest(store: Store, task: Task, lines: _Lines, *, has_contents: bool) -> Manifest:
    said = {
        **_values(task, "id name reason message config engine attempt image_digest"),
        "type": task.type.value,
        "status": task.status.value,
        "options": {name: value for name, value in asdict(task.options).items() if name != "env"},
    }
    plugin = _values(store.plugins.get_anywhere(task.plugin_id), _OF_PLUGIN)
    project = None
    if task.project_id is not None:
        project = _values(store.projects.get_anywhere(task.project_id), "name meta images_count content_sha256")
    model = None
    with suppress(NotFound):
        model = _values(store.models.get_anywhere(task.model_id), "name sha256")
    return Manifest(
        task=said,
        plugin=plugin,
        project=project,
        model=model,
        ended=lines.ended,
        started_at=_iso(lines.started_at),
        ended_at=_iso(lines.ended_at),
        ended_after_us=lines.after_us(lines.ended_at),
        has_contents=has_contents,
        made_by=f"{DISTRIBUTION} {version()}",
    )


_OF_PLUGIN = "title description type image tag modes readme configs config_schemas image_digest content_sha256"


def _values(of: object, names: str) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names.split()}


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat()

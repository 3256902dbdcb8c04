"""Project, model state and config become the task folder a plugin expects (contract: task.md 2 and 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.domain import Model, Project, Task
from agent.errors import Invalid, Problem
from agent.formats import model_state
from agent.formats.task_dir import TaskDir
from agent.fs.disk import remove_tree, writing
from agent.fs.names import name_problem, shown
from agent.library.project_files import write_project

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, PlaceHow, PlaceMethod
    from agent.recorder import Recorder
    from agent.store import Store

TOLD_S = 2.0  # between two reports of how far it has come


@dataclass(frozen=True, slots=True)
class Staged:
    """With `data_method` "hardlink", data/ shares its bytes with the library and must be mounted read-only."""

    data_method: PlaceMethod
    images_count: int
    model_files: int


class Progress:
    """Records how far something has come, every `TOLD_S` seconds: what is done before is not worth a line."""

    def __init__(self, recorder: Recorder, what: str) -> None:
        self._recorder, self._what = recorder, what
        self._next_s = time.monotonic() + TOLD_S

    def tell(self, count: int, total: int) -> None:
        if time.monotonic() >= self._next_s:
            self._recorder.progress(self._what, count, total)
            self._next_s = time.monotonic() + TOLD_S


def stage(
    task: Task,
    project: Project | None,
    model: Model,
    *,
    store: Store,
    artifacts: Artifacts,
    task_dir: TaskDir,
    shared_ok: bool,
    config: Mapping[str, Any] | None = None,
    program: bytes | None = None,
    keep_going: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Staged:
    """Lay out the task folder anew: files of an earlier attempt are deleted, except its logs.

    `shared_ok` says that data/ will be mounted read-only, so images may be hard links to the library; a task that
    asks for writable data gets copies all the same. model/ always holds copies, because plugins write there.
    `config` is written in place of the task's, `program` as serve.py.
    `keep_going` is called now and then, and an error it raises ends the staging; `progress` with the number of images
    so far. On any failure data/ and model/ are emptied again. Raises Invalid, NotFound, DiskFull, StorageFailed.
    """
    if project is not None and (problem := name_problem(project.name)):
        sentence = f"the project's name {problem}, so it cannot be a folder's."
        raise Invalid("The task", [Problem(shown(project.name[:80]), "", sentence, "Rename it.")])
    task_dir.create(task.type)
    try:
        with writing(f"the task folder {task_dir.path}"):
            task_dir.write_config(task.config if config is None else config, secret=config is not None)
            if program is not None:
                task_dir.write_serve(program)
            how: PlaceHow = "shared" if shared_ok and not task.options.writable_data else "private"
            written = None
            if project is not None:
                folder = task_dir.data / project.name
                folder.mkdir()
                written = write_project(
                    store, artifacts, project, folder, how=how, meta_ids=True, keep_going=keep_going, progress=progress
                )
            keep_going()
            with artifacts.open(model.sha256) as tar:
                # Straight into model/: the original agent unpacks into model/<title>/ and then moves it up.
                listing = model_state.unpack(tar, task_dir.model, half_made=artifacts.half_made)
    except BaseException:
        for place in (task_dir.data, task_dir.model):
            remove_tree(place)
        raise
    model_files = sum(not member.is_folder for member in listing.members)
    if written is None:
        return Staged("copy", 0, model_files)
    return Staged(written.method, written.images_count, model_files)

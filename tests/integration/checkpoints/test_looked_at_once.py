"""From the report to the model state, the folder of a checkpoint is looked through once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import open_artifacts
from agent.checkpoints.publisher import Uploader
from agent.domain import CheckpointState, NewModel, NewProject, NewTask, TaskType
from agent.events.model import CheckpointReported
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.store import open_store

_listened: list[Counter[str]] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _listened and event in ("os.listdir", "os.scandir"):
        place = arguments[0]
        _listened[-1][str(Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else place)] += 1


@contextmanager
def listings() -> Iterator[Counter[str]]:
    """How often each folder is listed by this process, in whatever way."""
    if not hasattr(_listen, "added"):
        sys.addaudithook(_listen)  # for ever: Python takes no hook back
        _listen.added = True  # type: ignore[attr-defined]
    _listened.append(Counter())
    try:
        yield _listened[-1]
    finally:
        _listened.pop()


@pytest.fixture
def uploader(tmp_path: Path) -> Iterator[Uploader]:
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    folder = TaskDir(tmp_path / "tasks" / "1")
    folder.create(TaskType.TRAIN)
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        plugin = store.plugins.put(
            title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
            configs=(), image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("m", "1" * 64, 1, None))
        task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}))
        recorder = Recorder(store, task.id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt")
        yield Uploader(
            task, plugin, store=store, artifacts=artifacts, recorder=recorder, results=folder.results, project_name="p"
        )
        recorder.flush()


def test_a_checkpoint_is_listed_once_and_its_snapshot_only_to_be_deleted(uploader: Uploader, tmp_path: Path) -> None:
    checkpoint, snapshot = tmp_path / "tasks" / "1" / "results" / "00000000", tmp_path / "tasks" / "1.snapshots" / "1"
    (checkpoint / "deep").mkdir(parents=True)
    for name in ("config.json", "model.pt", "deep/more.pt"):
        (checkpoint / name).write_text("{}")

    with listings() as listed:
        uploader.checkpoint(1, CheckpointReported(0, "00000000", 0, is_best=False, optional=None))
        uploader.finish()

    (row,) = uploader._store.checkpoints.list(uploader._task.id)
    assert row.state is CheckpointState.PUBLISHED
    assert {name: count for name, count in listed.items() if "/1/results" in name or "/1.snapshots/" in name} == {
        str(folder): 1 for folder in (checkpoint, checkpoint / "deep", snapshot, snapshot / "deep")
    }

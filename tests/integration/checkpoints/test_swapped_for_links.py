"""A plugin that swaps its folders for links at any moment gets nothing published but its own files."""

from __future__ import annotations

import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import agent.checkpoints.snapshots
from agent import library
from agent.artifacts import open_artifacts
from agent.checkpoints.publisher import Uploader
from agent.domain import CheckpointState, NewModel, NewProject, NewTask, TaskType
from agent.errors import AgentError
from agent.events.model import CheckpointReported
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.store import Store, open_store
from tests.support.inputs import write_project
from tests.support.swapping import swapping

SECONDS = 2.0
SECRET = b"the secret of this machine"


class Bench:
    """A running task with its uploader; `secret` looks like a checkpoint and like a project, and is neither."""

    def __init__(self, root: Path, store: Store, kind: TaskType) -> None:
        self.root, self.store = root, store
        self.artifacts = open_artifacts(str(root / "artifacts"))
        folder = TaskDir(root / "tasks" / "1")
        folder.create(kind)
        self.results = folder.results
        self.secret = write_project(root / "secret", images=1)
        for place in (self.secret, self.secret / "p"):
            place.mkdir(exist_ok=True)
            (place / "config.json").write_text("{}")
            (place / "model.pt").write_bytes(SECRET)
        with (self.secret / "ds0" / "img" / "im0_0.png").open("ab") as image:
            image.write(SECRET)
        plugin = store.plugins.put(
            title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
            configs=(), image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("m", "1" * 64, 1, None))
        task = store.tasks.add(NewTask(kind, "net", plugin.id, project.id, model.id, {}))
        recorder = Recorder(store, task.id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt")
        self.uploader = Uploader(
            task,
            plugin,
            store=store,
            artifacts=self.artifacts,
            recorder=recorder,
            results=folder.results,
            project_name="p",
        )
        self.task_id = task.id

    def report(self, seq: int, subdir: str) -> None:
        self.uploader.checkpoint(seq, CheckpointReported(seq, subdir, 0, is_best=False, optional=None))

    def require_no_secret(self) -> None:
        """Neither in the library nor anywhere else that the agent writes to."""
        for place in (self.root / "artifacts", self.root / "tasks"):
            for file in place.rglob("*"):
                if file.is_file() and not file.is_symlink() and self.secret not in file.resolve().parents:
                    assert SECRET not in file.read_bytes(), file
        assert (self.secret / "p" / "model.pt").read_bytes() == SECRET


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[TaskType], Bench]]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield lambda kind: Bench(tmp_path, store, kind)


def checkpoint(folder: Path) -> None:
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.pt").write_bytes(b"my weights")


def put_link(place: Path, target: Path) -> None:
    place.rename(place.with_name(f"{place.name}-away"))
    place.symlink_to(target)


@pytest.mark.parametrize("swapped", ["results", "results/a", "results/a/p", "results/a/p/model.pt"])
@pytest.mark.parametrize("moment", ["checkpoint_path", "survey", "snapshot"])
def test_a_swap_after_any_look_at_a_checkpoint_publishes_nothing_else(
    bench: Callable[[TaskType], Bench], monkeypatch: pytest.MonkeyPatch, swapped: str, moment: str
) -> None:
    made = bench(TaskType.TRAIN)
    checkpoint(made.results / "a" / "p")
    (made.secret / "a").symlink_to(made.secret)
    target = {
        "results": made.secret,
        "results/a": made.secret,
        "results/a/p": made.secret,
        "results/a/p/model.pt": made.secret / "model.pt",
    }[swapped]
    real = getattr(agent.checkpoints.snapshots, moment)
    swaps: list[str] = []

    def then_swap(*args: Any, **how: Any) -> Any:
        given = real(*args, **how)
        if not swaps:
            swaps.append(swapped)
            put_link(made.results.parent / swapped, target)
        return given

    monkeypatch.setattr(agent.checkpoints.snapshots, moment, then_swap)
    made.report(1, "a/p")
    made.uploader.finish()

    (row,) = made.store.checkpoints.list(made.task_id)
    assert row.state in (CheckpointState.PUBLISHED, CheckpointState.FAILED)
    if row.state is CheckpointState.PUBLISHED:
        assert row.model_id is not None
        with made.artifacts.open(made.store.models.get(row.model_id).sha256) as blob, tarfile.open(fileobj=blob) as tar:
            weights = tar.extractfile("model.pt")
            assert weights is not None
            assert weights.read() == b"my weights"
    assert swaps
    made.require_no_secret()


@pytest.mark.parametrize("swapped", ["results", "results/p", "results/p/ds0", "results/p/ds0/img"])
def test_a_swap_after_the_look_at_a_result_project_imports_nothing_else(
    bench: Callable[[TaskType], Bench], monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    made = bench(TaskType.INFERENCE)
    write_project(made.results / "p", images=1)
    if swapped == "results":
        shutil.rmtree(made.secret / "p")
        write_project(made.secret / "p", images=1)
    target = made.secret / Path(swapped).relative_to("results/p") if "/" in swapped else made.secret
    real = library.add_project

    def swap_and_add(*args: Any, **how: Any) -> Any:
        put_link(made.results.parent / swapped, target)
        return real(*args, **how)

    monkeypatch.setattr(library, "add_project", swap_and_add)
    with suppress(AgentError):
        made.uploader.result_project()

    for file in (made.root / "artifacts").rglob("*"):
        assert not file.is_file() or SECRET not in file.read_bytes()


@pytest.mark.parametrize("swapped", ["results/p", "results/p/deep", "results/p/model.pt"])
def test_thousands_of_swaps_while_checkpoints_are_taken_publish_nothing_else(
    bench: Callable[[TaskType], Bench], swapped: str
) -> None:
    made = bench(TaskType.TRAIN)
    checkpoint(made.results / "p")
    (made.results / "p" / "deep" / "model.pt").write_bytes(b"my weights")
    if swapped == "results/p/model.pt":
        (made.results / "link").symlink_to(made.secret / "model.pt")
    else:
        (made.results / "link").symlink_to(made.secret)
    seq = 0
    with swapping(made.results.parent / swapped, made.results / "link") as swaps:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            seq += 1
            made.report(seq, "p")
        made.uploader.finish()

    assert swaps.count > 1000
    assert seq > 10
    made.require_no_secret()


@pytest.mark.parametrize("swapped", ["results/p", "results/p/ds0", "results/p/ds0/img"])
def test_thousands_of_swaps_while_a_result_project_is_imported_import_nothing_else(
    bench: Callable[[TaskType], Bench], swapped: str
) -> None:
    made = bench(TaskType.INFERENCE)
    write_project(made.results / "p", images=1)
    (made.results / "link").symlink_to(made.secret / Path(swapped).relative_to("results/p"))
    tries = 0
    with swapping(made.results.parent / swapped, made.results / "link") as swaps:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            tries += 1
            with suppress(AgentError):
                made.uploader._import_project()

    assert swaps.count > 1000
    assert tries > 10
    for file in (made.root / "artifacts").rglob("*"):
        assert not file.is_file() or SECRET not in file.read_bytes()

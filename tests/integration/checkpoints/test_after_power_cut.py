"""A power cut may take what a plugin wrote last: a damaged checkpoint is never published, a whole one is."""

from __future__ import annotations

import dataclasses
import os

import psutil
import pytest

from agent.artifacts import open_artifacts
from agent.checkpoints.power_cut import lost_from_checkpoint
from agent.checkpoints.publisher import Uploader
from agent.domain import CheckpointState, NewImage, NewModel, NewProject, NewTask, TaskStatus, TaskType
from agent.errors import PluginFailed
from agent.events.model import CheckpointReported
from agent.formats.survey import survey
from agent.formats.task_dir import TaskDir
from agent.fs.beneath import open_folder
from agent.recorder import Recorder
from agent.store import open_store
from tests.support.fake_engine import write_checkpoint
from tests.support.inputs import write_project

WEIGHTS = b"w" * 10_000


def empty(folder):
    (folder / "model.pt").write_bytes(b"")


def shortened(folder):
    os.truncate(folder / "model.pt", 4096)


def with_a_hole(folder):
    (folder / "model.pt").write_bytes(b"")
    with (folder / "model.pt").open("r+b") as file:
        file.seek(8192)
        file.write(WEIGHTS[8192:])


def zeros(folder):
    (folder / "model.pt").write_bytes(b"")
    os.truncate(folder / "model.pt", len(WEIGHTS))


def without_config(folder):
    (folder / "config.json").write_bytes(b"")


def without_the_name_of_the_config(folder):
    (folder / "config.json").unlink()


def without_the_name_of_the_weights(folder):
    (folder / "model.pt").unlink()


LOSSES = [empty, shortened, with_a_hole, zeros, without_config]
LOST_NAMES = [without_the_name_of_the_config, without_the_name_of_the_weights]


def lost(folder, size_bytes):
    with open_folder(folder) as opened:
        return lost_from_checkpoint(opened, survey(opened), size_bytes)


@pytest.mark.parametrize("lose", LOSSES + LOST_NAMES)
def test_a_file_that_lost_bytes_or_its_name_is_seen(tmp_path, lose):
    folder = write_checkpoint(tmp_path, 0, WEIGHTS)
    size_bytes = survey(folder).size_bytes
    assert lost(folder, size_bytes) == ""
    lose(folder)
    assert lost(folder, size_bytes) != ""


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield store


@pytest.fixture
def started(store):
    """A training that runs."""
    plugin = store.plugins.put(
        title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    images = [NewImage(f"{number}.png", "2" * 64, 1, 1, 1, "{}", "image/png") for number in range(3)]
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, [("ds", images)]))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}), agent_id="a:1:x")
    return store.tasks.become(task.id, TaskStatus.STARTED)


@pytest.fixture
def go_on(store, started, tmp_path):
    """Report a checkpoint with what is in its folder, to an agent that takes the task over; gives the checkpoint."""
    folder = TaskDir(tmp_path / "tasks" / "1")
    folder.create(TaskType.TRAIN)

    def go_on(lose, *, size_bytes=None):
        written = write_checkpoint(folder.results, 0, WEIGHTS)
        size_bytes = survey(written).size_bytes if size_bytes is None else size_bytes
        lose(written)
        recorder = Recorder(store, started.id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt")
        uploader = Uploader(
            started,
            store.plugins.get(started.plugin_id),
            store=store,
            artifacts=open_artifacts(str(tmp_path / "artifacts")),
            recorder=recorder,
            results=folder.results,
            project_name="p",
        )
        uploader.watch()
        uploader.checkpoint(1, CheckpointReported(0, "00000000", size_bytes, is_best=False, optional=None))
        uploader.finish()
        (checkpoint,) = store.checkpoints.list(started.id)
        return checkpoint

    return go_on


@pytest.mark.parametrize("lose", LOSSES)
def test_after_the_machine_went_down_a_damaged_checkpoint_is_set_aside(
    monkeypatch, store, started, tmp_path, go_on, lose
):
    monkeypatch.setattr(psutil, "boot_time", lambda: started.started_at.timestamp() + 60)
    checkpoint = go_on(lose)
    assert (checkpoint.state, checkpoint.reason) == (CheckpointState.FAILED, "checkpoint_incomplete")
    (said,) = [event.message for event in store.events.after(started.id)]
    set_aside = tmp_path / "tasks" / "1.snapshots" / "1"
    assert "before the files were on the disk" in said
    assert str(set_aside) in said
    assert sorted(file.name for file in set_aside.iterdir()) == ["config.json", "model.pt"]


def test_after_the_machine_went_down_a_config_that_lost_its_name_is_missed_also_without_a_reported_size(
    monkeypatch, started, tmp_path, go_on
):
    monkeypatch.setattr(psutil, "boot_time", lambda: started.started_at.timestamp() + 60)
    checkpoint = go_on(without_the_name_of_the_config, size_bytes=len(WEIGHTS))
    assert (checkpoint.state, checkpoint.reason) == (CheckpointState.FAILED, "checkpoint_incomplete")
    assert [file.name for file in (tmp_path / "tasks" / "1.snapshots" / "1").iterdir()] == ["model.pt"]


def test_after_the_machine_went_down_a_part_of_the_second_names_is_no_checkpoint(monkeypatch, started, tmp_path, go_on):
    """As a power cut leaves them: the names in results/ are lost, a second name of one file is there."""
    monkeypatch.setattr(psutil, "boot_time", lambda: started.started_at.timestamp() + 60)

    def lose(folder):
        piece = tmp_path / "tasks" / "1.shadow" / "1" / "pieces" / folder.name / "model.pt"
        piece.parent.mkdir(parents=True)
        (folder / "model.pt").rename(piece)
        without_the_name_of_the_config(folder)

    checkpoint = go_on(lose, size_bytes=len(WEIGHTS))
    assert (checkpoint.state, checkpoint.reason) == (CheckpointState.FAILED, "checkpoint_incomplete")


def test_after_the_machine_went_down_a_whole_checkpoint_is_published(monkeypatch, started, tmp_path, go_on):
    monkeypatch.setattr(psutil, "boot_time", lambda: started.started_at.timestamp() + 60)
    assert go_on(lambda folder: None).state is CheckpointState.PUBLISHED
    assert not (tmp_path / "tasks" / "1.snapshots").exists()


def test_an_agent_that_only_died_believes_what_is_in_the_folder(go_on):
    assert go_on(with_a_hole).state is CheckpointState.PUBLISHED


def test_after_the_machine_went_down_a_damaged_result_is_no_project(monkeypatch, store, started, tmp_path):
    monkeypatch.setattr(psutil, "boot_time", lambda: started.started_at.timestamp() + 60)
    folder = TaskDir(tmp_path / "tasks" / "1")
    folder.create(TaskType.INFERENCE)
    project = write_project(folder.results / "p")
    uploader = Uploader(
        dataclasses.replace(started, type=TaskType.INFERENCE),
        store.plugins.get(started.plugin_id),
        store=store,
        artifacts=open_artifacts(str(tmp_path / "artifacts")),
        recorder=Recorder(store, started.id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt"),
        results=folder.results,
        project_name="p",
    )
    image = next(project.glob("*/img/*"))
    size_bytes = image.stat().st_size
    os.truncate(image, size_bytes + 8192)  # the image itself is whole; no reader would notice
    with pytest.raises(PluginFailed) as error:
        uploader.result_project()
    assert error.value.reason == "result_incomplete"
    os.truncate(image, size_bytes)
    annotation = project / "ds0" / "ann" / f"{image.name}.json"
    for lost in (image, annotation):
        lost.rename(tmp_path / lost.name)  # the names of both; what is left is a valid project
    with pytest.raises(PluginFailed, match=r"2 of 3 images are there") as error:
        uploader.result_project()
    assert error.value.reason == "result_incomplete"
    for lost in (image, annotation):
        (tmp_path / lost.name).rename(lost)
    assert uploader.result_project().images_count == 3

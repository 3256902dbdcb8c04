"""A plugin can change the task folder while the agent works in it; the agent follows none of its links."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import agent
from agent.artifacts import open_artifacts
from agent.checkpoints.publisher import Uploader
from agent.checkpoints.snapshot import checkpoint_path, open_results
from agent.domain import CheckpointState, NewModel, NewProject, NewTask, TaskType
from agent.errors import PluginFailed
from agent.events.model import CheckpointReported, Level
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.run.serving import CONFIG_BYTES, key_in
from agent.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield store


@pytest.fixture
def task_id(store, tmp_path):
    open_artifacts(str(tmp_path / "artifacts"))
    plugin = store.plugins.put(
        title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    return store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {})).id


@pytest.fixture
def folder(tmp_path):
    made = TaskDir(tmp_path / "tasks" / "1")
    made.create(TaskType.TRAIN)
    return made


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / ".bashrc"
    file.write_text("mine\n")
    return file


def link_file(folder, log, secret):
    log.unlink()
    log.symlink_to(secret)


def link_folder(folder, log, secret):
    log.unlink()
    folder.logs.rmdir()
    folder.logs.symlink_to(secret.parent)
    log.parent.resolve().joinpath(log.name).symlink_to(secret)


def pipe(folder, log, secret):
    log.unlink()
    os.mkfifo(log)


def a_folder(folder, log, secret):
    log.unlink()
    log.mkdir()


@pytest.mark.parametrize("spoil", [link_file, link_folder, pipe, a_folder])
def test_the_log_is_never_written_through_a_link_nor_into_a_pipe(store, task_id, folder, secret, spoil):
    log = folder.logs / "log_2026.txt"
    recorder = Recorder(store, task_id, lines_read=0, last_seq=0, log_path=log)
    recorder.note("before")
    recorder.flush()
    assert "before" in log.read_text()

    spoil(folder, log, secret)
    recorder.note("$(touch /tmp/evil)")
    recorder.note("after")
    recorder.flush()

    assert secret.read_text() == "mine\n"
    events = store.events.after(task_id)
    assert [event.message for event in events if event.level < Level.WARN] == ["before", "$(touch /tmp/evil)", "after"]
    (warning,) = [event.message for event in events if event.level is Level.WARN]
    assert "cannot be written" in warning
    assert "the log goes on in the database" in warning


@pytest.mark.parametrize("target", ["..", "/", "/etc", "."])
def test_results_that_became_a_link_hold_no_checkpoint_and_no_project(folder, target):
    folder.results.rmdir()
    folder.results.symlink_to(target)

    for subdir in ("home", "ssl", "etc/ssl", "data", "/sly_task_data/results/ssl"):
        with pytest.raises(PluginFailed) as caught:
            checkpoint_path(folder.results, subdir)
        assert caught.value.reason == "checkpoint_outside_results"
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        open_results(folder.results)


def test_a_running_plugin_that_made_results_a_link_gets_nothing_of_ours_kept(store, task_id, folder, secret, tmp_path):
    """As after a restart of the agent: the plugin runs, and `results` is a link into the home of its user."""
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    recorder = Recorder(store, task_id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt")
    task = store.tasks.get(task_id)
    plugin = store.plugins.get(task.plugin_id)
    folder.results.rmdir()
    folder.results.symlink_to(secret.parent.parent)
    uploader = Uploader(
        task, plugin, store=store, artifacts=artifacts, recorder=recorder, results=folder.results, project_name="home"
    )

    uploader.recover()
    (secret.parent / "new").write_text("mine too\n")
    uploader.checkpoint(1, CheckpointReported(0, "home", 0, is_best=False, optional=None))

    (checkpoint,) = store.checkpoints.list(task_id)
    assert (checkpoint.state, checkpoint.reason) == (CheckpointState.FAILED, "checkpoint_outside_results")
    assert sorted(path.name for path in folder.path.parent.iterdir()) == ["1"]  # no second names, no snapshot
    assert len(store.models.list()) == 1
    recorder.flush()


def test_a_restarted_task_follows_no_link_that_was_left(folder, secret, tmp_path):
    absent = tmp_path / "made-by-a-plugin"
    folder.marker.unlink()
    folder.marker.symlink_to(absent)
    for part in (folder.data, folder.model, folder.results):
        part.rmdir()
        part.symlink_to(secret.parent)
    folder.config_path.symlink_to(secret)
    folder.settings_path.symlink_to(secret)

    folder.create(TaskType.TRAIN)
    folder.write_config({"lr": 0.1})

    assert secret.read_text() == "mine\n"
    assert not absent.exists()
    assert not folder.marker.is_symlink()
    assert folder.config_path.read_text() == '{"lr": 0.1}'


def test_cleaning_follows_no_link(folder, secret):
    folder.tmp.joinpath("home").symlink_to(secret.parent)
    folder.results.joinpath("file").symlink_to(secret)

    assert folder.clean() == []
    assert secret.read_text() == "mine\n"


@pytest.mark.parametrize("put", ["link", "fifo", "folder", "deep", "long"])
def test_the_key_of_a_deployed_model_is_read_from_a_file_of_its_folder_or_not_at_all(put, tmp_path):
    folder = TaskDir(tmp_path / "7")
    folder.create(TaskType.DEPLOY)
    folder.write_config({"connection": {"token": "secret"}})
    assert key_in(folder) == "secret"
    folder.config_path.unlink()
    if put == "link":
        (tmp_path / "others").write_text('{"connection": {"token": "another"}}')
        folder.config_path.symlink_to(tmp_path / "others")
    elif put == "fifo":
        os.mkfifo(folder.config_path)  # to open it would wait for ever
    elif put == "folder":
        folder.config_path.mkdir()
    elif put == "deep":
        folder.config_path.write_text("[" * 200_000)
    else:
        folder.config_path.write_text(" " * CONFIG_BYTES + '{"connection": {"token": "another"}}')
    assert key_in(folder) == ""


def test_nothing_below_a_task_folder_is_opened_by_its_path():
    """A plugin owns what lies there; `agent.fs.beneath` opens it by descriptors. The folder's own module makes it."""
    names = {"config_path", "settings_path", "results", "data", "model", "tmp", "logs", "serve_path"}
    ways = {
        "read_bytes",
        "read_text",
        "open",
        "stat",
        "lstat",
        "iterdir",
        "glob",
        "rglob",
        "exists",
        "is_file",
        "is_dir",
    }
    found = [
        f"{file}:{node.lineno}"
        for file in Path(agent.__file__).parent.rglob("*.py")
        if file.name != "task_dir.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ways
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in names
        and "folder" in ast.unparse(node.value.value).rpartition(".")[2]
    ]
    assert found == []

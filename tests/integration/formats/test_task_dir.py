"""The task folder as plugins find it, and cleaning it."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.domain import TaskType
from agent.errors import StorageFailed
from agent.formats.task_dir import TaskDir, task_folders


@pytest.fixture
def task_dir(tmp_path):
    return TaskDir(tmp_path / "tasks" / "7")


def entries(task_dir):
    return sorted(path.name for path in task_dir.path.iterdir())


@pytest.mark.parametrize(
    ("kind", "folders"),
    [
        (TaskType.TRAIN, ["data", "logs", "model", "results", "tmp"]),
        (TaskType.INFERENCE, ["data", "logs", "model", "results"]),
    ],
)
def test_the_layout_is_that_of_the_contract(task_dir, kind, folders):
    task_dir.create(kind)
    task_dir.write_config({"b": 1, "a": 1.0, "name": "Größe"})

    assert entries(task_dir) == sorted(["__do_not_clean.marker", *folders, "task_config.json", "task_settings.json"])
    assert task_dir.config_path.read_bytes() == b'{"b": 1, "a": 1.0, "name": "Gr\\u00f6\\u00dfe"}'
    assert task_dir.settings_path.read_bytes() == task_dir.config_path.read_bytes()
    assert task_dir.marker.read_bytes() == b""


def test_a_secret_config_is_for_its_owner_where_others_reach_the_folder(task_dir, tmp_path):
    task_dir.create(TaskType.DEPLOY)
    assert task_dir.path.parent.stat().st_mode & 0o077 == 0  # made by the agent: nobody else gets in
    for place in (task_dir.path.parent, *(p for p in tmp_path.parents if p.stat().st_uid == os.geteuid())):
        place.chmod(place.stat().st_mode | 0o011)  # a folder that was there before
    tmp_path.chmod(0o711)
    task_dir.write_config({"token": "k"}, secret=True)
    assert [path.stat().st_mode & 0o777 for path in (task_dir.config_path, task_dir.settings_path)] == [0o600] * 2
    tmp_path.chmod(0o700)
    task_dir.write_config({"token": "k"}, secret=True)
    assert task_dir.config_path.stat().st_mode & 0o044 == 0o044


def test_creating_again_empties_everything_but_logs(task_dir):
    task_dir.create(TaskType.TRAIN)
    for folder in (task_dir.data, task_dir.model, task_dir.results, task_dir.tmp, task_dir.logs):
        (folder / "old").mkdir()

    task_dir.create(TaskType.TRAIN)

    assert [path.name for path in task_dir.path.rglob("old")] == ["old"]
    assert (task_dir.logs / "old").exists()


def test_a_log_is_named_as_the_original_names_it(task_dir):
    assert task_dir.log_path(datetime(2019, 3, 4, 5, 6, 7, tzinfo=UTC)).name == "log_2019-03-04_05:06:07.txt"


def test_cleaning_leaves_only_logs(task_dir):
    task_dir.create(TaskType.TRAIN)
    (task_dir.logs / "log.txt").write_text("kept")
    (task_dir.results / "00000000").mkdir()

    assert task_dir.clean() == []
    assert entries(task_dir) == ["logs"]
    assert (task_dir.logs / "log.txt").read_text() == "kept"


def test_the_marker_goes_last_so_that_a_half_cleaned_folder_is_still_found(task_dir):
    task_dir.create(TaskType.TRAIN)
    assert [path.name for path in task_dir.contents()] == ["data", "model", "results", "tmp", task_dir.marker.name]


def test_cleaning_follows_no_link_out_of_the_folder(task_dir, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("mine")
    task_dir.create(TaskType.TRAIN)
    task_dir.results.rmdir()
    task_dir.results.symlink_to(mine)
    (task_dir.data / "link").symlink_to(mine)

    task_dir.clean()

    assert (mine / "file").read_text() == "mine"
    assert entries(task_dir) == ["logs"]


def test_emptying_results_replaces_a_link_a_plugin_left(task_dir, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    task_dir.create(TaskType.TRAIN)
    task_dir.results.rmdir()
    task_dir.results.symlink_to(tmp_path / "mine")

    task_dir.empty_results()

    assert not task_dir.results.is_symlink()
    assert (tmp_path / "mine" / "file").exists()


def test_a_config_is_not_written_through_a_link(task_dir, tmp_path):
    task_dir.create(TaskType.TRAIN)
    (tmp_path / "mine").write_text("mine")
    task_dir.config_path.symlink_to(tmp_path / "mine")

    task_dir.write_config({})

    assert (tmp_path / "mine").read_text() == "mine"
    assert task_dir.config_path.read_text() == "{}"


def test_folders_without_write_permission_are_cleaned(task_dir):
    task_dir.create(TaskType.TRAIN)
    deep = task_dir.results / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    deep.chmod(0o500)
    deep.parent.chmod(0o500)

    assert task_dir.clean() == []


def test_folders_without_any_permission_inside_each_other_are_cleaned_by_an_ordinary_user(task_dir):
    def plugin_then_clean():
        inside = TaskDir(Path())  # by place: what lies above belongs to root
        inside.create(TaskType.TRAIN)
        deep = inside.results / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "file").write_text("x")
        (inside.results / "link").symlink_to(inside.data)
        for folder in (deep, deep.parent, deep.parent.parent, inside.results):
            folder.chmod(0o000)
        assert inside.clean() == []

    task_dir.path.mkdir(parents=True, exist_ok=True)
    as_an_ordinary_user(task_dir.path, plugin_then_clean)
    assert entries(task_dir) == ["logs"]


def as_an_ordinary_user(folder, act):
    """Run a function in a process of a user without rights, whose working folder is this, its own."""
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12346)
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(12346)
                os.setuid(12345)
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a file from root")
def test_files_that_cannot_be_deleted_are_returned_and_nothing_raises(task_dir):
    task_dir.create(TaskType.TRAIN)
    stuck = task_dir.results / "stuck"
    stuck.write_text("x")
    if os.system(f"chattr +i {stuck} 2>/dev/null") != 0:
        pytest.skip("this file system has no immutable files")
    try:
        assert stuck in task_dir.clean()
        assert entries(task_dir) == ["logs", "results"]
    finally:
        os.system(f"chattr -i {stuck}")


def test_cleaning_a_missing_folder_is_no_error(task_dir):
    assert task_dir.clean() == []


def test_only_folders_named_for_a_task_are_task_folders(tmp_path):
    for name in ("7", "7.shadow", "12.snapshots", "²", "².shadow", "٣", "07", "7x", "notes", "9" * 30, ".7"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("a file")
    (tmp_path / "9").symlink_to(tmp_path / "7")

    found = [(folder.path.name, folder.task_id, folder.part) for folder in task_folders(tmp_path)]

    assert found == [("12.snapshots", 12, "snapshots"), ("7", 7, ""), ("7.shadow", 7, "shadow")]
    assert task_folders(tmp_path / "missing") == []


def test_a_folder_that_cannot_be_listed_is_named_in_a_sentence(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(StorageFailed, match=f"{tmp_path}: Permission denied"):
        task_folders(tmp_path)

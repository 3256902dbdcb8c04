from __future__ import annotations

import os

import pytest

from agent.errors import PluginFailed
from agent.formats.packing import survey
from agent.snapshot import checkpoint_path, require_folder, snapshot


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "00000000"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep").mkdir()
    (folder / "deep" / "model.pt").write_bytes(b"w" * 10)
    return tmp_path / "results"


@pytest.mark.parametrize("subdir", ["00000000", "./00000000", "/sly_task_data/results/00000000", "00000000/"])
def test_relative_and_absolute_folders_are_both_found(results, subdir):
    assert checkpoint_path(results, subdir) == results / "00000000"


@pytest.mark.parametrize(
    "subdir", ["..", "", ".", "/", "/etc", "../secret", "00000000/../..", "/sly_task_data/model", "a\0b"]
)
def test_nothing_outside_results_is_opened(results, subdir):
    (results.parent / "secret").mkdir()
    with pytest.raises(PluginFailed) as error:
        checkpoint_path(results, subdir)
    assert error.value.reason == "checkpoint_outside_results"


def test_a_link_out_of_results_is_not_followed(results, tmp_path):
    (tmp_path / "secret").mkdir()
    (results / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(PluginFailed) as error:
        checkpoint_path(results, "link")
    assert error.value.reason == "checkpoint_outside_results"


@pytest.mark.parametrize("subdir", ["00000007", "x" * 5000])
def test_a_missing_folder_is_named(results, subdir):
    with pytest.raises(PluginFailed, match="does not exist in results/") as error:
        require_folder(checkpoint_path(results, subdir), subdir)
    assert error.value.reason == "checkpoint_missing"


def test_the_plugin_may_delete_its_folder_the_next_moment(results, tmp_path):
    seen = snapshot(results / "00000000", tmp_path / "kept")
    for path in sorted((results / "00000000").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert (tmp_path / "kept" / "deep" / "model.pt").read_bytes() == b"w" * 10
    assert survey(tmp_path / "kept") == seen


def test_writing_into_a_handed_over_file_is_noticed(results, tmp_path):
    seen = snapshot(results / "00000000", tmp_path / "kept")
    with (results / "00000000" / "deep" / "model.pt").open("r+b") as file:
        file.write(b"changed")
    os.utime(results / "00000000" / "deep" / "model.pt", ns=(1, 1))
    assert survey(tmp_path / "kept") != seen


def test_an_empty_folder_is_refused(results, tmp_path):
    (results / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(PluginFailed) as error:
        snapshot(results / "empty", tmp_path / "kept")
    assert error.value.reason == "checkpoint_empty"


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("/etc/passwd"), os.mkfifo])
def test_links_that_leave_and_devices_in_a_checkpoint_are_refused(results, tmp_path, make):
    make(results / "00000000" / "odd")
    with pytest.raises(PluginFailed) as error:
        snapshot(results / "00000000", tmp_path / "kept")
    assert error.value.reason == "checkpoint_invalid"

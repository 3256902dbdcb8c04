from __future__ import annotations

import os

import pytest

from agent.checkpoints.snapshot import checkpoint_path, reported_folder, require_folder, snapshot
from agent.errors import PluginFailed
from agent.formats.survey import survey
from agent.fs.beneath import open_folder
from agent.fs.half_made import HalfMade
from tests.support.inputs import nested_deep


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "00000000"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep").mkdir()
    (folder / "deep" / "model.pt").write_bytes(b"w" * 10)
    return tmp_path / "results"


def taken(folder, dest):
    with open_folder(folder) as opened:
        return snapshot(opened, survey(opened), dest, HalfMade(dest.parent / "half"))


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
    with (
        reported_folder(results, checkpoint_path(results, subdir)) as folder,
        pytest.raises(PluginFailed, match="does not exist in results/") as error,
    ):
        require_folder(folder, subdir)
    assert error.value.reason == "checkpoint_missing"


def test_the_plugin_may_delete_its_folder_the_next_moment(results, tmp_path):
    seen = taken(results / "00000000", tmp_path / "kept")
    for path in sorted((results / "00000000").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert (tmp_path / "kept" / "deep" / "model.pt").read_bytes() == b"w" * 10
    assert survey(tmp_path / "kept") == seen


def test_writing_into_a_handed_over_file_is_noticed(results, tmp_path):
    seen = taken(results / "00000000", tmp_path / "kept")
    with (results / "00000000" / "deep" / "model.pt").open("r+b") as file:
        file.write(b"changed")
    os.utime(results / "00000000" / "deep" / "model.pt", ns=(1, 1))
    assert survey(tmp_path / "kept") != seen


def test_an_empty_folder_is_refused(results, tmp_path):
    (results / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(PluginFailed) as error:
        taken(results / "empty", tmp_path / "kept")
    assert error.value.reason == "checkpoint_empty"


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("/etc/passwd"), os.mkfifo])
def test_links_that_leave_and_devices_in_a_checkpoint_are_refused(results, tmp_path, make):
    make(results / "00000000" / "odd")
    with pytest.raises(PluginFailed) as error:
        taken(results / "00000000", tmp_path / "kept")
    assert error.value.reason == "checkpoint_invalid"


def test_a_link_to_a_file_of_the_folder_is_taken_as_that_file(results, tmp_path):
    (results / "00000000" / "latest.pt").symlink_to("deep/model.pt")

    seen = taken(results / "00000000", tmp_path / "kept")

    assert [file.name for file in seen.files] == ["config.json", "deep/", "deep/model.pt", "latest.pt"]
    assert not (tmp_path / "kept" / "latest.pt").is_symlink()
    assert (tmp_path / "kept" / "latest.pt").read_bytes() == b"w" * 10
    assert survey(tmp_path / "kept") == seen


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("swap", ["file", "folder above it", "whole folder", "pipe"])
def test_a_file_that_is_swapped_for_a_link_after_the_survey_is_not_taken(results, tmp_path, monkeypatch, swap, links):
    folder = results / "00000000"
    (tmp_path / "secret" / "deep").mkdir(parents=True)
    for name in ("config.json", "deep/model.pt", "model.pt"):
        (tmp_path / "secret" / name).write_text("secret")
    opened = open_folder(folder)
    seen = survey(opened)
    if swap == "file":
        (folder / "deep" / "model.pt").unlink()
        (folder / "deep" / "model.pt").symlink_to(tmp_path / "secret" / "model.pt")
    elif swap == "folder above it":
        (folder / "deep").rename(tmp_path / "away")
        (folder / "deep").symlink_to(tmp_path / "secret")
    elif swap == "whole folder":
        folder.rename(tmp_path / "away")
        folder.symlink_to(tmp_path / "secret")
    else:
        (folder / "deep" / "model.pt").unlink()
        os.mkfifo(folder / "deep" / "model.pt")
    if not links:
        monkeypatch.setattr(os, "link", refused)

    with opened:
        if swap == "whole folder":  # the folder that was opened is still the plugin's
            snapshot(opened, seen, tmp_path / "kept", HalfMade(tmp_path / "half"))
            assert (tmp_path / "kept" / "config.json").read_text() == "{}"
            return
        with pytest.raises(PluginFailed, match="was replaced while it was taken over") as caught:
            snapshot(opened, seen, tmp_path / "kept", HalfMade(tmp_path / "half"))

    assert caught.value.reason == "checkpoint_changed"


def refused(*_args, **_how):
    raise PermissionError("this file system has no hard links")


def test_where_nothing_can_be_linked_the_copy_is_surveyed_as_it_lies_there(results, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refused)

    seen = taken(results / "00000000", tmp_path / "kept")

    assert (tmp_path / "kept" / "deep" / "model.pt").read_bytes() == b"w" * 10
    assert survey(tmp_path / "kept") == seen


def test_folders_in_folders_without_end_are_refused(results, tmp_path):
    with (
        nested_deep(results / "00000000"),
        pytest.raises(PluginFailed, match="lies deeper than 32 folders"),
    ):
        taken(results / "00000000", tmp_path / "kept")

from __future__ import annotations

import os

import pytest

from agent.fs.durable import make_folder, sync_file_system, sync_folder


def test_a_folder_is_made_with_those_above_it_and_each_new_name_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    make_folder(tmp_path / "a" / "b" / "c", mode=0o700)
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700
    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / "file" / "folder")


def test_a_file_system_without_syncs_of_folders_is_no_error_and_a_failing_disk_is(tmp_path, monkeypatch):
    for number, fails in ((22, False), (5, True)):

        def fsync(handle, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)
        if fails:
            with pytest.raises(OSError, match="Input/output"):
                sync_folder(tmp_path)
        else:
            sync_folder(tmp_path)


def test_a_whole_file_system_is_synced_by_any_path_on_it(tmp_path):
    sync_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file_system(tmp_path / "missing")

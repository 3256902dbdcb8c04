"""Whose the files of a task folder are, once its container has ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.engines.ownership import has_foreign_files, restore_ownership_as_root
from tests.support.swapping import swapping

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change owners")


def test_files_become_the_owners_and_programs_lose_the_right_to_run_as_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    (folder / "results").mkdir(parents=True)
    program, link = folder / "results" / "sh", folder / "link"
    program.touch()
    os.chown(folder, NOBODY, NOBODY)
    os.chown(program, NOBODY, NOBODY)
    program.chmod(0o6755)
    (tmp_path / "mine").touch()
    link.symlink_to(tmp_path / "mine")
    assert has_foreign_files(folder, NOBODY)

    restore_ownership_as_root(folder)

    assert not has_foreign_files(folder, NOBODY)
    assert link.lstat().st_uid == NOBODY
    assert (tmp_path / "mine").stat().st_uid == 0
    assert program.stat().st_mode & 0o7777 == 0o755


def test_thousands_of_swaps_while_owners_are_restored_change_no_file_elsewhere(tmp_path: Path) -> None:
    folder, secret = tmp_path / "task", tmp_path / "secret"
    for place in (folder / "results" / "deep", secret / "deep"):
        place.mkdir(parents=True)
        (place / "file").touch()
    os.chown(folder, NOBODY, NOBODY)
    (folder / "link").symlink_to(secret)
    with swapping(folder / "results", folder / "link") as swaps:
        for _ in range(2000):
            restore_ownership_as_root(folder)

    assert swaps.count > 1000
    assert {place.stat().st_uid for place in (secret, secret / "deep", secret / "deep" / "file")} == {0}

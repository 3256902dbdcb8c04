"""Folders as plugins leave them: without permissions, deeper than any path, full of links."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from agent.fs.disk import entries_below, remove_tree, size_on_disk
from tests.support.inputs import nested_deep
from tests.support.swapping import swapping


def test_folders_nested_deeper_than_a_path_can_name_are_measured_and_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 100_000)
    with nested_deep(folder):
        assert size_on_disk(folder) > 100_000
        assert remove_tree(folder) == []
    assert not folder.exists()


def test_folders_without_permissions_are_deleted_however_deep(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch()
    with nested_deep(folder / "a"):
        for closed in (folder / "a" / "b", folder / "a", folder):
            closed.chmod(0o000)

        assert remove_tree(folder) == []


@pytest.mark.parametrize("deep", [False, True])
def test_no_link_is_followed(tmp_path: Path, deep: bool) -> None:
    folder, other = tmp_path / "results", tmp_path / "other"
    for made in (folder, other):
        made.mkdir()
        (made / "file").write_bytes(b"x" * 50_000)
    (folder / "link").symlink_to(other)
    with nested_deep(folder) if deep else nullcontext():
        names = {path.relative_to(tmp_path).as_posix() for path, _ in entries_below(folder)}
        assert {"results", "results/file", "results/link"} <= names
        assert "results/link/file" not in names
        assert remove_tree(folder) == []
    assert (other / "file").stat().st_size == 50_000
    folder.symlink_to(other)
    assert remove_tree(folder) == []
    assert (other / "file").exists()


@pytest.mark.parametrize("name", ["inner", "inner/deep", "inner/file"])
def test_thousands_of_swaps_while_a_folder_is_deleted_delete_nothing_else(tmp_path: Path, name: str) -> None:
    """The folder is made anew again and again, as by a plugin that does not want it to go."""
    folder, secret = tmp_path / "results", tmp_path / "secret"
    for place in (secret, secret / "deep"):
        place.mkdir()
        (place / "file").write_text("secret")
        place.chmod(0o555)
    link = tmp_path / "link"
    link.symlink_to(secret / "file" if name == "inner/file" else secret)
    until = time.monotonic() + 2
    with swapping(folder / name, link) as swaps:
        while time.monotonic() < until:
            new = tmp_path / "new"
            (new / "inner" / "deep").mkdir(parents=True)
            for place in (new / "inner" / "deep", new / "inner"):
                (place / "file").touch()
                place.chmod(0)
            with suppress(OSError):
                new.rename(folder)
            for gone in (folder, new):
                remove_tree(gone)
            if not link.is_symlink():
                remove_tree(link)
                with suppress(OSError):
                    link.symlink_to(secret / "file" if name == "inner/file" else secret)

    assert swaps.count > 100
    for place in (secret, secret / "deep"):
        assert (place / "file").read_text() == "secret"
        assert place.stat().st_mode & 0o777 == 0o555


def test_a_pipe_in_the_place_of_a_folder_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results"
    (folder / "inner").mkdir(parents=True)
    real = os.unlink

    def swap_and_unlink(name: str, **how: int) -> None:
        try:
            real(name, **how)
        except IsADirectoryError:
            if name == "inner":
                (folder / "inner").rmdir()
                os.mkfifo(folder / "inner")
            raise

    monkeypatch.setattr(os, "unlink", swap_and_unlink)
    assert remove_tree(folder) == [folder / "inner"]
    assert remove_tree(folder) == []


def test_many_folders_in_each_other_take_few_descriptors(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from agent.fs.disk import entries_below, remove_tree;"
        " resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); folder = Path(sys.argv[1]);"
        " print(sum(1 for _ in entries_below(folder)), remove_tree(folder))"
    )
    folder = tmp_path / "results"
    folder.mkdir()
    with nested_deep(folder):
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
        assert int(done.stdout.split()[0]) > 500
        assert done.stdout.split()[1] == "[]"

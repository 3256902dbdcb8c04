"""Below an open folder no name leads out of it, whatever is put there, and whenever."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agent.fs.beneath
from agent.fs.beneath import OpenFolder, link_file, open_folder


@pytest.fixture(params=["openat2", "walk"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenFolder]:
    """A folder with a/b/file; beside it secret/b/file. Opened by the kernel's own call, and where it is missing."""
    if request.param == "walk":
        monkeypatch.setattr(agent.fs.beneath, "_has_openat2", lambda: False)
    elif not agent.fs.beneath._has_openat2():
        pytest.skip("this kernel has no openat2")
    for place in ("task/a/b", "secret/b"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "file").write_text(place)
    with open_folder(tmp_path / "task") as opened:
        yield opened


def test_files_and_folders_are_reached_by_names_of_any_depth(root: OpenFolder) -> None:
    with root.file("a/b/file") as file:
        assert file.read() == b"task/a/b"
    with root.folder("a/b") as folder:
        assert folder.names() == ["file"]
        assert folder.path == root.path / "a" / "b"
    assert stat.S_ISDIR(root.status("a").st_mode)
    assert stat.S_ISDIR(root.status(".").st_mode)


@pytest.mark.parametrize("name", ["a/b/file", "a/b", "a"])
@pytest.mark.parametrize("linked", ["a", "a/b", "a/b/file"])
def test_no_link_is_followed_wherever_it_stands(root: OpenFolder, tmp_path: Path, name: str, linked: str) -> None:
    if not name.startswith(linked):
        return
    target = {"a": "secret", "a/b": "secret/b", "a/b/file": "secret/b/file"}[linked]
    (root.path / linked).rename(tmp_path / "away")
    (root.path / linked).symlink_to(tmp_path / target)

    for reach in (root.file, root.folder):
        with pytest.raises(OSError, match=r"symbolic links|Not a directory|not a regular file"):
            reach(name)
    if name == linked:
        assert stat.S_ISLNK(root.status(name).st_mode)


@pytest.mark.parametrize("name", ["../secret/b/file", "a/../../secret/b/file", "/etc/passwd", "..", "a/b\0"])
def test_no_name_leaves_the_folder(root: OpenFolder, name: str) -> None:
    for reach in (root.file, root.folder, root.status):
        with pytest.raises(OSError, match=r"."):
            reach(name)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listener(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [pipe, listener, Path.mkdir, lambda path: path.symlink_to("a/b/file")])
def test_only_regular_files_are_opened(root: OpenFolder, make: Callable[[Path], object]) -> None:
    make(root.path / "odd")
    with pytest.raises(OSError, match="not a regular file"):
        root.file("odd")


def test_other_file_systems_are_entered_only_where_that_is_allowed() -> None:
    with open_folder(Path("/")) as folder, pytest.raises(OSError, match=r"cross-device|mounted there"):
        folder.file("proc/self/status")
    with open_folder(Path("/"), may_enter_mounts=True) as folder:
        assert "1" in folder.folder("proc").names()


def test_links_inside_are_resolved_and_links_that_leave_are_errors(root: OpenFolder, tmp_path: Path) -> None:
    for name, target in {
        "in": "a/b",
        "deep": "in/../b/file",
        "absolute": str(root.path / "a"),
        "nowhere": "a/none",
        "self": ".",
        "out": "../secret",
        "up": "a/../../secret",
        "host": "/etc",
        "similar": str(tmp_path / "task2"),
        "loop": "loop",
    }.items():
        (root.path / name).symlink_to(target)

    assert root.resolve("in/file") == root.resolve("deep") == root.resolve("absolute/b/./file") == "a/b/file"
    assert root.resolve("nowhere") == "a/none"
    assert root.resolve("self") == ""
    for name in ("out", "up", "host", "similar", "loop", "out/b/file", "..", "self/.."):
        with pytest.raises(OSError, match=r"leads out|symbolic links"):
            root.resolve(name)


def test_what_was_opened_stays_what_it_is_when_its_name_becomes_a_link(root: OpenFolder, tmp_path: Path) -> None:
    with root.folder("a") as folder, root.probe("a/b/file") as found:
        (root.path / "a").rename(tmp_path / "away")
        (root.path / "a").symlink_to(tmp_path / "secret")

        with folder.file("b/file") as file:
            assert file.read() == b"task/a/b"
        link_file(found, tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "task/a/b"
    assert not (tmp_path / "kept").is_symlink()
    assert (tmp_path / "kept").samefile(tmp_path / "away" / "b" / "file")

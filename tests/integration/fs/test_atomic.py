"""A file or folder appears complete or not at all, whichever step fails."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.fs import atomic
from agent.fs.atomic import atomic_file, atomic_path, write_atomically


class Broken(Exception):
    """The writer's own failure."""


NEW, OLD = b"new" * 1000, b"old"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def failing(function: Callable[..., Any], when: Callable[..., bool], number: int = errno.EIO) -> Callable[..., Any]:
    """The function, which fails instead when `when` is true of its arguments."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            raise OSError(number, os.strerror(number), str(args[0]))
        return function(*args, **kwargs)

    return called


def is_partial(path: Any, *_: Any) -> bool:
    return str(path).endswith(".partial")


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


# Each step at which the machine may refuse, in the order of the steps.
REFUSALS = {
    "the temporary file is not made": ("open", is_partial),
    "its permissions are refused": ("fchmod", lambda *_: True),
    "its bytes do not reach the disk": ("fsync", lambda handle: not is_folder(handle)),
    "the rename is refused": ("replace", lambda *_: True),
}


@pytest.mark.parametrize("step", REFUSALS)
@pytest.mark.parametrize("before", [None, OLD])
def test_after_a_refused_step_everything_is_as_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, before: bytes | None
) -> None:
    path = folder / "file"
    if before is not None:
        path.write_bytes(before)
    name, when = REFUSALS[step]
    monkeypatch.setattr(os, name, failing(getattr(os, name), when))

    with pytest.raises(OSError, match="Input/output error") as caught:
        write_atomically(path, NEW, mode=0o600)

    assert [entry.name for entry in folder.iterdir()] == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before
    assert ".partial" not in str(caught.value), "the error names the file that was to be written"


def test_after_a_failure_of_the_writer_everything_is_as_before(folder: Path) -> None:
    (folder / "file").write_bytes(OLD)

    def write_half() -> None:
        with atomic_file(folder / "file") as out:
            out.write(NEW)
            raise Broken

    def make_half() -> None:
        with atomic_path(folder / "made") as partial:
            partial.mkdir()
            (partial / "file").write_bytes(NEW)
            raise Broken

    for attempt in (write_half, make_half):
        with pytest.raises(Broken):
            attempt()

    assert {entry.name: entry.read_bytes() for entry in folder.iterdir()} == {"file": OLD}


@pytest.mark.parametrize("write", [write_atomically, lambda path, data: write_atomically(path, data, replace=False)])
def test_bytes_that_do_not_fit_leave_nothing(folder: Path, write: Callable[[Path, bytes], None]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) - 1, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(folder / "file", NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert list(folder.iterdir()) == []


def test_a_refused_link_with_a_free_name_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(os.link, is_partial))

    with pytest.raises(OSError, match="Input/output error"):
        write_atomically(folder / "file", NEW, replace=False)

    assert list(folder.iterdir()) == []


def test_the_bytes_reach_the_disk_before_the_name_and_the_name_before_the_call_returns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(handle: int) -> None:
        steps.append("folder" if is_folder(handle) else f"file of {os.fstat(handle).st_size}")
        fsync(handle)

    def seen_replace(source: Any, target: Any) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)

    write_atomically(folder / "file", NEW)
    assert steps == [f"file of {len(NEW)}", "rename", "folder"]
    steps.clear()
    write_atomically(folder / "file", NEW, durable=False)
    assert steps == ["rename"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES])
def test_a_folder_that_cannot_be_flushed_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", failing(os.fsync, is_folder, number))

    write_atomically(folder / "file", NEW)

    assert (folder / "file").read_bytes() == NEW


def test_a_folder_that_fails_to_be_flushed_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(os.fsync, is_folder))

    with pytest.raises(OSError, match="Input/output error"):
        write_atomically(folder / "file", NEW)

    assert [entry.name for entry in folder.iterdir()] == ["file"]


def test_a_secret_is_its_owners_from_the_first_moment(folder: Path) -> None:
    with atomic_file(folder / "secret", mode=0o600) as out:
        (partial,) = folder.iterdir()
        assert mode_of(partial) == 0o600
        out.write(NEW)

    assert mode_of(folder / "secret") == 0o600


def test_permissions_of_a_replaced_file_stay_and_a_new_one_has_those_of_the_umask(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(folder / "new", NEW)
        (folder / "known").write_bytes(OLD)
        (folder / "known").chmod(0o604)
        write_atomically(folder / "known", NEW)
        write_atomically(folder / "said", NEW, mode=0o666)
    finally:
        os.umask(before)

    assert [mode_of(folder / name) for name in ("new", "known", "said")] == [0o640, 0o604, 0o666]


@pytest.mark.parametrize("refused", [None, errno.EPERM])
def test_what_exists_is_not_replaced_unless_that_is_meant(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: int | None
) -> None:
    """By a hard link, or where the file system has none by looking first."""
    if refused is not None:
        monkeypatch.setattr(os, "link", failing(os.link, lambda *_: True, refused))
    write_atomically(folder / "file", OLD, replace=False)

    with pytest.raises(FileExistsError) as caught:
        write_atomically(folder / "file", NEW, replace=False)

    assert caught.value.filename == str(folder / "file")
    assert {entry.name: entry.read_bytes() for entry in folder.iterdir()} == {"file": OLD}
    (folder / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        write_atomically(folder / "link", NEW, replace=False)
    assert not (folder / "nowhere").exists()


def test_a_link_is_replaced_and_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(OLD)
    (folder / "file").symlink_to(tmp_path / "outside")

    write_atomically(folder / "file", NEW)

    assert (tmp_path / "outside").read_bytes() == OLD
    assert not (folder / "file").is_symlink()
    assert (folder / "file").read_bytes() == NEW


def test_a_folder_appears_with_all_its_files_or_not_at_all(folder: Path) -> None:
    with atomic_path(folder / "made", replace=False) as partial:
        partial.mkdir()
        (partial / "file").write_bytes(NEW)
        assert not (folder / "made").exists()

    assert [entry.name for entry in folder.rglob("*")] == ["made", "file"]
    with pytest.raises(FileExistsError), atomic_path(folder / "made", replace=False) as partial:
        partial.mkdir()
    assert [entry.name for entry in folder.rglob("*")] == ["made", "file"]


def test_a_name_as_long_as_the_file_system_takes_has_room(folder: Path) -> None:
    write_atomically(folder / ("x" * 255), NEW)

    assert atomic._mode_of(folder / ("x" * 255)) is not None

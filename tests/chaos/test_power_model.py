"""The model of a disk, the recorder, and that the two together find what they are meant to find."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.chaos.power.disk import Disk, File, Folder, Loss, write_tree
from tests.chaos.power.operations import Kind, Operation, missing_tool
from tests.chaos.power.said import Lines, Said
from tests.chaos.power.scenarios import Run
from tests.chaos.power.simulate import simulate

PARTS = (Loss.JOURNALED, Loss.STRICT)


@pytest.fixture(autouse=True)
def tool() -> None:
    if missing := missing_tool():
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


# ---------------------------------------------------------------- the model


class Written:
    """A disk, and the operations of a program on it, by name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = Disk(root)
        self._inodes = {"": root.stat().st_ino}

    def make(self, name: str, kind: Kind = Kind.CREATE) -> None:
        self._inodes[name] = 1_000_000_000 + len(self._inodes)
        self.disk.apply(Operation(kind, self._inodes[name], str(self.root / name)))

    def write(self, name: str, data: bytes, offset: int = 0) -> None:
        self.disk.apply(Operation(Kind.WRITE, self._inodes[name], offset=offset, data=data))

    def sync(self, name: str = "") -> None:
        self.disk.apply(Operation(Kind.SYNC, self._inodes[name]))

    def rename(self, name: str, other: str) -> None:
        self._inodes[other] = self._inodes[name]
        path, new = str(self.root / name), str(self.root / other)
        self.disk.apply(Operation(Kind.RENAME, self._inodes[name], path, new))

    def left(self, loss: Loss, seed: int = 0) -> dict[str, bytes | None]:
        """Path → bytes of what is left; None for a folder."""
        return dict(paths(self.disk.left(loss, random.Random(seed))))

    def ever(self, name: str, *losses: Loss) -> set[bytes | None]:
        """All that a file may be after these losses; b"-" when it is not there."""
        return {self.left(loss, seed).get(name, b"-") for loss in losses for seed in range(200)}


def paths(folder: Folder, above: str = "") -> Iterator[tuple[str, bytes | None]]:
    for name, node in folder.entries.items():
        yield above + name, node.synced if isinstance(node, File) else None
        if isinstance(node, Folder):
            yield from paths(node, f"{above}{name}/")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    root = tmp_path / "root"
    root.mkdir()
    return Written(root)


def test_what_was_synced_with_its_name_is_there_whatever_is_lost(written):
    written.make("a")
    written.write("a", b"safe")
    written.sync("a")
    written.sync()
    written.write("a", b"lost")
    assert written.ever("a", *Loss) == {b"safe", b"lost"}
    written.sync("a")
    assert written.ever("a", *Loss) == {b"lost"}


def test_a_synced_file_without_a_synced_name_may_be_gone(written):
    written.make("a")
    written.write("a", b"bytes")
    written.sync("a")
    assert written.ever("a", Loss.STRICT) == {b"-", b"bytes"}
    assert written.ever("a", Loss.EVERYTHING) == {b"-"}
    assert written.ever("a", Loss.JOURNALED) == {b"bytes"}  # the sync took the name along


def test_a_file_renamed_before_its_bytes_are_synced_may_be_empty_or_zeros(written):
    written.make("half")
    written.write("half", b"bytes")
    written.rename("half", "whole")
    assert written.left(Loss.BYTES) == {"whole": b""}
    assert written.left(Loss.ZEROS) == {"whole": bytes(5)}
    assert written.ever("whole", Loss.JOURNALED) == {b"-", b"", b"bytes"}


def test_a_rename_over_a_file_leaves_the_old_or_the_new_one(written):
    for name, data in (("a", b"old"), ("b", b"new")):
        written.make(name)
        written.write(name, data)
        written.sync(name)
    written.sync()
    written.rename("b", "a")
    assert written.ever("a", *Loss) == {b"old", b"new"}


def test_writes_tear_at_pages_and_reach_the_disk_in_any_order(written):
    written.make("a")
    written.sync()
    written.write("a", b"1" * 8192)
    ends = {content[-4096:] for content in written.ever("a", *PARTS) if content and len(content) == 8192}
    assert {content[:4096] for content in written.ever("a", *PARTS) if content} == {b"1" * 4096, bytes(4096)}
    assert ends == {b"1" * 4096}  # else the file is shorter


def test_names_of_a_journaled_disk_survive_in_order_and_those_of_a_strict_one_folder_by_folder(written):
    for name in ("x", "y"):
        written.make(name, Kind.FOLDER)
    written.sync()
    for name in ("x/1", "y/2", "x/3"):
        written.make(name)
    seen: dict[Loss, set[str]] = {loss: set() for loss in PARTS}
    for loss in PARTS:
        for seed in range(300):
            seen[loss].add("".join(sorted(path[-1] for path in written.left(loss, seed) if "/" in path)))
    assert seen == {Loss.JOURNALED: {"", "1", "12", "123"}, Loss.STRICT: {"", "1", "2", "12", "13", "123"}}


def test_a_synced_file_in_a_folder_whose_own_name_was_not_synced_may_be_gone(written):
    written.make("x", Kind.FOLDER)
    written.make("x/a")
    written.sync("x/a")
    written.sync("x")
    assert written.left(Loss.EVERYTHING) == {}
    written.sync()
    assert written.left(Loss.EVERYTHING) == {"x": None, "x/a": b""}


def test_what_a_cut_left_is_written_with_holes_for_zeros_and_with_its_hard_links(written, tmp_path):
    written.make("a")
    written.write("a", b"x" * 4096, offset=1 << 20)
    written.disk.apply(Operation(Kind.LINK, written._inodes["a"], str(written.root / "a"), str(written.root / "b")))
    write_tree(written.disk.left(Loss.NOTHING, random.Random()), tmp_path / "copy")
    assert (tmp_path / "copy" / "a").read_bytes() == bytes(1 << 20) + b"x" * 4096
    assert (tmp_path / "copy" / "a").stat().st_blocks * 512 < 1 << 20
    assert (tmp_path / "copy" / "b").samefile(tmp_path / "copy" / "a")


def test_a_second_name_recorded_as_a_new_file_is_refused(written):
    written.make("a")
    with pytest.raises(ValueError, match="b was recorded as new, and is a further name"):
        written.disk.apply(Operation(Kind.CREATE, written._inodes["a"], str(written.root / "b")))


def test_a_file_may_be_linked_before_its_making_is_recorded(written):
    inode, other = 77, str(written.root / "other")
    written.disk.apply(Operation(Kind.LINK, inode, str(written.root / "a"), other))
    written.disk.apply(Operation(Kind.CREATE, inode, str(written.root / "a")))
    written.disk.apply(Operation(Kind.WRITE, inode, data=b"bytes"))
    assert written.left(Loss.NOTHING) == {"a": b"bytes", "other": b"bytes"}


def test_a_line_counts_from_the_write_that_ended_it():
    said = [b"task 1", b": net\ncheck", b"point 0\n"]
    lines = Lines([Operation(Kind.SAID, inode=2, data=data) for data in said])
    assert [lines.before(position).lines for position in range(4)] == [
        (),
        (),
        ((2, "task 1: net"),),
        ((2, "task 1: net"), (2, "checkpoint 0")),
    ]


# ---------------------------------------------------------------- the recorder, and both together

EVERY_WAY = """
import ctypes, os, shutil, subprocess, sys, tempfile
outside = tempfile.mkdtemp()
with open(outside + "/foreign", "wb") as file:
    file.write(b"from elsewhere" * 1000)
open("plain", "w").write("text")
with open("plain", "r+b") as file:
    file.seek(2); file.write(b"XX"); file.truncate(3)
with open("plain", "ab") as file:
    file.write(b"appended")
os.mkdir("folder")
folder = os.open("folder", os.O_RDONLY)
inside = os.open("by descriptor", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=folder)
os.pwrite(inside, b"far", 10_000); os.pwritev(inside, [b"ab", b"cd"], 5); os.writev(inside, [b"12", b"34"])
os.posix_fallocate(inside, 0, 20_000)
probe = os.open("folder/by descriptor", os.O_PATH)
os.link(f"/proc/self/fd/{probe}", "linked while open", src_dir_fd=probe, follow_symlinks=True)
os.link("by descriptor", "linked", src_dir_fd=folder, dst_dir_fd=folder)
os.rename("linked", "../moved", src_dir_fd=folder)
shutil.copyfile("plain", "copied by sendfile")
with open("plain", "rb") as source, open("copied by range", "wb") as target:
    os.copy_file_range(source.fileno(), target.fileno(), 5)
unnamed = os.open(".", os.O_TMPFILE | os.O_RDWR)
os.write(unnamed, b"had no name")
os.link(f"/proc/self/fd/{unnamed}", "named", src_dir_fd=folder, follow_symlinks=True)
os.symlink("plain", "symlink"); os.symlink("x", "y"); os.unlink("y"); os.replace("copied by sendfile", "folder/new")
shutil.move(outside + "/foreign", "foreign")
os.makedirs("deep/er/est"); shutil.rmtree("deep")
os.truncate("foreign", 100)
ctypes.CDLL(None).renameat2(-100, b"plain", -100, b"moved", 2)  # exchange
if os.fork() == 0:
    open("folder/of a child", "w").write("child")
    os._exit(0)
os.wait()
subprocess.run(["sh", "-c", "echo from a shell > shell; rm -r -- 'folder/new'; mkdir -p s/h"], check=True)
with open("temporary", "w") as file:
    file.write("x" * 100_000); file.flush(); os.fsync(file.fileno()); os.unlink("temporary"); file.write("more")
import sqlite3
connection = sqlite3.connect("store.db")
connection.execute("PRAGMA journal_mode=WAL"); connection.execute("CREATE TABLE t (x)")
for number in range(50):
    connection.execute("INSERT INTO t VALUES (?)", ("x" * 1000,)); connection.commit()
os._exit(0)  # the write-ahead log stays
"""


class Program:
    """A scenario of one program, which has said "done" when its file `whole` holds what it should."""

    name: ClassVar = "program"
    share: ClassVar = 1
    outside: ClassVar[tuple[str, ...]] = ()

    def __init__(self, text: str) -> None:
        self._text = text

    def prepare(self, root: Path) -> None:
        (root / "whole").write_bytes(b"old")

    def run(self, run: Run) -> None:
        run.program(self._text)

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        content = (root / "whole").read_bytes()
        if content not in (b"old", b"new" * 4000):
            yield "half-written"
        if said.has("^done") and content == b"old":
            yield "acknowledged and lost"


def problems_of(text: str, folder: Path) -> set[str]:
    (report,) = simulate([Program(text)], folder, count=100, seed=1, jobs=1)
    return {problem for found in report.problems.values() for problem in found}


def test_every_way_of_changing_a_folder_is_recorded(tmp_path):
    (report,) = simulate([Program(EVERY_WAY)], tmp_path, count=1, seed=1, jobs=1)
    assert report.problems == {}
    assert report.operations > 150


CAREFUL = """
import os
with open("half", "wb") as file:
    file.write(b"new" * 4000); file.flush(); os.fsync(file.fileno())
os.rename("half", "whole")
folder = os.open(".", os.O_RDONLY); os.fsync(folder)
print("done", flush=True)
"""


def test_a_program_that_syncs_the_file_then_renames_then_syncs_the_folder_loses_nothing(tmp_path):
    assert problems_of(CAREFUL, tmp_path) == set()


@pytest.mark.parametrize(
    ("forgotten", "found"),
    [
        ("os.fsync(file.fileno())", {"half-written"}),
        ("os.fsync(folder)", {"acknowledged and lost"}),
        ('os.rename("half", "whole")', {"acknowledged and lost"}),
    ],
)
def test_a_program_that_forgets_one_of_them_is_found_out(tmp_path, forgotten, found):
    assert problems_of(CAREFUL.replace(forgotten, "pass"), tmp_path) == found

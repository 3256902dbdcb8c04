"""Half-made things: one place, owned by the process that makes them, swept up when it is dead."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import DiskFull
from agent.fs.half_made import HalfMade
from tests.support.inputs import ROOT

DIES = """
import os, signal, sys
from pathlib import Path
from agent.fs.half_made import HalfMade

with HalfMade(Path(sys.argv[1])).making("upload", Path(sys.argv[2])) as folder:
    (folder / "blob").write_bytes(b"x" * 5000)
    print(folder, flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def half_made(home) -> HalfMade:
    return HalfMade(home / "half")


@pytest.fixture
def other_disk():
    folder = Path("/dev/shm", f"half-made-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this machine has no second file system for tests")
    yield folder
    shutil.rmtree(folder)


def maker(home: Path, near: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DIES, str(home / "half"), str(near)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_thing_belongs_to_its_process_and_is_swept_up_when_that_is_killed(home, half_made, other_disk, elsewhere):
    home.mkdir()
    with maker(home, other_disk if elsewhere else home) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == (other_disk if elsewhere else half_made.folder)
        (thing,) = half_made.found()
        assert (thing.what, thing.path, thing.is_left) == ("upload", folder, False)
        assert half_made.sweep() == []
        assert (folder / "blob").exists()
        process.send_signal(signal.SIGKILL)
    (thing,) = half_made.found()
    assert thing.is_left
    assert half_made.sweep() == []
    assert half_made.found() == []
    assert list(half_made.folder.iterdir()) == list(other_disk.iterdir()) == []


def test_what_is_made_appears_whole_under_its_name_and_leaves_nothing(half_made, tmp_path, other_disk):
    for path in (tmp_path / "file", other_disk / "file"):
        with half_made.atomic_path(path, "export") as partial:
            partial.write_bytes(b"all of it")
            assert not path.exists()
        assert path.read_bytes() == b"all of it"
        with pytest.raises(FileExistsError), half_made.atomic_path(path, "export", replace=False) as partial:
            partial.write_bytes(b"something else")
        assert path.read_bytes() == b"all of it"
    assert half_made.found() == []
    assert [entry.name for entry in other_disk.iterdir()] == ["file"]


def test_a_thing_that_fails_is_gone(half_made, tmp_path):
    def fail():
        with half_made.atomic_path(tmp_path / "file", "export") as partial:
            partial.write_bytes(b"half of it")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(half_made.folder.iterdir()) == []
    assert not (tmp_path / "file").exists()


def test_a_sweep_touches_only_what_has_the_name_of_a_thing(half_made, tmp_path):
    half_made.folder.mkdir(parents=True)
    (half_made.folder / "notes").mkdir()
    (half_made.folder / "import-lock").touch()
    precious = tmp_path / "precious"
    precious.mkdir()
    forged = half_made.folder / f"upload-{'a' * 32}.lock"
    forged.write_text(str(precious))  # no process of ours writes this
    assert half_made.sweep() == []
    assert precious.is_dir()
    assert sorted(entry.name for entry in half_made.folder.iterdir()) == ["import-lock", "notes"]


def test_a_thing_that_lost_its_lock_in_a_power_cut_is_swept_up(half_made):
    (half_made.folder / f"upload-{'a' * 32}").mkdir(parents=True)
    assert [thing.is_left for thing in half_made.found()] == [True]
    assert half_made.sweep() == []
    assert half_made.found() == []


def test_what_is_kept_free_stays_free_on_the_disks_of_tasks_and_not_on_others(home, other_disk):
    home.mkdir()
    free = shutil.disk_usage(home).free
    half_made = HalfMade(home / "half", keep_free_bytes=free // 2, of=(home,))
    half_made.require_space(home, 1000, "a model")
    with pytest.raises(DiskFull, match=r"There is no space left to write a model: it needs .* AGENT_MIN_FREE keeps"):
        half_made.require_space(home, free * 3 // 4, "a model")
    elsewhere = shutil.disk_usage(other_disk).free
    half_made.require_space(other_disk, elsewhere // 2, "a backup")


def test_the_reserve_is_for_what_tasks_have_saved_once_it_is_needed(home):
    home.mkdir()
    free = shutil.disk_usage(home).free
    low = HalfMade(home / "half", keep_free_bytes=free * 2, of=(home,))
    with pytest.raises(DiskFull):
        low.require_space(home, 1000, "an upload")
    low.require_space(home, 1000, "a checkpoint", may_use_reserve=True)
    fine = HalfMade(home / "half", keep_free_bytes=free // 2, of=(home,))
    with pytest.raises(DiskFull):
        fine.require_space(home, free * 3 // 4, "a checkpoint", may_use_reserve=True)

"""A checkpoint that is larger than the free space: it waits in its snapshot, and harms nobody meanwhile."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.artifacts import Artifacts, open_artifacts
from agent.checkpoints import publisher
from agent.checkpoints.publisher import Uploader
from agent.domain import Checkpoint, CheckpointState, NewModel, NewProject, NewTask, TaskStatus, TaskType
from agent.errors import DiskFull
from agent.events.model import CheckpointReported
from agent.formats.task_dir import TaskDir
from agent.fs.half_made import HalfMade
from agent.recorder import Recorder
from agent.store import Store, open_store

MIB = 1 << 20
KEPT = 4 * MIB  # of the small disk's 32


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "small", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small file system here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def artifacts(small_disk) -> Artifacts:
    half_made = HalfMade(small_disk / "half", keep_free_bytes=KEPT, of=(small_disk,))
    return open_artifacts(str(small_disk / "artifacts"), half_made=half_made)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield store


@pytest.fixture
def uploader(store, artifacts, tmp_path, monkeypatch) -> Uploader:
    monkeypatch.setattr(publisher, "LOOK_S", 0.02)
    plugin = store.plugins.put(
        title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}), agent_id="a:1:x")
    task = store.tasks.become(task.id, TaskStatus.STARTED)
    folder = TaskDir(tmp_path / "tasks" / "1")
    folder.create(TaskType.TRAIN)
    return Uploader(
        task,
        plugin,
        store=store,
        artifacts=artifacts,
        recorder=Recorder(store, task.id, lines_read=0, last_seq=0, log_path=folder.logs / "log.txt"),
        results=folder.results,
        project_name="p",
    )


@pytest.fixture
def report(uploader, tmp_path) -> Callable[[int, int], None]:
    """Report a checkpoint of a size in MiB, and delete its folder at once."""

    def report(index: int, size_mib: int) -> None:
        folder = tmp_path / "tasks" / "1" / "results" / f"{index}"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.pt").write_bytes(os.urandom(size_mib * MIB))
        uploader.checkpoint(index + 1, CheckpointReported(index, f"{index}", 1, is_best=False, optional=None))
        for file in (folder / "config.json", folder / "model.pt"):
            file.unlink()

    return report


def reached(store: Store, condition: Callable[[], bool]) -> None:
    while not condition():
        assert store.wait_for_change(20)


def checkpoints(store: Store) -> list[Checkpoint]:
    return list(store.checkpoints.list(1))


def notes(store: Store) -> list[str]:
    return [event.message for event in store.events.after(1)]


def test_it_waits_while_others_are_published_and_is_packed_when_there_is_space(
    store, uploader, report, small_disk, tmp_path
):
    (small_disk / "others").write_bytes(b"x" * 16 * MIB)
    lowest = Lowest(small_disk)
    report(0, 14)  # 16 are free, of which 4 are kept
    reached(store, lambda: any("checkpoint 0 waits" in said for said in notes(store)))
    report(1, 1)
    reached(store, lambda: checkpoints(store)[1].state is CheckpointState.PUBLISHED)
    assert checkpoints(store)[0].state is CheckpointState.SNAPSHOT
    assert lowest.stop() >= KEPT, "an honest task on this disk would have been ended"
    (small_disk / "others").unlink()
    reached(store, lambda: checkpoints(store)[0].state is CheckpointState.PUBLISHED)
    uploader.finish()
    assert sum("waits" in said for said in notes(store)) == 1
    assert not (tmp_path / "tasks" / "1.snapshots").exists()


def test_at_the_end_it_is_named_as_not_kept_with_the_place_of_its_files(store, uploader, report, small_disk, tmp_path):
    (small_disk / "others").write_bytes(b"x" * 16 * MIB)
    report(0, 14)
    uploader.finish()
    (checkpoint,) = checkpoints(store)
    assert (checkpoint.state, checkpoint.reason) == (CheckpointState.FAILED, "disk_full")
    kept = tmp_path / "tasks" / "1.snapshots" / "1"
    assert (kept / "model.pt").stat().st_size == 14 * MIB
    assert f"its files are in {kept}" in notes(store)[-1]
    assert "AGENT_MIN_FREE keeps 4,194,304" in notes(store)[-1]


def test_what_was_saved_may_use_the_reserve_when_others_have_begun_it(store, uploader, report, small_disk):
    (small_disk / "others").write_bytes(b"x" * 29 * MIB)
    report(0, 1)
    uploader.finish()
    assert checkpoints(store)[0].state is CheckpointState.PUBLISHED


def test_an_upload_does_not_get_the_reserve(artifacts, small_disk):
    lowest = Lowest(small_disk)
    with artifacts.writer(what="upload") as out:  # its size is not announced
        for _ in range(25):
            out.write(os.urandom(MIB))
        with pytest.raises(DiskFull):
            deque(map(out.write, [os.urandom(MIB)] * 5))
        out.discard()
    assert lowest.stop() >= KEPT - 2 * MIB  # what is written between two looks, and what is not written yet


class Lowest:
    """Looks at the free space of a disk all the time."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._lowest = self._free()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _free(self) -> int:
        found = os.statvfs(self._disk)
        return found.f_bavail * found.f_frsize

    def _look(self) -> None:
        while not self._over.wait(0.001):
            self._lowest = min(self._lowest, self._free())

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._lowest

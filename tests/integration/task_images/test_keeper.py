"""Images that a plugin logs or leaves are kept; whatever else it names is a note, and never harms the task."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.artifacts import open_artifacts
from agent.domain import NewModel, NewProject, NewTask, TaskImage, TaskType
from agent.errors import ArtifactsAway, DiskFull, StorageFailed
from agent.events.model import ImageReported, Level, Stream
from agent.events.parse import parse_line
from agent.events.reading import EventColumns
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.store import Store, open_store
from agent.task_images import keeper as keeper_module
from agent.task_images.keeper import ImageKeeper
from agent.task_images.taking import LARGEST_BYTES, header_of
from tests.support.swapping import swapping

SECRET = b"the secret of this machine"


def png(value: int = 7, width: int = 8, height: int = 6) -> bytes:
    _, data = cv2.imencode(".png", np.full((height, width, 3), value, np.uint8))
    return bytes(data)


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims this size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Bench:
    """A running training; `log` prints a line that asks to keep an image."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store
        self.artifacts = open_artifacts(str(root / "artifacts"))
        self.folder = TaskDir(root / "tasks" / "1")
        self.folder.create(TaskType.TRAIN)
        self.results = self.folder.results
        self.copies = root / "tasks" / "1.images"
        plugin = store.plugins.put(
            title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
            configs=(), image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("m", "1" * 64, 1, None))
        self.task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}))
        self.keeper = self.restarted()

    def restarted(self, most_bytes: int = 1 << 30) -> ImageKeeper:
        """The keeper of an agent that starts now."""
        task = self.store.tasks.get(self.task.id)
        self.recorder = Recorder(
            self.store,
            task.id,
            lines_read=task.lines_read,
            last_seq=self.store.events.last_seq(task.id),
            log_path=self.folder.logs / "log.txt",
        )
        self.keeper = ImageKeeper(
            task,
            store=self.store,
            artifacts=self.artifacts,
            recorder=self.recorder,
            results=self.results,
            most_bytes=most_bytes,
        )
        return self.keeper

    def line(self, path: str, name: str = "val", step: float | None = None) -> tuple[int, ImageReported]:
        given = "null" if step is None else step
        text = f'{{"message": "m", "image": {{"path": "{path}", "name": "{name}", "step": {given}}}, "level": "info"}}'
        event = parse_line(text, Stream.STDERR, 1)
        assert isinstance(event.body, ImageReported)
        return self.recorder.record(EventColumns.of([event])), event.body

    def log(self, path: str, name: str = "val", step: float | None = None) -> int:
        seq, report = self.line(path, name, step)
        self.keeper.take(seq, report)
        return seq

    def kept(self) -> list[TaskImage]:
        return self.store.task_images.list(self.task.id)

    def said(self) -> list[str]:
        notes: list[str] = []
        for event in self.store.events.each(self.task.id):
            if event.stream is Stream.AGENT:
                assert event.level is Level.WARN
                notes.append(event.message)
        return notes

    def bytes_of(self, image: TaskImage) -> bytes:
        with self.artifacts.open(image.sha256, verify=True) as opened:
            return opened.read()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Bench(tmp_path, store)


def test_an_image_is_kept_as_it_is_when_its_line_is_read(bench: Bench) -> None:
    for step in (1, 2, 3):
        (bench.results / "now.png").write_bytes(png(step))
        bench.log("/sly_task_data/results/now.png", "val/0", step)
    (bench.results / "now.png").unlink()
    (bench.results / "deep").mkdir()
    (bench.results / "deep" / "a.jpg").write_bytes(bytes(cv2.imencode(".jpg", np.zeros((4, 5, 3), np.uint8))[1]))
    bench.log(str(bench.results / "deep" / "a.jpg"))  # as a plugin knows it that runs without mounts
    bench.keeper.finish()

    kept = bench.kept()
    assert [(image.seq, image.name, image.step, image.path) for image in kept] == [
        (1, "val/0", 1.0, "now.png"), (2, "val/0", 2.0, "now.png"), (3, "val/0", 3.0, "now.png"),
        (4, "val", None, "deep/a.jpg"),
    ]  # fmt: skip
    assert [bench.bytes_of(image) for image in kept[:3]] == [png(1), png(2), png(3)]
    assert (kept[3].width, kept[3].height, kept[3].mime) == (5, 4, "image/jpeg")
    assert bench.said() == []
    assert not bench.copies.exists()
    assert bench.store.blobs.named() >= {image.sha256 for image in kept}


def test_images_that_a_training_leaves_in_results_are_kept_once(bench: Bench) -> None:
    (bench.results / "named.png").write_bytes(png(1))
    bench.log("named.png", "val", 1)
    (bench.results / "left.JPG").write_bytes(png(2))
    (bench.results / "curve.png").write_bytes(png(3))
    (bench.results / "notes.txt").write_text("no image")
    (bench.results / "00000000").mkdir()
    (bench.results / "00000000" / "inside.png").write_bytes(png(4))
    (bench.results / "pipe.png").unlink(missing_ok=True)
    os.mkfifo(bench.results / "pipe.png")
    bench.keeper.finish()
    bench.keeper.finish()
    bench.restarted().finish()

    assert [(image.seq, image.name, image.step) for image in bench.kept()] == [
        (1, "val", 1.0), (None, "curve.png", None), (None, "left.JPG", None),
    ]  # fmt: skip
    assert all("pipe.png" in said for said in bench.said())


def test_what_cannot_be_kept_is_one_note_of_each_kind(bench: Bench) -> None:
    results = bench.results
    outside = bench.root / "outside.png"
    outside.write_bytes(png() + SECRET)
    (results / "link.png").symlink_to(outside)
    (results / "folder").symlink_to(bench.root)
    os.mkfifo(results / "pipe.png")
    (results / "text.png").write_text("no image")
    (results / "empty.png").touch()
    (results / "half.png").write_bytes(png(1, 100, 100)[:-20])
    (results / "claims.png").write_bytes(claiming(60_000, 60_000))
    (results / "wide.png").write_bytes(png(0, 8192, 8200))
    with (results / "sparse.png").open("wb") as sparse:
        sparse.truncate(1 << 40)
    with (results / "large.png").open("wb") as large:
        large.write(png())
        large.truncate(LARGEST_BYTES + 1)
    for path in (
        "link.png", "folder/outside.png", "pipe.png", "text.png", "empty.png", "half.png", "claims.png", "wide.png",
        "sparse.png", "large.png", "missing.png", "../1/results/text.png", "/etc/hostname", "/sly_task_data/data/a.png",
        "/sly_task_data/results", "x" * 5000, "\\u0000", ".",
    ):  # fmt: skip
        bench.log(path)
    bench.keeper._end_worker()

    assert bench.kept() == []
    kinds = dict(bench.keeper._refused)
    assert kinds == {"no file": 3, "no image": 4, "too large": 3, "missing": 2, "outside": 6}
    assert len(bench.said()) == len(kinds)
    for file in bench.root.rglob("*"):
        assert (
            file == outside
            or not file.is_file()
            or file.is_symlink()
            or file.name.startswith(("sparse", "large"))
            or (SECRET not in file.read_bytes())
        ), file


def test_a_file_under_a_lease_is_not_waited_for(bench: Bench) -> None:
    (bench.results / "a.png").write_bytes(png())
    with (bench.results / "a.png").open("rb+") as held:
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # which tells the holder that somebody waits
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        bench.log("a.png")
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        signal.signal(signal.SIGIO, before)
    (said,) = bench.said()
    assert "cannot be read" in said


@pytest.mark.parametrize("swapped", ["results/p", "results/p/a.png"])
def test_thousands_of_swaps_for_links_keep_nothing_else(bench: Bench, swapped: str) -> None:
    (bench.results / "p").mkdir()
    (bench.results / "p" / "a.png").write_bytes(png())
    secret = bench.root / "secret"
    secret.mkdir()
    (secret / "a.png").write_bytes(png() + SECRET)
    (bench.results / "link").symlink_to(secret if swapped == "results/p" else secret / "a.png")
    with swapping(bench.results.parent / swapped, bench.results / "link") as swaps:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            bench.log("p/a.png")
        bench.keeper.finish()

    assert swaps.count > 1000
    assert {bench.bytes_of(image) for image in bench.kept()} <= {png()}


def test_beyond_the_limits_lines_are_counted_and_nothing_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "MOST", 3)
    (bench.results / "a.png").write_bytes(png())
    for step in range(100_000):
        bench.log("a.png", "val", step)
    bench.keeper.finish()

    assert [image.step for image in bench.kept()] == [0, 1, 2]
    first, last = bench.said()
    assert "a task keeps 3 images at most" in first
    assert last == "99,996 further images were not kept: 99,996 beyond the limit"


def test_what_waits_takes_little_memory_whatever_lines_say(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "MOST", 3)
    (bench.results / "a.png").write_bytes(png())
    handed_over: list[ImageReported] = []
    monkeypatch.setattr(bench.keeper, "_hand_over", lambda job: handed_over.append(job.report))
    bench.log("a.png", "x" * 1_000_000)
    for number in range(100):
        bench.log(f"missing{number}.png")

    assert [len(report.name) for report in handed_over] == [4096]
    assert len(bench.keeper._named) == 3


def test_the_bytes_of_a_task_are_bounded_also_after_a_restart(bench: Bench) -> None:
    (bench.results / "a.png").write_bytes(png())
    keeper = bench.restarted(most_bytes=len(png()) + 1)
    for step in range(3):
        bench.log("a.png", "val", step)
    keeper.finish()
    bench.restarted(most_bytes=len(png()) + 1)
    bench.log("a.png", "val", 4)
    bench.keeper.finish()

    assert [image.step for image in bench.kept()] == [0, 1]
    assert "AGENT_TASK_IMAGES" in bench.said()[0]


def test_nothing_is_kept_where_the_setting_says_so(bench: Bench) -> None:
    (bench.results / "a.png").write_bytes(png())
    bench.restarted(most_bytes=0)
    bench.log("a.png")
    bench.keeper.recover()
    bench.keeper.finish()

    assert (bench.kept(), bench.said()) == ([], [])


def test_after_a_crash_each_image_is_kept_once_as_it_was_at_its_line(bench: Bench) -> None:
    (bench.results / "a.png").write_bytes(png(1))
    bench.log("a.png", "val", 1)
    bench.keeper._end_worker()  # kept
    (bench.results / "a.png").write_bytes(png(2))
    bench.keeper.abandon()  # from here on nothing is registered
    bench.log("a.png", "val", 2)
    bench.recorder.flush()
    uncommitted = bench.log("a.png", "val", 3)
    bench.keeper.abandon()
    assert (bench.copies / str(uncommitted)).exists()
    (bench.copies / "9.half").write_bytes(b"half")
    (bench.results / "a.png").write_bytes(png(3))

    bench.restarted().recover()
    bench.log("a.png", "val", 3)  # the line is read again
    bench.keeper.finish()

    assert [(image.step, bench.bytes_of(image)) for image in bench.kept()] == [(1, png(1)), (2, png(2)), (3, png(3))]
    assert (bench.said(), bench.copies.exists()) == ([], False)


def test_a_line_that_was_committed_and_not_looked_at_is_looked_at_after_the_crash(bench: Bench) -> None:
    (bench.results / "a.png").write_bytes(png())
    bench.log("missing.png")
    bench.log("a.png", "val", 1)
    bench.keeper._end_worker()
    bench.line("a.png", "val", 2)
    bench.recorder.flush()

    bench.restarted().recover()
    bench.keeper.finish()

    assert [image.step for image in bench.kept()] == [1, 2]
    assert len(bench.said()) == 1  # lines before the last image were looked at


def test_a_store_or_a_disk_that_refuses_is_a_note(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.results / "a.png").write_bytes(png())

    def refuse(*_: object, **__: object) -> None:
        raise StorageFailed("the store refuses")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store.task_images, "add", refuse)
        bench.log("a.png")
        bench.keeper._end_worker()

    def full(*_: object, **__: object) -> None:
        raise DiskFull("no space")

    with monkeypatch.context() as patched:
        patched.setattr(bench.artifacts.half_made, "require_space", full)
        bench.log("a.png")
    bench.keeper.finish()

    assert [said.partition(": ")[2] for said in bench.said()] == ["the store refuses", "no space"]


def test_artifacts_that_are_away_keep_images_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.results / "a.png").write_bytes(png())
    batch, asked = bench.artifacts.batch, []

    def away_at_first() -> object:
        asked.append(1)
        if len(asked) < 3:
            raise ArtifactsAway("the bucket does not answer")
        return batch()

    monkeypatch.setattr(bench.artifacts, "batch", away_at_first)
    bench.log("a.png")
    bench.keeper.finish()

    assert (len(bench.kept()), bench.said(), bench.copies.exists()) == (1, [], False)


def test_images_wait_for_space_until_their_task_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.results / "a.png").write_bytes(png())
    batch, is_full, asked = bench.artifacts.batch, [True], threading.Event()

    def full() -> object:
        asked.set()
        if is_full:
            raise DiskFull("no space left")
        return batch()

    monkeypatch.setattr(bench.artifacts, "batch", full)
    bench.log("a.png")
    assert asked.wait(30)
    is_full.clear()
    bench.keeper.finish()
    assert (len(bench.kept()), bench.copies.exists()) == (1, False)
    assert len([said for said in bench.said() if "wait until there is space" in said]) <= 1

    is_full.append(True)
    bench.restarted()
    (bench.results / "a.png").unlink()
    (bench.results / "b.png").write_bytes(png(9))
    bench.log("b.png")
    bench.keeper.finish()
    assert len(bench.kept()) == 1
    assert "image 'b.png' was not kept: no space left" in bench.said()


def test_images_that_wait_for_artifacts_are_left_to_the_next_agent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.results / "a.png").write_bytes(png())

    def away() -> object:
        raise ArtifactsAway("the bucket does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(bench.artifacts, "batch", away)
        bench.log("a.png")
        bench.recorder.flush()
        bench.keeper.abandon()
    assert bench.kept() == []

    bench.restarted().recover()
    bench.keeper.finish()

    assert (len(bench.kept()), bench.said(), bench.copies.exists()) == (1, [], False)


def test_the_log_loop_does_not_wait_for_a_slow_library(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.results / "a.png").write_bytes(png())
    may_go_on = threading.Event()
    monkeypatch.setattr(keeper_module, "header_of", lambda copy: may_go_on.wait(60) and header_of(copy))
    for step in range(50):
        bench.log("a.png", "val", step)
    assert bench.kept() == []
    may_go_on.set()
    bench.keeper.finish()

    assert len(bench.kept()) == 50

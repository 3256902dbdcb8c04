"""What a plugin does to a checkpoint after reporting it, while the agent takes it over, dies, or has no room."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

import agent.checkpoints.deletion_guard
import agent.checkpoints.kept_folders
import agent.checkpoints.snapshot
import agent.checkpoints.snapshots
from agent.artifacts import Artifacts, open_artifacts
from agent.checkpoints.publisher import Uploader
from agent.domain import Checkpoint, CheckpointState, NewModel, NewProject, NewTask, TaskStatus, TaskType
from agent.events.model import CheckpointReported
from agent.formats.survey import Survey
from agent.formats.task_dir import TaskDir
from agent.fs.beneath import OpenFolder
from agent.fs.half_made import HalfMade
from agent.recorder import Recorder
from agent.store import Store, open_store
from tests.support.fake_engine import write_checkpoint

WEIGHTS = b"weights of epoch 1"
NEWER = b"weights of epoch 2"  # of the same size


class Training:
    """A task whose plugin is this test, and the agents that follow it, one after the other."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.artifacts: Artifacts = open_artifacts(str(folder / "artifacts"))
        self.folder = TaskDir(folder / "tasks" / "1")
        self.folder.create(TaskType.TRAIN)
        self.results = self.folder.results
        self.snapshots = folder / "tasks" / "1.snapshots"
        self.shadow = folder / "tasks" / "1.shadow"
        plugin = store.plugins.put(
            title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
            configs=(), image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("m", "1" * 64, 1, None))
        task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}), agent_id="a:1:x")
        self.task = store.tasks.become(task.id, TaskStatus.STARTED)
        self.agents: list[Uploader] = []

    def agent(self) -> Uploader:
        """A new agent; one before it is dead and lets nothing go."""
        for dead in self.agents:
            dead._guard.stop(forget=False)
        recorder = Recorder(
            self.store, self.task.id, lines_read=0, last_seq=len(self.said()), log_path=self.folder.logs / "log.txt"
        )
        plugin = self.store.plugins.get(self.task.plugin_id)
        made = Uploader(
            self.task,
            plugin,
            store=self.store,
            artifacts=self.artifacts,
            recorder=recorder,
            results=self.results,
            project_name="p",
        )
        self.agents.append(made)
        return made

    def report(self, agent: Uploader, seq: int = 1, subdir: str = "00000000", size_bytes: int = 0) -> None:
        agent.checkpoint(seq, CheckpointReported(seq - 1, subdir, size_bytes, is_best=False, optional=None))

    def rows(self) -> list[Checkpoint]:
        return self.store.checkpoints.list(self.task.id)

    def states(self) -> list[tuple[CheckpointState, str | None]]:
        return [(row.state, row.reason) for row in self.rows()]

    def said(self) -> list[str]:
        return [event.message for event in self.store.events.after(self.task.id)]

    def published(self, seq: int = 1) -> dict[str, bytes]:
        """The files of the model that a checkpoint became."""
        model_id = self.rows()[seq - 1].model_id
        assert model_id is not None
        with (
            self.artifacts.open(self.store.models.get(model_id).sha256) as blob,
            tarfile.open(fileobj=blob, mode="r:") as tar,
        ):
            return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        made = Training(store, tmp_path)
        yield made
        for agent in made.agents:
            agent._guard.stop()


@pytest.fixture
def dies_before_publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An agent takes checkpoints over and dies before it publishes them, until `undo`."""
    with monkeypatch.context() as patched:
        patched.setattr(Uploader, "_hand_over", lambda self, job: None)
        yield patched


PUBLISHED = (CheckpointState.PUBLISHED, None)


def rewrite(file: Path, data: bytes) -> None:
    """In place: every hard link shows the new bytes."""
    status = file.stat()
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))  # at the earliest a tick later


def test_a_checkpoint_that_was_rewritten_in_place_while_no_agent_ran_is_not_published_as_the_old_one(
    training: Training, dies_before_publishing: pytest.MonkeyPatch
) -> None:
    written = write_checkpoint(training.results, 0, WEIGHTS)
    training.report(training.agent())
    dies_before_publishing.undo()
    rewrite(written / "model.pt", NEWER)

    second = training.agent()
    second.recover()
    training.report(second, 2)  # what the plugin then reports is there
    second.finish()

    assert training.states() == [(CheckpointState.FAILED, "checkpoint_changed"), PUBLISHED]
    assert training.published(2)["model.pt"] == NEWER


def test_a_checkpoint_that_was_left_alone_while_no_agent_ran_is_published(
    training: Training, dies_before_publishing: pytest.MonkeyPatch
) -> None:
    training.report(training.agent(), subdir=write_checkpoint(training.results, 0, WEIGHTS).name)
    dies_before_publishing.undo()
    shutil.rmtree(training.results / "00000000")

    second = training.agent()
    second.recover()
    second.finish()

    assert training.states() == [PUBLISHED]
    assert training.published()["model.pt"] == WEIGHTS
    assert not training.snapshots.exists()


def test_files_that_one_agent_set_aside_stay_when_the_next_agent_ends_the_task(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(training.results, 0, WEIGHTS)
    write_checkpoint(training.results, 1, WEIGHTS)
    assert training.task.started_at is not None
    restarted = (training.task.started_at + timedelta(minutes=1)).timestamp()
    with monkeypatch.context() as patched:
        patched.setattr(psutil, "boot_time", lambda: restarted)
        training.report(training.agent(), size_bytes=10**6)  # a power cut took the rest
    second = training.agent()
    second.recover()
    training.report(second, 2, "00000001")
    second.finish()

    assert training.states() == [(CheckpointState.FAILED, "checkpoint_incomplete"), PUBLISHED]
    assert str(training.snapshots / "1") in training.said()[0]
    assert (training.snapshots / "1" / "model.pt").read_bytes() == WEIGHTS
    assert not (training.snapshots / "2").exists()


def test_a_part_of_a_deleted_checkpoint_is_not_published_as_the_whole(training: Training) -> None:
    """Second names are made file by file; an agent that dies, or a slow one, has made only some of them."""
    folder = write_checkpoint(training.results, 0, WEIGHTS)
    size_bytes = sum(file.stat().st_size for file in folder.iterdir())
    piece = training.shadow / "1" / "pieces" / folder.name / "config.json"
    piece.parent.mkdir(parents=True)
    (folder / "config.json").rename(piece)
    shutil.rmtree(folder)

    agent = training.agent()
    agent.watch()
    training.report(agent, size_bytes=size_bytes)
    agent.finish()

    assert training.states() == [(CheckpointState.FAILED, "checkpoint_incomplete")]
    assert [file.name for file in (training.snapshots / "1.part").iterdir()] == ["config.json"]
    assert f"of {size_bytes:,} bytes are there; its files are in {training.snapshots / '1.part'}" in training.said()[0]


@pytest.mark.parametrize("size_bytes", [0, len(WEIGHTS)])
def test_all_second_names_of_a_deleted_checkpoint_are_published(training: Training, size_bytes: int) -> None:
    folder = write_checkpoint(training.results, 0, WEIGHTS)
    pieces = training.shadow / "1" / "pieces"
    pieces.mkdir(parents=True)
    folder.rename(pieces / folder.name)

    agent = training.agent()
    agent.watch()
    training.report(agent, size_bytes=size_bytes)
    agent.finish()

    assert training.states() == [PUBLISHED]
    assert training.published()["model.pt"] == WEIGHTS


def test_a_power_cut_that_takes_a_file_of_a_snapshot_is_noticed_whatever_size_was_reported(
    training: Training, monkeypatch: pytest.MonkeyPatch, dies_before_publishing: pytest.MonkeyPatch
) -> None:
    folder = write_checkpoint(training.results, 0, WEIGHTS)
    (folder / "optimizer.pt").write_bytes(b"state")
    training.report(training.agent())
    dies_before_publishing.undo()
    (training.snapshots / "1" / "optimizer.pt").unlink()

    assert training.task.started_at is not None
    restarted = (training.task.started_at + timedelta(minutes=1)).timestamp()
    monkeypatch.setattr(psutil, "boot_time", lambda: restarted)
    second = training.agent()
    second.recover()
    second.finish()

    assert training.states() == [(CheckpointState.FAILED, "checkpoint_incomplete")]
    assert "optimizer.pt" in training.said()[0]
    assert (training.snapshots / "1" / "model.pt").read_bytes() == WEIGHTS


@pytest.mark.parametrize("left", [b"", b"[", bytes(100), None])
def test_a_snapshot_whose_list_a_power_cut_took_is_set_aside(
    training: Training, monkeypatch: pytest.MonkeyPatch, dies_before_publishing: pytest.MonkeyPatch, left: bytes | None
) -> None:
    write_checkpoint(training.results, 0, WEIGHTS)
    training.report(training.agent())
    dies_before_publishing.undo()
    (listed,) = training.snapshots.glob("*.files")
    listed.unlink()
    if left is not None:
        listed.write_bytes(left)

    assert training.task.started_at is not None
    restarted = (training.task.started_at + timedelta(minutes=1)).timestamp()
    monkeypatch.setattr(psutil, "boot_time", lambda: restarted)
    second = training.agent()
    second.recover()
    second.finish()

    assert training.states() == [(CheckpointState.FAILED, "checkpoint_incomplete")]
    assert (training.snapshots / "1" / "model.pt").read_bytes() == WEIGHTS


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No snapshot is completed, for lack of room, until `undo`."""
    real = agent.checkpoints.snapshot.snapshot

    def full(folder: OpenFolder, seen: Survey, dest: Path, half_made: HalfMade) -> Survey:
        real(folder, seen, dest, half_made)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(dest))

    with monkeypatch.context() as patched:
        patched.setattr(agent.checkpoints.snapshots, "snapshot", full)
        yield patched


def test_a_checkpoint_for_which_the_disk_has_no_room_is_kept_as_soon_as_there_is_room(
    training: Training, full_disk: pytest.MonkeyPatch
) -> None:
    for index in range(4):
        write_checkpoint(training.results, index, b"%d" % index)
    agent = training.agent()
    training.report(agent, 1, "00000000")
    training.report(agent, 2, "00000001")
    assert not list(training.snapshots.glob("*"))
    assert len(training.said()) == 1
    assert "no space left" in training.said()[0]
    full_disk.undo()
    training.report(agent, 3, "00000002")
    agent.finish()
    assert training.states() == [PUBLISHED] * 3
    assert [training.published(seq)["model.pt"] for seq in (1, 2, 3)] == [b"0", b"1", b"2"]


def test_a_checkpoint_for_which_there_is_no_room_to_the_end_says_so(
    training: Training, full_disk: pytest.MonkeyPatch
) -> None:
    write_checkpoint(training.results, 0, WEIGHTS)
    agent = training.agent()
    training.report(agent)
    agent.finish()
    full_disk.undo()
    assert training.states() == [(CheckpointState.FAILED, "disk_full")]
    assert not training.snapshots.exists()
    assert "was not kept: There is no space left" in training.said()[-1]


def test_the_next_agent_takes_over_what_the_disk_had_no_room_for(
    training: Training, full_disk: pytest.MonkeyPatch
) -> None:
    write_checkpoint(training.results, 0, WEIGHTS)
    training.report(training.agent())
    full_disk.undo()
    second = training.agent()
    second.recover()
    second.finish()
    assert training.states() == [PUBLISHED]


def test_a_checkpoint_reported_twice_is_published_twice(training: Training) -> None:
    write_checkpoint(training.results, 0, WEIGHTS)
    agent = training.agent()
    agent.watch()
    training.report(agent, 1)
    training.report(agent, 2)
    agent.finish()
    assert training.states() == [PUBLISHED, PUBLISHED]
    assert training.published(1) == training.published(2)


PLUGIN = """
import os, shutil, sys
results = sys.argv[1]
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Plugin:
    """A process of its own, which the kernel makes ask before it opens a folder."""

    def __init__(self, results: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLUGIN, str(results)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def does(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def writes(self, name: str, content: str) -> None:
        self.does(f"os.makedirs(os.path.join(results, {name!r}), exist_ok=True)")
        for file in ("config.json", "model.pt"):
            self.does(f"open(os.path.join(results, {name!r}, {file!r}), 'w').write({content!r})")

    def deletes(self, name: str) -> None:
        self.does(f"shutil.rmtree(os.path.join(results, {name!r}))")

    def renames(self, name: str, other: str) -> None:
        self.does(f"os.rename(os.path.join(results, {name!r}), os.path.join(results, {other!r}))")

    def end(self) -> None:
        self._process.communicate(timeout=20)


@pytest.fixture
def plugin(training: Training) -> Iterator[Plugin]:
    made = Plugin(training.results)
    yield made
    made.end()


@pytest.fixture(params=["asked", "not asked"])
def watching(training: Training, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Uploader:
    """An agent that watches the folder, with or without being asked by the kernel before a folder is opened."""
    if request.param == "not asked":

        def forbid(folder: int) -> NoReturn:
            raise PermissionError("the kernel forbids")

        monkeypatch.setattr(agent.checkpoints.deletion_guard, "DirectoryOpenings", forbid)
    made = training.agent()
    made.watch()
    return made


def put_away(plugin: Plugin, way: str, number: int) -> None:
    if way == "deleted":
        plugin.deletes("best")
    else:
        plugin.renames("best", f"old {number}")


@pytest.mark.parametrize("way", ["deleted", "renamed"])
def test_a_name_used_again_and_again_is_published_as_it_was_at_each_report(
    training: Training, watching: Uploader, plugin: Plugin, way: str
) -> None:
    for seq in range(1, 6):
        plugin.writes("best", f"content {seq}")
        training.report(watching, seq, "best")
        put_away(plugin, way, seq)
    watching.finish()
    assert training.states() == [PUBLISHED] * 5
    assert [training.published(seq)["model.pt"] for seq in range(1, 6)] == [b"content %d" % seq for seq in range(1, 6)]


@pytest.mark.parametrize("way", ["deleted", "renamed"])
def test_a_folder_that_was_put_away_unreported_is_not_taken_for_the_next_of_its_name(
    training: Training, watching: Uploader, plugin: Plugin, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(agent.checkpoints.kept_folders, "LATEST_S", 0.0)
    plugin.writes("best", "never reported")
    wait_until_linked(training, b"never reported")
    put_away(plugin, way, 0)
    plugin.writes("best", "reported")
    training.report(watching, 1, "best")
    watching.finish()
    assert training.published()["model.pt"] == b"reported"


@pytest.mark.parametrize("way", ["deleted", "renamed"])
@pytest.mark.parametrize("first_name", ["best", "half"])
def test_the_next_agent_does_not_publish_again_what_was_taken_over(
    training: Training, watching: Uploader, plugin: Plugin, way: str, first_name: str
) -> None:
    plugin.writes(first_name, "content 1")
    if first_name != "best":
        wait_until_linked(training, b"content 1")
        plugin.renames(first_name, "best")
    training.report(watching, 1, "best")
    watching.abandon()  # published or not: the next agent goes on
    second = training.agent()
    second.recover()
    put_away(plugin, way, 1)
    plugin.writes("best", "content 2")
    training.report(second, 2, "best")
    second.finish()
    assert [training.published(seq)["model.pt"] for seq in (1, 2)] == [b"content 1", b"content 2"]


def test_a_checkpoint_rewritten_in_place_reported_and_deleted_is_published_or_missed(
    training: Training, watching: Uploader, plugin: Plugin
) -> None:
    watching_is_asked = watching._guard._openings is not None
    plugin.writes("best", "content 1")
    training.report(watching, 1, "best")
    reached(training, lambda: training.states() == [PUBLISHED])
    plugin.writes("best", "content two")
    plugin.deletes("best")
    training.report(watching, 2, "best")
    watching.finish()
    assert training.published(1)["model.pt"] == b"content 1"
    if watching_is_asked:
        assert training.published(2)["model.pt"] == b"content two"
    else:  # no file has appeared
        assert training.states()[1] == (CheckpointState.FAILED, "checkpoint_missing")


def test_a_folder_renamed_right_after_its_report_is_published(
    training: Training, watching: Uploader, plugin: Plugin
) -> None:
    plugin.writes("new", "content")
    wait_until_linked(training, b"content")
    plugin.renames("new", "best")
    training.report(watching, 1, "new")
    watching.finish()
    assert training.states() == [PUBLISHED]
    assert training.published()["model.pt"] == b"content"


@pytest.mark.parametrize("way", ["deleted", "renamed"])
def test_a_name_used_again_before_the_agent_has_looked_is_published_as_it_was(
    training: Training, watching: Uploader, plugin: Plugin, way: str
) -> None:
    plugin.writes("best", "first")
    wait_until_linked(training, b"first")
    put_away(plugin, way, 0)
    plugin.writes("best", "second")
    training.report(watching, 1, "best")
    training.report(watching, 2, "best")
    watching.finish()
    assert training.states() == [PUBLISHED] * 2
    assert [training.published(seq)["model.pt"] for seq in (1, 2)] == [b"first", b"second"]


def test_a_checkpoint_that_got_its_name_by_a_rename_leaves_nothing_when_it_is_deleted(
    training: Training, watching: Uploader, plugin: Plugin
) -> None:
    """Else a training that renames each complete folder, and deletes old ones, would free no space before its end."""
    for seq in range(1, 4):
        plugin.writes("half", f"content {seq}")
        plugin.renames("half", f"{seq}")
        training.report(watching, seq, f"{seq}")
        plugin.deletes(f"{seq}")
    reached(training, lambda: training.states() == [PUBLISHED] * 3)
    plugin.writes("last", "content")
    wait_until_linked(training, b"content")
    assert {file.read_text() for file in training.shadow.glob("*/*/*/model.pt")} == {"content"}
    watching.finish()


def reached(training: Training, condition: Callable[[], bool]) -> None:
    while not condition():
        assert training.store.wait_for_change(20)


def wait_until_linked(training: Training, content: bytes) -> None:
    """Linking is nobody's event to wait for."""
    until = time.monotonic() + 20
    while not any(file.read_bytes() == content for file in training.shadow.glob("*/*/*/model.pt")):
        assert time.monotonic() < until
        time.sleep(0.005)

"""Recordings of tasks with the fake engine, played by the engine `replay` through the real path."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.cli.replay import new_replay
from agent.doctor.bundle import pack
from agent.doctor.probe import probe
from agent.domain import CheckpointState, NewTaskImage, Task, TaskStatus
from agent.errors import BadInput, Conflict
from agent.formats.recording import Recording
from agent.installation import Installation, node_of
from agent.library.recordings import record_task
from agent.library.replays import Brought, bring_recording
from agent.library.secrets import Cleaner
from agent.run.shutdown import Shutdown
from agent.worker.loop import run_one
from tests.support import tasks
from tests.support.fake_engine import FakeEngine, checkpoint, event, metrics, write_checkpoint
from tests.support.inputs import ODD, write_model, write_project
from tests.support.replayed import opened, story, verdict


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "home").mkdir()
    with opened(tmp_path / "home") as installation:
        yield installation


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "elsewhere").mkdir()
    with opened(tmp_path / "elsewhere") as installation:
        yield installation


def ran(here: Installation, tmp_path: Path, act: Any, kind: str = "train") -> Task:
    """A task whose container did `act`."""
    engine = FakeEngine(act)
    installation = Installation(here.store, here.artifacts, here.settings, lambda name, settings: engine)
    task = tasks.queue_task(
        installation,
        type=kind,
        plugin=library.add_plugin_folder(here.store, ODD, "local"),
        project=library.add_project(here.store, here.artifacts, write_project(tmp_path / "fruit")),
        model=library.add_model(here.store, here.artifacts, write_model(tmp_path / "start")),
        name="result",
        config={"a": 1.0, "password": "hunter2hunter2"},
    )
    return run_one(installation, task.id, Shutdown())


def recorded(here: Installation, task: Task, file: Path, *, with_files: bool = True) -> Path:
    record_task(here.store, here.artifacts, task, file, clean=Cleaner(), with_files=with_files)
    return file


def bring(where: Installation, file: Path) -> Brought:
    settings = where.settings
    return bring_recording(where.store, where.artifacts, settings.home, file, node=node_of(settings))


def played(where: Installation, file: Path, speed: str = "max") -> Task:
    brought = bring(where, file)
    new = new_replay(where.store, where.settings, brought, speed)
    task = where.store.tasks.add(new)
    return run_one(where, task.id, Shutdown())


def training(folder: Path) -> Iterator[Any]:
    """Everything that a training says, a folder that is used again, and bytes that are no text."""
    yield "plain words"
    yield 1, b"\xff\xfe broken \xc3\n"
    yield metrics(0.5, loss=1.0)
    for index in range(3):
        shutil.rmtree(folder / "results" / "00000000", ignore_errors=True)
        write_checkpoint(folder / "results", 0, b"weights %d" % index)
        yield checkpoint(index, "00000000", best=index == 1, optional={"epoch": index + 1.0})
        yield 1, b"out %d\n" % index
    write_checkpoint(folder / "results", 7)
    yield checkpoint(7, "/sly_task_data/results/00000007")
    yield event("PROGRESS", "progress", subtask="Model training: ", current=2, total=4)
    yield metrics(1.0, "val", loss=float("nan"), iou=0.5)


def failing(folder: Path) -> Iterator[Any]:
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0)
    yield checkpoint(1)  # without files
    yield "RuntimeError: out of luck"
    yield 137


def inference(folder: Path) -> Iterator[Any]:
    (name,) = (place.name for place in (folder / "data").iterdir())
    result = folder / "results" / name
    result.parent.mkdir(exist_ok=True)
    write_project(result)
    yield event("MODEL_APPLIED", "model applied")
    yield "the end"


@pytest.mark.parametrize(("act", "kind"), [(training, "train"), (failing, "train"), (inference, "inference")])
def test_a_replay_in_another_installation_equals_the_task(
    here: Installation, elsewhere: Installation, tmp_path: Path, act: Any, kind: str
) -> None:
    task = ran(here, tmp_path, act, kind)
    replay = played(elsewhere, recorded(here, task, tmp_path / "file"))
    assert verdict(replay)[:-1] == verdict(task)[:-1]
    assert replay.config == {"a": 1.0, "password": "[removed]"}
    assert story(elsewhere.store, replay) == story(here.store, task)
    assert replay.engine == "replay"


@pytest.mark.parametrize(("act", "kind"), [(training, "train"), (inference, "inference")])
def test_what_is_known_by_hashes_comes_from_the_artifacts(
    here: Installation, tmp_path: Path, act: Any, kind: str
) -> None:
    task = ran(here, tmp_path, act, kind)
    replay = played(here, recorded(here, task, tmp_path / "file", with_files=False))
    assert story(here.store, replay) == story(here.store, task)
    assert replay.project_id == task.project_id
    assert replay.plugin_id != task.plugin_id


def test_placeholders_stand_where_nobody_has_the_files(
    here: Installation, elsewhere: Installation, tmp_path: Path
) -> None:
    task = ran(here, tmp_path, training)
    file = recorded(here, task, tmp_path / "file", with_files=False)
    brought = bring(elsewhere, file)
    assert brought.placeholders == 4
    replay = played(elsewhere, file)
    rows = elsewhere.store.checkpoints.list(replay.id)
    assert [row.state for row in rows] == [CheckpointState.PUBLISHED] * 4
    assert rows[0].model_id is not None
    with elsewhere.artifacts.open(elsewhere.store.models.get(rows[0].model_id).sha256) as opened_tar:
        tar = opened_tar.read()
    assert b"PLACEHOLDER.txt" in tar
    assert b"weights" not in tar


def test_predictions_without_pixels_are_kept_with_grey_images(
    here: Installation, elsewhere: Installation, tmp_path: Path
) -> None:
    task = ran(here, tmp_path, inference, "inference")
    replay = played(elsewhere, recorded(here, task, tmp_path / "file", with_files=False))
    assert replay.status is TaskStatus.FINISHED
    old, new = (story(i.store, t)["result"] for i, t in ((here, task), (elsewhere, replay)))
    assert [file[-1] for file in new[1][0][1]] == [file[-1] for file in old[1][0][1]]  # annotations
    assert [file[3:5] for file in new[1][0][1]] == [file[3:5] for file in old[1][0][1]]  # sizes


def test_a_recording_has_no_secrets_and_keeps_other_lines_as_they_are(here: Installation, tmp_path: Path) -> None:
    odd = '{"a" : 1.50,  "b":NaN}'

    def act(folder: Path) -> Iterator[Any]:
        yield odd
        yield "token=abcdefgh12345678"
        yield "-----BEGIN PRIVATE KEY-----"
        yield "MIIBVgIBADANBgkq"
        yield "-----END PRIVATE KEY-----"
        yield "after"

    file = recorded(here, ran(here, tmp_path, act), tmp_path / "file")
    with Recording(file) as recording:
        lines = [piece.data.decode().rstrip("\n") for piece in recording.pieces()]
    assert lines == [odd, "token=[removed]", "[removed]", "[removed]", "[removed]", "after"]
    assert b"hunter2" not in file.read_bytes()


def test_the_same_task_gives_the_same_bytes(here: Installation, tmp_path: Path) -> None:
    task = ran(here, tmp_path, training)
    assert recorded(here, task, tmp_path / "a").read_bytes() == recorded(here, task, tmp_path / "b").read_bytes()


def test_only_a_task_that_ran_and_ended_is_recorded(here: Installation, tmp_path: Path) -> None:
    ran(here, tmp_path, training)
    queued = tasks.queue_task(here, plugin=1, project=1, model=1)
    with pytest.raises(Conflict, match="has ended"):
        recorded(here, queued, tmp_path / "file")
    with pytest.raises(Conflict, match="never started"):
        recorded(here, here.store.tasks.request_stop(queued.id), tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("cut", [0, 10, 200, -10])
def test_a_damaged_file_is_refused_in_a_sentence(
    here: Installation, elsewhere: Installation, tmp_path: Path, cut: int
) -> None:
    file = recorded(here, ran(here, tmp_path, training), tmp_path / "file")
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(BadInput, match="cannot be played"):
        played(elsewhere, file)
    assert elsewhere.store.plugins.list() == []


def test_an_agent_that_is_killed_loses_and_doubles_nothing(here: Installation, tmp_path: Path) -> None:
    """Killed twice while lines arrive; the next agent goes on with the same player."""

    def act(folder: Path) -> Iterator[Any]:
        for index in range(20):
            write_checkpoint(folder / "results", index, b"weights %d" % index)
            yield checkpoint(index)
            for n in range(50):
                yield metrics(index + n / 50, loss=float(n))
                yield 1, b"%d %d\n" % (index, n)

    task = ran(here, tmp_path, act)
    file = recorded(here, task, tmp_path / "file")
    slow = tmp_path / "slow"
    _stretch(file, slow, step_us=2000)
    brought = bring(here, slow)
    replay = here.store.tasks.add(new_replay(here.store, here.settings, brought, "1"))
    for lines in (300, 1000):
        agent = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--task", str(replay.id)],
            env={**os.environ, "AGENT_HOME": str(here.settings.home)},
            stderr=subprocess.DEVNULL,
        )
        try:
            _until(partial(_has_read, here, replay.id, lines))
        finally:
            agent.send_signal(signal.SIGKILL)
            agent.wait()
    replay = run_one(here, replay.id, Shutdown())
    assert verdict(replay)[:-1] == verdict(task)[:-1]
    theirs, ours = story(here.store, replay), story(here.store, task)
    assert {**theirs, "steps": []} == {**ours, "steps": []}  # a step may be noted by two agents


SECRET, BY_NAME = "hunter2hunter2", "known-by-its-name-only"


def telling_training(folder: Path) -> Iterator[Any]:
    config = {"classes": [], "api_key": BY_NAME, "nested": {"url": f"see {SECRET}"}}
    (write_checkpoint(folder / "results", 0) / "config.json").write_text(json.dumps(config))
    yield checkpoint(0)
    yield f"a line with {SECRET}"
    yield event("METRICS", f"a caption with {SECRET}", api_key=BY_NAME)


def telling_inference(folder: Path) -> Iterator[Any]:
    (name,) = (place.name for place in (folder / "data").iterdir())
    result = folder / "results" / name
    result.parent.mkdir(exist_ok=True)
    write_project(result)
    meta = json.loads((result / "meta.json").read_text())
    meta["tags"].append({"name": SECRET, "value_type": "none", "color": "#010203"})
    (result / "meta.json").write_text(json.dumps(meta))
    annotation = next((result / "ds0" / "ann").iterdir())
    said = json.loads(annotation.read_text())
    annotation.write_text(json.dumps({**said, "tags": [SECRET], "description": f"password={BY_NAME}"}))
    yield event("MODEL_APPLIED", f"model applied with {SECRET}")


@pytest.mark.parametrize(("act", "kind"), [(telling_training, "train"), (telling_inference, "inference")])
def test_a_secret_is_in_no_member_wherever_it_was_said(here: Installation, tmp_path: Path, act: Any, kind: str) -> None:
    task = ran(here, tmp_path, act, kind)
    image = NewTaskImage(
        None, "x", None, f"samples/{SECRET}.png", "a" * 64, 1, width=1, height=1, mime="image/png", caption=SECRET
    )
    here.store.task_images.add(task.id, [image])
    file = tmp_path / "file"
    record_task(here.store, here.artifacts, task, file, clean=Cleaner([SECRET]))
    with zipfile.ZipFile(file) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    assert [name for name, data in members.items() if SECRET.encode() in data or BY_NAME.encode() in data] == []
    assert b"samples/[removed].png" in members["files.jsonl"]
    told = b"api_key" if kind == "train" else b"password=[removed]"
    assert told in members["files.jsonl"]  # what stood beside the secret is there


def test_nothing_is_brought_of_a_recording_whose_last_entry_is_bad(here: Installation, tmp_path: Path) -> None:
    file = recorded(here, ran(here, tmp_path, training), tmp_path / "file", with_files=False)
    plugins = len(here.store.plugins.list())
    bad = tmp_path / "bad"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            more = b'{"line": null, "path": "x", "kind": "image", "width": 1048576, "height": 1048576}\n'
            new.writestr(name, old.read(name) + (more if name == "files.jsonl" else b""))
    with pytest.raises(BadInput, match="cannot be played"):
        bring(here, bad)
    assert not (here.settings.home / "recordings").exists()
    assert len(here.store.plugins.list()) == plugins


def test_whether_to_go_on_is_asked_by_bytes_as_well(here: Installation, tmp_path: Path) -> None:
    task = ran(here, tmp_path, lambda folder: iter(["a=" * 300_000] * 4))
    asked: list[None] = []
    keep_going = partial(asked.append, None)
    record_task(here.store, here.artifacts, task, tmp_path / "file", clean=Cleaner(), keep_going=keep_going)
    assert len(asked) == 2


def test_recordings_whose_plugin_was_deleted_are_swept(here: Installation, tmp_path: Path) -> None:
    file = recorded(here, ran(here, tmp_path, training), tmp_path / "file")
    bring(here, file)
    (known,) = (here.settings.home / "recordings").iterdir()
    stray = known.with_name("0" * 32)
    shutil.copytree(known, stray)
    for folder in (known, stray):
        os.utime(folder, (0, 0))
    bring(here, file)
    assert list((here.settings.home / "recordings").iterdir()) == [known]


def test_a_bug_report_holds_the_recording(here: Installation, tmp_path: Path) -> None:
    task = ran(here, tmp_path, training)
    facts = probe(here.settings, exposure=lambda _: "")
    packed = pack(here, task, tmp_path / "bundle.tar.gz", clean=Cleaner(), facts=facts, findings=[])
    assert packed.members[-1] == "task.recording.zip"
    with tarfile.open(packed.path) as tar:
        tar.extract(f"diagnose-task-{task.id}/task.recording.zip", tmp_path, filter="data")
    with Recording(tmp_path / f"diagnose-task-{task.id}" / "task.recording.zip") as recording:
        assert recording.manifest.task["id"] == task.id


def _has_read(where: Installation, task_id: int, lines: int) -> bool:
    return where.store.tasks.get(task_id).lines_read >= lines


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _stretch(file: Path, slow: Path, step_us: int) -> None:
    """The same recording with so much time between its lines."""
    from agent.formats.recording import RecordedFile, RecordingWriter

    with Recording(file) as old, RecordingWriter.open(slow) as new:
        new.write_lines(piece._replace(after_us=n * step_us) for n, piece in enumerate(old.pieces()))
        files: list[RecordedFile] = list(old.files())
        new.write_files(files)
        for one in files:
            with old.blob(str(one.sha256)) as content:
                new.write_blob(str(one.sha256), content)
        new.write_manifest(old.manifest)

"""The engine that plays recordings keeps the contract of the engines it stands for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain import ContainerSpec
from agent.engines.player import RECORDING, Play, Player
from agent.engines.replay import ReplayEngine
from agent.errors import CouldNotStart
from agent.formats.model_state import pack
from agent.formats.recording import BLOBS, Ended, Manifest, Piece, RecordedFile, RecordingWriter
from tests.support.engine_contract import (
    Die,
    LastingEngineContract,
    Leave,
    Rig,
    Say,
    SleepForever,
    Step,
    WaitFor,
    task_mounts,
)
from tests.support.inputs import write_model
from tests.support.output import printed

PAUSE_US = 1_500_000  # in which the test does what the program waits for
FOREVER_US = 600_000_000


def record(folder: Path, pieces: Sequence[Piece], ended: Ended, after_us: int, *files: RecordedFile) -> Path:
    folder.mkdir()
    with RecordingWriter.open(folder / RECORDING) as writer:
        writer.write_lines(pieces)
        writer.write_files(files)
        writer.write_manifest(Manifest(task={}, plugin={}, ended=ended, ended_after_us=after_us))
    return folder


class ReplayRig(Rig):
    def spec_of(self, program: Sequence[Step], *, name: str = "", labels: Mapping[str, str] = {}) -> ContainerSpec:
        pieces, after_us, code = [], 0, 0
        for step in program:
            match step:
                case Say(text, stream):
                    pieces.append(Piece(after_us, stream, text.encode()))
                case WaitFor():
                    after_us += PAUSE_US
                case SleepForever():
                    after_us += FOREVER_US
                case Leave(number):
                    code = number
                case Die(number):
                    code = 128 + number
        place = self.folder.parent / f"recording-{len(list(self.folder.parent.glob('recording-*')))}"
        spec = self.spec("", name=name, labels=labels)
        return replace(spec, plugin_folder=str(record(place, pieces, Ended(code), after_us)))


@pytest.fixture
def rig(task_folder: Path, tmp_path: Path) -> Iterator[Rig]:
    spec = ContainerSpec(
        image="local/plugin:1", entrypoint=(), name="contract", env={"REPLAY_SPEED": "1"},
        labels={"ecosystem": "supervisely"}, mounts=task_mounts(task_folder), shm_bytes=1, gpus=None, runtime=None,
    )  # fmt: skip
    state = tmp_path / "state"
    same = f"from agent.engines.replay import ReplayEngine\nengine = ReplayEngine(Path({str(state)!r}))"
    rig = ReplayRig(ReplayEngine(state), spec, task_folder, in_another_process=same)
    yield rig
    rig.remove_all()


class TestReplayEngine(LastingEngineContract):
    pass


def test_both_streams_keep_the_order_in_which_they_were_recorded(rig: Rig, tmp_path: Path) -> None:
    pieces = [Piece(0, 1 + n % 2, b"%d\n" % n) for n in range(2000)]
    spec = rig.spec("")
    folder = record(tmp_path / "many", pieces, Ended(0), 0)
    container = rig.engine.start(replace(spec, plugin_folder=str(folder), env={"REPLAY_SPEED": "max"}))
    assert printed(container) == b"".join(piece.data for piece in pieces)
    container.remove()


def test_a_file_is_there_before_its_line(rig: Rig, tmp_path: Path) -> None:
    file = RecordedFile(2, "notes/first.txt", "text", text="here")
    pieces = [Piece(0, 1, b"one\n"), Piece(0, 1, b"two\n"), Piece(30_000_000, 1, b"three\n")]
    (rig.folder / "results").mkdir()
    folder = record(tmp_path / "one", pieces, Ended(0), 0, file)
    container = rig.engine.start(replace(rig.spec(""), plugin_folder=str(folder)))
    for batch in container.output():
        if b"two\n" in b"".join(data for _, data in batch):
            assert (rig.folder / "results" / "notes" / "first.txt").read_text() == "here"
            break
    else:
        pytest.fail("the line was not printed")
    container.remove()


def test_no_entry_writes_through_the_second_name_of_a_blob(tmp_path: Path) -> None:
    state, image = "a" * 64, "b" * 64
    (tmp_path / "recording" / BLOBS).mkdir(parents=True)
    blob = tmp_path / "recording" / BLOBS / image
    blob.write_bytes(b"the library's")
    files = [
        RecordedFile(None, "x.tar", "image", image, width=1, height=1),  # once the name under which a state was held
        RecordedFile(None, "x", "state", state),
        RecordedFile(None, "y", "image", image, width=1, height=1),
        RecordedFile(None, "y", "text", text="other"),
        RecordedFile(None, "y", "image", "c" * 64, width=1, height=1),
    ]
    held = io.BytesIO()
    pack(write_model(tmp_path / "model"), held)
    held.seek(0)
    with RecordingWriter.open(tmp_path / "recording" / RECORDING) as writer:
        writer.write_lines([])
        writer.write_files(files)
        writer.write_blob(state, held)
        writer.write_manifest(Manifest(task={}, plugin={}, ended=Ended(0)))
    results, scratch = tmp_path / "results", tmp_path / "scratch"
    results.mkdir()
    scratch.mkdir()
    play = Play(str(tmp_path / "recording"), str(results), "project", 0.0)
    Player(play, scratch, lambda _: None, lambda _: None).run()
    assert blob.read_bytes() == b"the library's"
    assert (results / "x.tar").samefile(blob)
    assert (results / "x" / "config.json").is_file()
    assert list(scratch.iterdir()) == []


def test_a_folder_without_a_recording_is_refused(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart, match="agent replay"):
        rig.engine.start(replace(rig.spec(""), plugin_folder=str(tmp_path)))

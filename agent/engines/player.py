"""Plays a recording in place of a plugin: the program that the engine `replay` starts.

    python -m agent.engines.player STATE    play what STATE/play.json describes

It writes frames into STATE/output, where a watched plugin's output would be, so that the order between both streams is
the recorded one. Files of results/ are there before the line before which they were there. STATE/played is the last
thing that it writes: the end that was recorded.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.errors import AgentError
from agent.formats.model_state import unpack
from agent.formats.recording import BLOBS, RecordedFile, Recording
from agent.fs.disk import remove_tree

PLAY, PLAYED, RECORDING = "play.json", "played", "recording.zip"
PLACEHOLDER = "PLACEHOLDER.txt"
WAIT_FOR_SNAPSHOT_S = 60.0  # before a folder is replaced that no agent has set aside
_BATCH_BYTES = 256 << 10
_LONGEST_SLEEP_S = 86_400.0
_header = struct.Struct(">BxxxI").pack


@dataclass(frozen=True, slots=True)
class Play:
    """What is to be played: `recording` is the folder with the recording and the blobs that it lacks."""

    recording: str
    results: str
    project: str  # the folder in results/ that becomes the result of an inference
    speed: float  # 0: as fast as it goes


class Player:
    """Names in results/ are made anew, and none that is there is opened for writing: it may be a second name of a blob.

    `scratch` is a folder of the player's own, outside of results/.
    """

    def __init__(
        self, play: Play, scratch: Path, write: Callable[[bytes], object], sleep: Callable[[float], None]
    ) -> None:
        self._play, self._scratch, self._write, self._sleep = play, scratch, write, sleep
        self._folder, self._results = Path(play.recording), Path(play.results)
        self._waiting = bytearray()
        self._began = time.monotonic()

    def run(self) -> None:
        """Play to the end. Raises BadInput for a damaged recording."""
        with Recording(self._folder / RECORDING) as recording:
            files = recording.files()
            following = next(files, None)
            for number, piece in enumerate(recording.pieces(), 1):
                while following is not None and following.line is not None and following.line <= number:
                    self._flush()
                    self._place(recording, following)
                    following = next(files, None)
                self._wait_until(piece.after_us)
                self._waiting += _header(piece.stream, len(piece.data)) + piece.data
                if self._play.speed or len(self._waiting) > _BATCH_BYTES:
                    self._flush()
            self._flush()
            while following is not None:
                self._place(recording, following)
                following = next(files, None)
            self._wait_until(recording.manifest.ended_after_us)

    def _flush(self) -> None:
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()

    def _wait_until(self, after_us: int) -> None:
        if self._play.speed:
            until = self._began + after_us / 1e6 / self._play.speed
            while (left_s := until - time.monotonic()) > 0:
                self._flush()
                self._sleep(min(left_s, _LONGEST_SLEEP_S))

    # ---------------------------------------------------------------- files

    def _place(self, recording: Recording, file: RecordedFile) -> None:
        place = self._results / (self._play.project if file.of_result else "") / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.kind == "state":
            if place.exists():
                self._wait_for_snapshot(place)
                remove_tree(place)
            self._unpack(recording, file, place)
            return
        remove_tree(place)
        if file.kind == "text":
            _write_new(place, file.text.encode())
        elif not self._copy(recording, file, place):
            _write_new(place, grey_png(file.width or 1, file.height or 1))

    def _wait_for_snapshot(self, folder: Path) -> None:
        """A plugin that uses one folder again and again is slow enough for an agent; a player is not."""
        deadline = time.monotonic() + WAIT_FOR_SNAPSHOT_S
        files = [file for file in folder.rglob("*") if file.is_file()]
        while time.monotonic() < deadline and any(_links(file) == 1 for file in files):
            self._sleep(0.01)

    def _unpack(self, recording: Recording, file: RecordedFile, place: Path) -> None:
        blob = self._folder / BLOBS / str(file.sha256)
        if blob.is_file():
            unpack(blob, place)
        elif file.sha256 is not None and recording.has_blob(file.sha256):
            held = self._scratch / "state.tar"
            self._copy(recording, file, held)
            try:
                unpack(held, place)
            finally:
                held.unlink(missing_ok=True)
        else:
            place.mkdir()
            config = {"settings": {}, "classes": [], "class_title_to_idx": {}} if file.config is None else file.config
            _write_new(place / "config.json", json.dumps(config, ensure_ascii=False).encode())
            why = (
                f"In place of a checkpoint of {file.size_bytes} bytes, sha256 {file.sha256 or 'unknown'}: the "
                "recording names it, and neither it nor the artifacts where it was played have its files.\n"
            )
            _write_new(place / PLACEHOLDER, why.encode())

    def _copy(self, recording: Recording, file: RecordedFile, place: Path) -> bool:
        """The blob of a file at its place; False where nobody has it."""
        blob = self._folder / BLOBS / str(file.sha256)
        if blob.is_file():
            with suppress(OSError):
                os.link(blob, place)
                return True
            with blob.open("rb") as content, place.open("xb") as out:
                shutil.copyfileobj(content, out, _BATCH_BYTES)
            return True
        if file.sha256 is None or not recording.has_blob(file.sha256):
            return False
        with recording.blob(file.sha256) as content, place.open("xb") as out:
            shutil.copyfileobj(content, out, _BATCH_BYTES)
        return True


def _write_new(place: Path, data: bytes) -> None:
    with place.open("xb") as out:
        out.write(data)


def _links(file: Path) -> int:
    try:
        return file.stat().st_nlink
    except OSError:
        return 0


def grey_png(width: int, height: int) -> bytes:
    """A grey image of this size, in place of one that nobody has. A row at a time: the size may be any."""
    packer = zlib.compressobj()
    row = b"\0" + b"\x80" * width
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def main(state: Path) -> int:
    play = Play(**json.loads((state / PLAY).read_bytes()))
    output = os.open(state / "output", os.O_WRONLY | os.O_APPEND)
    try:
        Player(play, state, lambda data: _write_all(output, data), time.sleep).run()
        with Recording(Path(play.recording) / RECORDING) as recording:
            ended = asdict(recording.manifest.ended)
    except (AgentError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    half = state / f"{PLAYED}.new"
    half.write_text(json.dumps(ended))
    half.rename(state / PLAYED)
    return 0


def _write_all(output: int, data: bytes) -> None:
    while data:
        data = data[os.write(output, data) :]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

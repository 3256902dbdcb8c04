"""A recording: everything that one attempt of a task printed and left, as one file that can be played again.

A zip, so that every program can look into it and any part can be read without the others:

    manifest.json     what ran and how it ended: `Manifest`
    lines             the output: for each piece `MICROSECONDS STREAM LENGTH` and a line feed, the bytes, a line feed
    files.jsonl       what was in results/, in the order of the lines before which it appears: `RecordedFile`
    blobs/SHA256      the content of such a file, where the recording has it

Reading is bounded: no length in the file makes a reader hold more than `LINE_LIMIT` bytes of output, or `ENTRY_LIMIT`
of an entry. docs/reference/recordings.md describes the format for others.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, Self

from agent.errors import BadInput
from agent.formats.archive import DEFAULT_LIMITS, MAX_RATIO, RATIO_FROM_BYTES
from agent.formats.recorded import (
    LONGEST_US,
    VERSION,
    Ended,
    Manifest,
    NewerVersion,
    RecordedFile,
    file_of,
    is_inside,
    manifest_of,
)
from agent.fs.names import brief, shown

__all__ = ["LONGEST_US", "Ended", "Manifest", "Piece", "RecordedFile", "Recording", "RecordingWriter", "is_inside"]

SUFFIX = ".recording.zip"
MANIFEST, LINES, FILES, BLOBS = "manifest.json", "lines", "files.jsonl", "blobs"
LINE_LIMIT = 4 << 20  # of a piece of output; of a line the log loop keeps a MiB, in which a byte may have become three
LINES_LIMIT = 1 << 40  # of all output together
ENTRY_LIMIT = 64 << 20  # of the manifest, and of an entry of files.jsonl: an annotation may be large
_HEAD = re.compile(rb"(\d{1,18}) ([12]) (\d{1,8})\n")
_HEAD_LIMIT = 64
_COPY_BYTES = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same task gives the same bytes

MAX_FILES = 2_000_000  # entries of files.jsonl: two for each image of the largest project
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class Piece(NamedTuple):
    """What one stream printed at a time: nearly always a line with its line feed."""

    after_us: int  # since the start
    stream: int  # 1 stdout, 2 stderr
    data: bytes


def _same(value: Any) -> Any:
    return value


@dataclass(slots=True)
class RecordingWriter:
    """Writes a recording in one pass, in this order: lines, files, blobs, manifest. Its memory does not grow.

    Every value of the manifest and of the files goes through `clean`, every text of a file through `clean_text`.
    """

    zip: zipfile.ZipFile
    clean: Callable[[Any], Any]
    clean_text: Callable[[str], str]
    lines: int = 0
    line_bytes: int = 0
    files: int = 0
    _blobs: set[str] = field(default_factory=set)

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, clean: Callable[[Any], Any] = _same, clean_text: Callable[[str], str] = _same
    ) -> Iterator[Self]:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=4) as opened:
            yield cls(opened, clean, clean_text)

    def write_lines(self, pieces: Iterable[Piece]) -> None:
        with self._member(LINES) as file:
            for piece in pieces:
                file.write(b"%d %d %d\n%b\n" % (piece.after_us, piece.stream, len(piece.data), piece.data))
                self.lines += 1
                self.line_bytes += len(piece.data)

    def write_files(self, files: Iterable[RecordedFile]) -> None:
        with self._member(FILES) as out:
            for file in files:
                said = self.clean(asdict(replace(file, text=""))) | {"text": self.clean_text(file.text)}
                said = {name: value for name, value in said.items() if value not in ("", 0, None)}  # False, too
                out.write(json.dumps({"line": file.line, **said}, ensure_ascii=False).encode() + b"\n")
                self.files += 1

    def write_blob(self, sha256: str, content: IO[bytes]) -> None:
        """Each content once, however often it is named."""
        if sha256 in self._blobs:
            return
        self._blobs.add(sha256)
        with self._member(f"{BLOBS}/{sha256}") as out:
            while data := content.read(_COPY_BYTES):
                out.write(data)

    def write_manifest(self, manifest: Manifest) -> None:
        said = {**self.clean(asdict(manifest)), "lines": self.lines, "line_bytes": self.line_bytes}
        with self._member(MANIFEST) as out:
            out.write(json.dumps(said, ensure_ascii=False, indent=1).encode())

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        member = zipfile.ZipInfo(name, _EPOCH)
        member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with self.zip.open(member, "w", force_zip64=True) as file:
            yield file


class Recording:
    """A recording that is read. Every method raises BadInput for a file that is none, or is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError):
            raise _refused(path, "it is no recording, or its end is missing") from None
        except OSError as error:
            raise BadInput(f"cannot read the recording {shown(str(path))}: {error.strerror}") from None
        try:
            self._judge()
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def pieces(self) -> Iterator[Piece]:
        """The output, in its order."""
        count = 0
        with self._reading(LINES) as file:
            while head := file.readline(_HEAD_LIMIT):
                found = _HEAD.fullmatch(head)
                if found is None or int(found[3]) > LINE_LIMIT or int(found[1]) > LONGEST_US:
                    raise _refused(self.path, f"no line can be read behind line {count}")
                data = file.read(int(found[3]) + 1)
                if len(data) != int(found[3]) + 1:
                    raise _refused(self.path, f"its lines end within line {count + 1}")
                count += 1
                yield Piece(int(found[1]), int(found[2]), data[:-1])
        if count != self.manifest.lines:
            raise _refused(self.path, f"it says that it has {self.manifest.lines} lines, and has {count}")

    def files(self) -> Iterator[RecordedFile]:
        """What was below results/, in the order of the lines."""
        with self._reading(FILES) as file:
            count = 0
            while text := file.readline(ENTRY_LIMIT):
                count += 1
                if count > MAX_FILES:
                    raise _refused(self.path, f"files.jsonl has more than {MAX_FILES:,} entries")
                yield _file_of(self.path, text)

    def has_blob(self, sha256: str) -> bool:
        return f"{BLOBS}/{sha256}" in self._zip.NameToInfo

    @contextmanager
    def blob(self, sha256: str) -> Iterator[BinaryIO]:
        with self._reading(f"{BLOBS}/{sha256}") as file:
            yield file

    @contextmanager
    def _reading(self, name: str) -> Iterator[Any]:
        try:
            with self._zip.open(name) as file:
                yield file
        except KeyError:
            raise _refused(self.path, f"it has no {name}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise _refused(self.path, f"{name} is damaged ({error})") from None

    def _judge(self) -> None:
        """Refuse members that no writer of the format makes, and sizes that only a bomb has."""
        members = self._zip.infolist()
        if any(member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED for member in members):
            raise _refused(self.path, "a member is encrypted, or neither stored nor deflated")
        sizes = {member.filename: member.file_size for member in members}
        lines = sizes.pop(LINES, 0)  # they are read one by one, and those of an honest log may be all the same
        if len(sizes) > MAX_FILES:
            raise _refused(self.path, f"it has more than {MAX_FILES:,} members")
        too_long = lines > LINES_LIMIT or max(sizes.values(), default=0) > DEFAULT_LIMITS.size_bytes
        if too_long or sum(sizes.values()) > max(RATIO_FROM_BYTES, MAX_RATIO * self.path.stat().st_size):
            raise _refused(self.path, "its members unpack to more than a recording may have")

    def _read_manifest(self) -> Manifest:
        with self._reading(MANIFEST) as file:
            text = file.read(ENTRY_LIMIT)
        try:
            return manifest_of(text)
        except NewerVersion as newer:
            why = f"a newer release made it (version {newer.version} of the format; this one reads {VERSION})"
        except ValueError as error:
            why = f"its manifest.json is not that of a recording ({shown(brief(str(error), 200))})"
        raise _refused(self.path, why)


def _file_of(recording: Path, text: bytes) -> RecordedFile:
    try:
        return file_of(text)
    except ValueError:
        raise _refused(recording, "an entry of files.jsonl cannot be read, or lies outside of results/") from None


def _refused(path: Path, why: str) -> BadInput:
    return BadInput(f"{shown(str(path))} cannot be played: {why}; record the task again with `agent task record`")

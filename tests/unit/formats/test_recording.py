"""Recordings, written and read; and files that only look like one."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.formats.recording import (
    FILES,
    LINE_LIMIT,
    LINES,
    MANIFEST,
    Ended,
    Manifest,
    Piece,
    RecordedFile,
    Recording,
    RecordingWriter,
    is_inside,
)

GOOD = Manifest(task={"type": "train"}, plugin={"title": "x"}, ended=Ended(139, error="gone"), ended_after_us=7)
PIECES = st.builds(Piece, st.integers(0, 10**15), st.sampled_from([1, 2]), st.binary(max_size=200))


def written(path: Path, pieces: list[Piece], files: list[RecordedFile]) -> Path:
    with RecordingWriter.open(path) as writer:
        writer.write_lines(pieces)
        writer.write_files(files)
        writer.write_blob("a" * 64, io.BytesIO(b"content"))
        writer.write_blob("a" * 64, io.BytesIO(b"once only"))
        writer.write_manifest(GOOD)
    return path


@given(st.lists(PIECES, max_size=20))
def test_any_bytes_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, pieces: list[Piece]) -> None:
    files = [
        RecordedFile(1, "a/b", "state", "a" * 64, 7, config={"classes": []}),
        RecordedFile(2, "ds/img/ä.png", "image", "b" * 64, 9, of_result=True, width=3, height=2),
        RecordedFile(None, "meta.json", "text", of_result=True, text="{}"),
    ]
    path = written(tmp_path_factory.mktemp("one") / "file", pieces, files)
    with Recording(path) as recording:
        assert list(recording.pieces()) == pieces
        assert list(recording.files()) == files
        assert recording.has_blob("a" * 64)
        assert not recording.has_blob("b" * 64)
        with recording.blob("a" * 64) as content:
            assert content.read() == b"content"
        made = recording.manifest
        assert (made.ended, made.ended_after_us, made.lines) == (GOOD.ended, 7, len(pieces))
        assert made.line_bytes == sum(len(piece.data) for piece in pieces)


def archive(path: Path, **members: bytes) -> Path:
    """A recording by hand; `manifest` is completed."""
    said: dict[str, Any] = {
        "format": "supervisely-local-recording", "version": 1, "task": {}, "plugin": {}, "lines": 0,
        "ended": {"exit_code": 0, "out_of_memory": False, "error": ""},
    }  # fmt: skip
    said |= json.loads(members.pop("manifest", b"{}"))
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(MANIFEST, json.dumps(said))
        opened.writestr(LINES, members.get("lines", b""))
        opened.writestr(FILES, members.get("files", b""))
    return path


def read_all(path: Path) -> None:
    with Recording(path) as recording:
        list(recording.pieces())
        list(recording.files())


@pytest.mark.parametrize(
    ("member", "content", "says"),
    [
        ("manifest", b'{"version": 2}', "a newer release made it"),
        ("manifest", b'{"format": "other"}', "manifest.json is not"),
        ("manifest", b'{"ended": 3}', "manifest.json is not"),
        ("manifest", b'{"ended": {"exit_code": "0", "out_of_memory": 1, "error": ""}}', "manifest.json is not"),
        ("manifest", b'{"task": []}', "manifest.json is not"),
        ("manifest", b'{"lines": 3}', "it has 3 lines, and has 0"),
        ("lines", b"0 1 5\nabc", "end within line 1"),
        ("lines", b"0 3 1\na\n", "no line can be read behind line 0"),
        ("lines", b"x" * 100_000, "no line can be read behind line 0"),
        ("lines", b"0 1 %d\n" % (LINE_LIMIT + 1), "no line can be read behind line 0"),
        ("files", b'{"line": 1, "path": "../x", "kind": "text"}\n', "outside of results/"),
        ("files", b'{"line": 1, "path": "/etc/x", "kind": "text"}\n', "outside of results/"),
        ("files", b'{"line": 1, "path": "x", "kind": "link"}\n', "cannot be read"),
        ("files", b'{"line": "1", "path": "x", "kind": "text"}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "image", "sha256": "../../x"}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "image", "width": -1}\n', "cannot be read"),
        ("files", b"[" * 100_000, "cannot be read"),
        ("files", b'{"line": 0, "path": "x", "kind": "text"}\n', "cannot be read"),
        ("files", b'{"line": true, "path": "x", "kind": "text"}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "state", "config": []}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "text", "text": "\\ud800"}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "\\ud800", "kind": "text"}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "%s", "kind": "text"}\n' % (b"x" * 256), "cannot be read"),
        ("files", b'{"line": 1, "path": "%s", "kind": "text"}\n' % (b"x/" * 33), "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "image", "width": 65536, "height": 65536}\n', "cannot be read"),
        ("files", b'{"line": 1, "path": "x", "kind": "image", "width": 9000000, "height": 1}\n', "cannot be read"),
        ("lines", b"100000000000000000 1 1\na\n", "no line can be read behind line 0"),
        ("manifest", b'{"ended_after_us": "1"}', "manifest.json is not"),
        ("manifest", b'{"ended_after_us": -1}', "manifest.json is not"),
        ("manifest", b'{"ended_after_us": 1e300}', "manifest.json is not"),
        ("manifest", b'{"ended": {"exit_code": 0, "out_of_memory": false, "error": 7}}', "manifest.json is not"),
        ("manifest", b'{"ended": {"exit_code": 4294967296, "out_of_memory": false, "error": ""}}', "manifest.json is"),
        ("manifest", b'{"started_at": "tomorrow"}', "manifest.json is not"),
        ("manifest", b'{"made_by": "\\udfff"}', "manifest.json is not"),
        ("manifest", b'{"plugin": {"title": "a\\u0000b"}}', "title of the plugin contains control characters"),
        ("manifest", b'{"plugin": {"title": " "}}', "title of the plugin is empty"),
        ("manifest", b'{"plugin": {"configs": [{"config": 3}]}}', "manifest.json is not"),
        ("manifest", b'{"task": {"config": []}}', "manifest.json is not"),
        ("manifest", b'{"project": {"meta": []}}', "manifest.json is not"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path, member: str, content: bytes, says: str) -> None:
    path = archive(tmp_path / "file", **{member: content})
    with pytest.raises(BadInput, match="cannot be played") as refused:
        read_all(path)
    assert says in str(refused.value)


def test_damaged_bytes_are_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "file", lines=b"0 1 5\nhello\n", manifest=b'{"lines": 1}')
    path.write_bytes(path.read_bytes().replace(b"hello", b"hullo"))
    with pytest.raises(BadInput, match="lines is damaged"):
        read_all(path)


@pytest.mark.parametrize(
    ("path", "inside"), [("a/b", True), ("..", False), ("a/../b", False), ("", False), ("/", False)]
)
def test_a_path_stays_below_results(path: str, inside: bool) -> None:
    assert is_inside(path) is inside


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_stored_or_deflated(tmp_path: Path, method: int) -> None:
    path = archive(tmp_path / "file")
    with zipfile.ZipFile(path, "a", method) as opened:
        opened.writestr(f"blobs/{'a' * 64}", b"content")
    with pytest.raises(BadInput, match="neither stored nor deflated"):
        Recording(path)


def test_members_of_absurd_size_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "file")
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(f"blobs/{'a' * 64}", b"content")
        opened.infolist()[-1].file_size = 2 << 30  # what it says, and not what it has
    with pytest.raises(BadInput, match="unpack to more"):
        Recording(path)


def test_entries_of_files_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.formats.recording.MAX_FILES", 2)
    path = archive(tmp_path / "file", files=b'{"line": 1, "path": "x", "kind": "text"}\n' * 3)
    with pytest.raises(BadInput, match="more than 2 entries"):
        read_all(path)

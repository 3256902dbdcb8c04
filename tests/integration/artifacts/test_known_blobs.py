"""A blob whose hash is known before it is written: hashed once, and nothing is left of a write that fails."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from agent.artifacts import Artifacts, open_artifacts
from agent.artifacts import local as local_module
from agent.errors import DiskFull


def content(artifacts: Artifacts, sha256: str) -> bytes:
    with artifacts.open(sha256) as blob:
        return blob.read()


def test_a_small_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []

    class Counted:
        @staticmethod
        def sha256(data: bytes = b""):
            hashed.append(len(data))
            return hashlib.sha256(data)

    monkeypatch.setattr(local_module, "hashlib", Counted)
    monkeypatch.setattr("agent.artifacts.halves.hashlib", Counted)
    (tmp_path / "a.png").write_bytes(b"x" * 1000)
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    with artifacts.batch() as batch:
        blob = batch.put_file(tmp_path / "a.png")

    assert hashed == [1000]
    assert content(artifacts, blob.sha256) == b"x" * 1000
    assert blob.sha256 == hashlib.sha256(b"x" * 1000).hexdigest()


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) == 1000:
            return write(descriptor, data[:600])
        if len(data) == 400:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull):
        artifacts.put_bytes(b"x" * 1000)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []
    with artifacts.batch() as batch:
        (tmp_path / "a.png").write_bytes(b"y" * 1000)
        with pytest.raises(DiskFull):
            batch.put_file(tmp_path / "a.png")
        monkeypatch.setattr(os, "write", write)
        blob = batch.put_file(tmp_path / "a.png")
    assert content(artifacts, blob.sha256) == b"y" * 1000

"""A model state comes into the artifacts in one stream: written once, hashed on the way, checked before it is kept."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent import library
from agent.artifacts import Artifacts, open_artifacts
from agent.errors import BadInput, DiskFull, Invalid, NotFound
from agent.library import StateUpload, state_upload
from agent.store import Store, open_store
from tests.support.bytes_moved import bytes_moved

SIZE = 32 << 20
SLACK = 2 << 20  # headers, the database, what the test itself does


def tar_of(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


STATE = tar_of(config_json=b'{"lr": 1}', model_pt=random.Random(1).randbytes(SIZE))
BAD = tar_of(model_pt=random.Random(2).randbytes(1 << 20))


class Place(NamedTuple):
    store: Store
    artifacts: Artifacts
    folder: Path


@pytest.fixture(params=["folder", "remote"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "artifacts"
    url = str(folder) if request.param == "folder" else f"memory://{uuid.uuid4().hex}/blobs"
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Place(store, open_artifacts(url, cache_dir=folder), folder)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def send(upload: StateUpload, data: bytes, step: int = 1 << 20) -> None:
    for start in range(0, len(data), step):
        upload.write(data[start : start + step])


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_tar_that_arrives_in_pieces_is_written_once_and_only_its_headers_are_read(place: Place) -> None:
    with bytes_moved() as moved, StateUpload(place.artifacts, name="sent") as upload:
        send(upload, STATE)
        model = library.add_model(place.store, place.artifacts, upload, name="sent")

    assert (model.name, model.config, model.size_bytes) == ("sent", {"lr": 1}, len(STATE))
    assert model.sha256 == hashlib.sha256(STATE).hexdigest()
    assert len(STATE) <= moved.written_bytes < len(STATE) + SLACK
    assert moved.read_bytes < SLACK


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_tar_on_disk_is_read_once_and_written_once(place: Place, tmp_path: Path) -> None:
    (tmp_path / "state.tar").write_bytes(STATE)
    with bytes_moved() as moved:
        model = library.add_model(place.store, place.artifacts, tmp_path / "state.tar")

    assert (model.name, model.sha256) == ("state", hashlib.sha256(STATE).hexdigest())
    assert moved.written_bytes < len(STATE) + SLACK  # none where the file system shares blocks
    assert moved.read_bytes < len(STATE) + SLACK


def test_a_compressed_tar_is_kept_uncompressed_and_nothing_of_it_is_left(place: Place) -> None:
    with StateUpload(place.artifacts, name="sent") as upload:
        send(upload, gzip.compress(STATE, 1))
        model = library.add_model(place.store, place.artifacts, upload, name="sent")

    assert model.sha256 == hashlib.sha256(STATE).hexdigest()
    assert [path.name for path in files(place.folder)] == [model.sha256]


@pytest.mark.parametrize(
    "data",
    [BAD, STATE[: SIZE // 2], b"", b"<html>", gzip.compress(BAD)],
    ids=["no config", "cut", "empty", "a page", "compressed"],
)
def test_of_a_tar_that_is_no_model_state_nothing_is_left(place: Place, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.tar").write_bytes(data)

    def upload() -> None:
        with StateUpload(place.artifacts, name="sent") as upload:
            send(upload, data)
            library.add_model(place.store, place.artifacts, upload, name="sent")

    for attempt in (upload, lambda: library.add_model(place.store, place.artifacts, tmp_path / "bad.tar")):
        with pytest.raises(Invalid, match=r"Model state (sent|bad\.tar) has 1 problem"):
            attempt()
        assert files(place.folder) == []
    assert place.store.models.list() == []


def test_bytes_that_are_kept_for_another_reason_survive_a_refused_upload_of_the_same(place: Place) -> None:
    blob = place.artifacts.put_bytes(BAD)

    with StateUpload(place.artifacts, name="sent") as upload:
        send(upload, BAD)
        with pytest.raises(Invalid):
            upload.finish()

    with place.artifacts.open(blob.sha256, verify=True) as opened:
        assert opened.read() == BAD


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_of_an_upload_that_breaks_off_nothing_is_left(place: Place, failure: type[BaseException]) -> None:
    def break_off() -> None:
        with StateUpload(place.artifacts, name="sent") as upload:
            send(upload, STATE[:-1])
            raise failure

    with pytest.raises(failure):
        break_off()
    with StateUpload(place.artifacts, name="sent") as upload:
        send(upload, STATE)  # and nobody finishes it

    assert files(place.folder) == []


def test_a_tar_larger_than_any_model_state_ends_at_the_limit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_upload, "MAX_TAR_BYTES", 3 << 20)

    with StateUpload(place.artifacts, name="sent") as upload:
        send(upload, STATE[: 3 << 20])
        with pytest.raises(Invalid, match=r"(?s)Model state sent .* is larger than the limit of 3,145,728 bytes"):
            upload.write(b"x")

    assert files(place.folder) == []


def test_a_size_that_does_not_fit_is_a_full_disk_before_the_first_byte(place: Place) -> None:
    upload = StateUpload(place.artifacts, name="sent", size_bytes=1 << 60)

    with pytest.raises(DiskFull, match="There is no space left to write an artifact: it needs"):
        upload.__enter__()

    assert files(place.folder) == []


def test_a_file_that_is_not_there_or_cannot_be_read_is_said(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*nothing\.tar"):
        library.add_model(place.store, place.artifacts, tmp_path / "nothing.tar")
    with (
        StateUpload(place.artifacts, name="sent") as upload,
        pytest.raises(BadInput, match=r"Cannot read .*: Is a dir"),
    ):
        upload.take_file(tmp_path)

    assert files(place.folder) == []

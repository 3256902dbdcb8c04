"""The artifacts: the same tests for a folder and for a remote."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.artifacts import open_artifacts
from agent.artifacts.garbage import locked
from agent.artifacts.local import LocalArtifacts
from agent.artifacts.place import Placer
from agent.errors import BadInput, DiskFull, NotFound, StorageFailed

DATA = b"bytes" * 100
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "file url", "remote", "s3"])
def artifacts(request, tmp_path):
    if request.param == "folder":
        return open_artifacts(str(tmp_path / "artifacts"))
    if request.param == "file url":
        return open_artifacts((tmp_path / "my artifacts").as_uri())
    if request.param == "s3":
        return open_artifacts(request.getfixturevalue("s3_url"), cache_dir=tmp_path / "cache")
    return open_artifacts(f"memory://{uuid.uuid4().hex}/blobs", cache_dir=tmp_path / "cache")


@pytest.fixture
def local(tmp_path):
    return LocalArtifacts(tmp_path / "artifacts")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_batch_is_there_when_its_block_ends_and_not_before(artifacts, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(b"%d" % (number % 15) * 100)
    known = artifacts.put_bytes(b"3" * 100)
    with artifacts.batch() as batch, ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(batch.put_file, [tmp_path / f"{number}" for number in range(20)]))
        assert [artifacts.exists(blob.sha256) for blob in blobs[:5]] == [False, False, False, True, False]
    assert len(set(blobs)) == 15
    assert known in blobs
    for blob in blobs:
        with artifacts.open(blob.sha256, verify=True) as opened:
            assert len(opened.read()) == blob.size_bytes


def test_of_a_batch_that_raises_nothing_is_kept(artifacts, local, tmp_path):
    (tmp_path / "file").write_bytes(DATA)

    def fail(batch):
        batch.put_file(tmp_path / "file")
        raise KeyError

    for place in (artifacts, local):
        with pytest.raises(KeyError), place.batch() as batch:
            fail(batch)
        assert not place.exists(SHA)
    assert files(local.root) == []


def test_bytes_files_and_pieces_are_the_same_blob(artifacts, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    with artifacts.writer() as out:
        out.write(DATA[:7])
        out.write(DATA[7:])

    blobs = {out.blob, artifacts.put_bytes(DATA), artifacts.put_file(tmp_path / "file")}

    (blob,) = blobs
    assert (blob.sha256, blob.size_bytes) == (SHA, len(DATA))
    assert artifacts.exists(SHA)
    assert artifacts.size(SHA) == len(DATA)
    with artifacts.open(SHA, verify=True) as opened:
        assert opened.read() == DATA
        assert opened.seek(5) == 5


def test_a_big_file_is_the_same_blob(artifacts, tmp_path):
    data = os.urandom(1 << 20) * 9
    (tmp_path / "file").write_bytes(data)

    blob = artifacts.put_file(tmp_path / "file")

    assert blob == artifacts.put_file(tmp_path / "file") == artifacts.put_bytes(data)
    with artifacts.open(blob.sha256, verify=True) as opened:
        assert opened.read(5) == data[:5]


def test_an_unknown_blob_is_not_found_everywhere(artifacts, tmp_path):
    assert not artifacts.exists(SHA)
    assert artifacts.path(SHA) is None
    for ask in (artifacts.size, artifacts.open, lambda sha: artifacts.place(sha, tmp_path / "x", "private")):
        with pytest.raises(NotFound, match=f"There is no blob {SHA} in"):
            ask(SHA)
    artifacts.delete(SHA)


@pytest.mark.parametrize("sha", ["", "abc", "../" * 22 + "etc/passwd", SHA.upper(), SHA + "\n"])
def test_a_text_that_is_not_a_hash_never_becomes_a_path(artifacts, sha):
    for ask in (artifacts.exists, artifacts.size, artifacts.open, artifacts.path, artifacts.delete):
        with pytest.raises(NotFound, match="is not a sha256, so there is no such blob"):
            ask(sha)


def test_a_writer_that_fails_leaves_nothing(artifacts, tmp_path):
    before = files(tmp_path)
    out = artifacts.writer()

    def write():
        with out:
            out.write(DATA)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write()

    assert files(tmp_path) == before
    with pytest.raises(RuntimeError, match="after the with block"):
        _ = out.blob


@pytest.mark.parametrize("how", ["private", "shared"])
def test_a_placed_file_has_the_bytes(artifacts, tmp_path, how):
    artifacts.put_bytes(DATA)

    method = artifacts.place(SHA, tmp_path / "placed", how)

    assert (tmp_path / "placed").read_bytes() == DATA
    assert method in ("reflink", "hardlink" if how == "shared" else "copy")
    with pytest.raises(FileExistsError):
        artifacts.place(SHA, tmp_path / "placed", how)


def test_a_private_file_can_be_written_to_without_touching_the_blob(artifacts, tmp_path):
    artifacts.put_bytes(DATA)
    artifacts.place(SHA, tmp_path / "placed", "private")

    with (tmp_path / "placed").open("ab") as file:
        file.write(b"more")

    with artifacts.open(SHA, verify=True) as opened:
        assert opened.read() == DATA


def test_deleting_a_blob_leaves_placed_files(artifacts, tmp_path):
    artifacts.put_bytes(DATA)
    artifacts.place(SHA, tmp_path / "placed", "shared")

    artifacts.delete(SHA)

    assert not artifacts.exists(SHA)
    assert (tmp_path / "placed").read_bytes() == DATA


def test_a_missing_source_is_bad_input(artifacts, tmp_path):
    with pytest.raises(BadInput, match=r"Cannot read .*/nothing: No such file or directory\."):
        artifacts.put_file(tmp_path / "nothing")


def test_the_folder_is_fanned_out_with_read_only_files(local):
    local.put_bytes(DATA)

    path = local.root / SHA[:2] / SHA[2:4] / SHA
    assert local.path(SHA) == path
    assert path.stat().st_mode & 0o777 == 0o444
    assert files(local.root) == [path]


def test_a_hard_link_shares_the_bytes_where_that_is_allowed(local, tmp_path):
    local.put_bytes(DATA)

    if local.place(SHA, tmp_path / "shared", "shared") == "hardlink":
        assert (tmp_path / "shared").samefile(local.path(SHA))
    assert local.place(SHA, tmp_path / "private", "private") != "hardlink"
    assert not (tmp_path / "private").samefile(local.path(SHA))


def test_another_file_system_gets_a_copy(local):
    if os.stat("/dev/shm").st_dev == local.root.stat().st_dev:
        pytest.skip("/dev/shm is the same file system")
    local.put_bytes(DATA)
    dest = f"/dev/shm/{uuid.uuid4().hex}"
    try:
        from pathlib import Path

        assert local.place(SHA, Path(dest), "shared") == "copy"
        assert Path(dest).read_bytes() == DATA
    finally:
        os.unlink(dest)


def test_a_blob_with_too_many_links_is_copied(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(DATA)

    def too_many(self, target):
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr("pathlib.Path.hardlink_to", too_many)

    assert Placer().place(source, tmp_path / "dest", may_link=True) in ("copy", "reflink")


def test_a_blob_left_empty_by_a_power_cut_is_put_again(local):
    local.put_bytes(DATA)
    path = local.path(SHA)
    path.unlink()
    path.touch()

    local.put_bytes(DATA)

    assert path.read_bytes() == DATA


def test_damage_is_found_when_asked_for(local):
    local.put_bytes(DATA)
    path = local.path(SHA)
    path.chmod(0o644)
    path.write_bytes(b"x" * len(DATA))

    with pytest.raises(StorageFailed, match=f"Blob {SHA} is damaged on disk"):
        local.open(SHA, verify=True)


def test_what_is_being_written_is_listed_and_no_sweep_touches_it(local, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    with local.writer(what="upload") as out, local.batch() as batch:
        out.write(DATA)
        batch.put_file(tmp_path / "file")
        assert local.half_made.sweep() == []
        assert {(thing.what, thing.is_left) for thing in local.half_made.found()} == {
            ("upload", False),
            ("import", False),
        }
    assert out.blob.sha256 == SHA
    assert local.half_made.found() == []
    assert list(local.half_made.folder.iterdir()) == []


def _put_many(root, barrier):
    artifacts = LocalArtifacts(root)
    barrier.wait()
    for number in range(50):
        artifacts.put_bytes(b"%d" % number * 1000)


def test_processes_and_threads_may_put_the_same_blobs_at_once(local):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_put_many, args=(local.root, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    barrier.wait()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(_put_many, local.root, threading.Barrier(1))
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(files(local.root)) == 50
    for path in files(local.root):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a small file system of its own")
def test_a_full_disk_is_disk_full_and_leaves_nothing(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        artifacts = LocalArtifacts(small / "artifacts")
        (tmp_path / "big").write_bytes(os.urandom(9 << 20))

        def write():
            with artifacts.writer() as out:
                for _ in range(3):
                    out.write(os.urandom(1 << 20))

        for put in (
            lambda: artifacts.put_bytes(os.urandom(2 << 20)),
            lambda: artifacts.put_file(tmp_path / "big"),
            write,
        ):
            with pytest.raises(DiskFull, match=r"There is no space left to write an artifact.*Free some space"):
                put()
            assert files(small) == []
        blob = LocalArtifacts(tmp_path / "roomy").put_bytes(os.urandom(2 << 20))
        with pytest.raises(DiskFull):
            LocalArtifacts(tmp_path / "roomy").place(blob.sha256, small / "placed", "private")
        assert not (small / "placed").exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_an_unusable_folder_of_artifacts_is_explained(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageFailed, match=r"Cannot write the artifacts folder .*: Not a directory"):
        open_artifacts(str(tmp_path / "file" / "artifacts"))


def test_a_remote_without_its_driver_is_explained_without_the_secret(tmp_path):
    pytest.importorskip("fsspec")
    with pytest.raises(StorageFailed) as caught:
        open_artifacts("nosuch://user:secret@host/bucket", cache_dir=tmp_path / "cache")

    assert "nosuch://host/bucket" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_remote_is_read_by_another_machine_through_its_own_cache(tmp_path):
    url = f"memory://{uuid.uuid4().hex}/blobs"
    open_artifacts(url, cache_dir=tmp_path / "one").put_bytes(DATA)
    other = open_artifacts(url, cache_dir=tmp_path / "two")

    assert other.exists(SHA)
    assert other.path(SHA) is None
    with other.open(SHA) as opened:
        assert opened.read() == DATA
    cached = other.path(SHA)
    assert cached is not None
    assert cached.read_bytes() == DATA


def test_damage_on_the_way_from_a_remote_is_found(tmp_path):
    import fsspec

    bucket = uuid.uuid4().hex
    url = f"memory://{bucket}/blobs"
    open_artifacts(url, cache_dir=tmp_path / "one").put_bytes(DATA)
    fsspec.filesystem("memory").pipe(f"/{bucket}/blobs/{SHA[:2]}/{SHA[2:4]}/{SHA}", b"other")

    other = open_artifacts(url, cache_dir=tmp_path / "two")
    with pytest.raises(StorageFailed, match=f"Blob {SHA} is damaged in memory://{bucket}/blobs"):
        other.open(SHA)
    assert files(tmp_path / "two") == []


def test_opening_a_folder_imports_no_driver():
    code = "import sys, agent.artifacts.local; print('fsspec' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_stores_that_use_the_artifacts_are_known_to_each_other(local):
    assert local.used_by("/one/store.db") == {"/one/store.db"}
    assert local.used_by("/two/store.db") == {"/one/store.db", "/two/store.db"}
    assert LocalArtifacts(local.root).used_by("/one/store.db") == {"/one/store.db", "/two/store.db"}
    assert list(local.kept()) == []


def test_a_blob_is_collected_only_when_it_was_left_alone(local):
    blob = local.put_bytes(DATA)
    assert [(one.sha256, one.size_bytes) for one in local.kept()] == [(blob.sha256, len(DATA))]
    assert local.collect(SHA, 60) == 0
    for use in (lambda: local.put_bytes(DATA), lambda: local.exists(SHA)):
        os.utime(local.path(SHA), (1, 1))
        use()
        assert local.collect(SHA, 60) == 0
    os.utime(local.path(SHA), (1, 1))
    assert local.collect(SHA, 60) == len(DATA)
    assert local.collect(SHA, 60) == 0
    assert not local.exists(SHA)
    assert local.put_bytes(DATA) == blob


def test_a_put_waits_for_a_collection_that_is_going_on(local):
    local.put_bytes(DATA)
    place = local.path(SHA)
    with ThreadPoolExecutor(1) as pool, locked(place.parent, fcntl.LOCK_EX):
        putting = pool.submit(local.put_bytes, DATA)
        with pytest.raises(TimeoutError):
            putting.result(0.1)
        place.unlink()
    assert putting.result(10).sha256 == SHA
    assert local.path(SHA).read_bytes() == DATA

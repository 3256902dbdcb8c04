"""The cache of artifacts behind a URL: shared, bounded, checked."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import uuid
from contextlib import contextmanager

import pytest

from agent.artifacts import Blob, open_artifacts
from agent.artifacts.cache import Cache
from agent.artifacts.local import LocalArtifacts
from agent.artifacts.objects import FsspecObjects
from agent.artifacts.portions import brought
from agent.artifacts.remote import RemoteArtifacts
from agent.errors import DiskFull, NotFound, StorageFailed
from agent.fs.half_made import HalfMade

BIG = 2 << 20  # more than is hashed at every use


@pytest.fixture
def url():
    return f"memory://{uuid.uuid4().hex}/blobs"


@pytest.fixture
def there(url, tmp_path):
    """The same artifacts on another machine."""
    return open_artifacts(url, cache_dir=tmp_path / "there")


@pytest.fixture
def here(url, tmp_path):
    return open_artifacts(url, cache_dir=tmp_path / "here")


@pytest.fixture
def downloads(monkeypatch):
    """Keys in the order in which they were downloaded."""
    keys, read = [], FsspecObjects.read

    def counted(self, key):
        keys.append(key)
        return read(self, key)

    monkeypatch.setattr(FsspecObjects, "read", counted)
    return keys


def rot(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def leave_alone(artifacts, *blobs):
    """As if nobody had asked for these blobs for long, the first one for longest."""
    for number, blob in enumerate(blobs):
        os.utime(artifacts.path(blob.sha256), (number + 1, number + 1))


def test_what_is_brought_is_not_downloaded_again_by_any_process(url, there, here, downloads, tmp_path):
    blobs = [there.put_bytes(b"%d" % number) for number in range(50)]

    here.bring([*blobs, blobs[0]])
    assert len(downloads) == 50
    here.bring(blobs)
    another = open_artifacts(url, cache_dir=tmp_path / "here")
    another.bring(blobs)
    for number, blob in enumerate(blobs):
        another.place(blob.sha256, tmp_path / f"{number}", "shared")
        assert (tmp_path / f"{number}").read_bytes() == b"%d" % number

    assert len(downloads) == 50
    assert here.half_made.found() == []


def test_a_file_in_a_task_folder_shares_its_bytes_with_the_cache(there, here, tmp_path):
    blob = there.put_bytes(b"pixels")

    if here.place(blob.sha256, tmp_path / "image", "shared") == "hardlink":
        assert (tmp_path / "image").samefile(here.path(blob.sha256))
    assert here.path(blob.sha256).stat().st_mode & 0o777 == 0o444


def test_bringing_what_is_missing_or_damaged_there_is_explained(url, there, here):
    import fsspec

    good, bad = there.put_bytes(b"good"), there.put_bytes(b"bad")
    with pytest.raises(NotFound, match=r"There is no blob 0{64} in memory://"):
        here.bring([good, Blob("0" * 64, 3)])
    place = f"/{url.removeprefix('memory://')}/{bad.sha256[:2]}/{bad.sha256[2:4]}/{bad.sha256}"
    fsspec.filesystem("memory").pipe(place, b"odd")
    with pytest.raises(StorageFailed, match=f"Blob {bad.sha256} is damaged in memory://"):
        here.bring([good, bad])

    assert here.path(bad.sha256) is None
    assert here.half_made.found() == []


def test_bringing_ends_at_once_when_it_shall_not_go_on(there, here, monkeypatch):
    blobs = [there.put_bytes(b"%d" % number) for number in range(100)]
    started, go_on = threading.Event(), threading.Event()
    read = FsspecObjects.read

    def slow(self, key):
        started.set()
        assert go_on.wait(30)
        return read(self, key)

    def keep_going():
        if started.is_set():
            raise InterruptedError

    monkeypatch.setattr(FsspecObjects, "read", slow)
    before = threading.active_count()
    with pytest.raises(InterruptedError):
        here.bring(blobs, keep_going)
    assert threading.active_count() <= before + 16
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("transfer"):
            thread.join(30)
    monkeypatch.undo()

    assert sum(here.path(blob.sha256) is not None for blob in blobs) <= 16
    here.bring(blobs)
    assert all(here.path(blob.sha256) for blob in blobs)


@pytest.mark.parametrize("wrong", [b"", b"x", b"x" * 10])
def test_a_small_file_that_is_damaged_here_is_fetched_again(there, here, downloads, wrong, tmp_path):
    blob = there.put_bytes(b"0123456789")
    here.open(blob.sha256).close()
    rot(here.path(blob.sha256), wrong)

    here.place(blob.sha256, tmp_path / "image", "shared")

    assert (tmp_path / "image").read_bytes() == b"0123456789"
    assert len(downloads) == 2


def test_a_large_file_that_is_cut_is_fetched_again(there, here, downloads):
    blob = there.put_bytes(os.urandom(BIG))
    here.bring([blob])
    rot(here.path(blob.sha256), b"")

    here.bring([blob])

    assert here.path(blob.sha256).stat().st_size == BIG
    assert len(downloads) == 2


def test_a_large_file_that_is_damaged_is_fetched_again_where_it_is_verified(there, here, downloads):
    data = os.urandom(BIG)
    blob = there.put_bytes(data)
    here.bring([blob])
    rot(here.path(blob.sha256), b"x" * BIG)

    with here.open(blob.sha256, verify=True) as opened:
        assert opened.read() == data

    assert len(downloads) == 2


def test_a_damaged_file_here_is_not_what_is_uploaded(here, there):
    data = os.urandom(BIG)
    blob = there.put_bytes(data)
    here.bring([blob])
    there.delete(blob.sha256)
    rot(here.path(blob.sha256), b"x" * BIG)
    small = here.put_bytes(b"small")
    here.delete(small.sha256)

    with pytest.raises(StorageFailed, match="was damaged in the cache"):
        rot_and_put(here, small)
    assert not here.exists(small.sha256)


def test_a_link_of_a_damaged_file_of_the_cache_is_not_uploaded(here, there, tmp_path):
    blob = there.put_bytes(os.urandom(BIG))
    here.bring([blob])
    os.link(here.path(blob.sha256), tmp_path / "half")
    there.delete(blob.sha256)
    rot(here.path(blob.sha256), b"x" * BIG)

    with pytest.raises(StorageFailed, match="was damaged in the cache"):
        here._upload(tmp_path / "half", blob)
    assert not here.exists(blob.sha256)
    assert here.path(blob.sha256) is None


def rot_and_put(artifacts, blob):
    place = artifacts._local.place_of(blob.sha256)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"other")
    artifacts._upload(place, blob)


def test_the_least_used_blobs_go_first_and_a_use_counts(url, there, tmp_path):
    here = open_artifacts(url, cache_dir=tmp_path / "here", cache_bytes=1000)
    blobs = [there.put_bytes(os.urandom(300)) for _ in range(4)]
    for blob in blobs[:3]:
        here.open(blob.sha256).close()
    leave_alone(here, *blobs[:3])
    here.open(blobs[0].sha256).close()  # used now

    here.bring(blobs[3:])

    assert [here.path(blob.sha256) is not None for blob in blobs] == [True, False, True, True]


def test_what_is_being_used_stays_although_it_is_too_much(url, there, tmp_path):
    here = open_artifacts(url, cache_dir=tmp_path / "here", cache_bytes=1000)
    blobs = [there.put_bytes(os.urandom(300)) for _ in range(10)]

    here.bring(blobs)

    assert all(here.path(blob.sha256) for blob in blobs)


def test_a_blob_that_another_process_deletes_before_its_use_is_fetched_again(there, here, monkeypatch, tmp_path):
    blob = there.put_bytes(b"bytes")
    fetch, left = RemoteArtifacts._fetch, [2]

    def fetch_and_lose(self, sha256):
        fetch(self, sha256)
        if left[0]:
            left[0] -= 1
            self.path(sha256).unlink()

    monkeypatch.setattr(RemoteArtifacts, "_fetch", fetch_and_lose)
    here.place(blob.sha256, tmp_path / "image", "shared")

    assert (tmp_path / "image").read_bytes() == b"bytes"


def test_for_a_full_disk_the_cache_makes_room(there, url, tmp_path, monkeypatch):
    class Small(HalfMade):
        full = False

        def require_space(self, folder, size_bytes, what, *, may_use_reserve=False):
            if self.full and old.exists():
                raise DiskFull("full")

    half_made = Small(tmp_path / "half")
    here = open_artifacts(url, cache_dir=tmp_path / "here", half_made=half_made)
    blobs = [there.put_bytes(os.urandom(300_000)) for _ in range(3)]
    here.bring(blobs[:2])
    leave_alone(here, *blobs[:2])
    old = tmp_path / "here" / blobs[0].sha256[:2] / blobs[0].sha256
    half_made.full = True

    here.bring(blobs[2:])

    assert [here.path(blob.sha256) is not None for blob in blobs] == [False, True, True]


def test_all_that_find_the_disk_full_wait_for_the_one_that_makes_room(there, url, tmp_path, monkeypatch):
    full, waiting = threading.Event(), threading.Event()

    class Small(HalfMade):
        def require_space(self, folder, size_bytes, what, *, may_use_reserve=False):
            if full.is_set():
                raise DiskFull("full")

    trim = Cache.trim

    def told_trim(self, to_share=1.0):
        freed = trim(self, to_share)
        if to_share < 1 and not freed:
            waiting.set()  # another makes room at this moment
        return freed

    monkeypatch.setattr(Cache, "trim", told_trim)
    here = open_artifacts(url, cache_dir=tmp_path / "here", half_made=Small(tmp_path / "half"))
    blob = there.put_bytes(b"bytes")
    full.set()
    with here.lock("trim"):
        bringing = threading.Thread(target=here.bring, args=([blob],))
        bringing.start()
        assert waiting.wait(30)
        full.clear()
    bringing.join(30)

    assert here.path(blob.sha256) is not None


def test_a_blob_that_is_deleted_while_it_is_linked_is_fetched_again(there, here, monkeypatch, tmp_path):
    blob = there.put_bytes(b"bytes")
    here.bring([blob])
    place, left = LocalArtifacts.place, [1]

    def lose_and_place(self, sha256, *arguments):
        if left and left.pop():
            here.path(sha256).unlink()
            raise StorageFailed("no such file")
        return place(self, sha256, *arguments)

    monkeypatch.setattr(LocalArtifacts, "place", lose_and_place)
    here.place(blob.sha256, tmp_path / "image", "shared")

    assert (tmp_path / "image").read_bytes() == b"bytes"


def test_one_process_at_a_time_trims(url, there, tmp_path):
    here = open_artifacts(url, cache_dir=tmp_path / "here", cache_bytes=100)
    blob = there.put_bytes(os.urandom(300))
    with here.lock("trim"):
        here.bring([blob])
        leave_alone(here, blob)
        another = Cache(tmp_path / "here", None, 100)
        assert another.trim() == 0
    assert here.path(blob.sha256) is not None
    another.trim()
    assert here.path(blob.sha256) is None


def test_what_a_killed_process_was_downloading_is_swept(there, here):
    blob = there.put_bytes(b"bytes")
    child = os.fork()
    if not child:
        with here._cache.filling() as folder:
            (folder / "half").write_bytes(b"by")
            os._exit(0)
    os.waitpid(child, 0)
    assert [(thing.what, thing.is_left) for thing in here.half_made.found()] == [("download", True)]

    assert here.half_made.sweep() == []

    assert here.half_made.found() == []
    here.open(blob.sha256).close()


def test_of_a_batch_whose_uploads_fail_the_error_is_said(here, monkeypatch, tmp_path):
    for number in range(30):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)

    def refuse(self, path, key, sha256):
        raise OSError("no")

    @contextmanager
    def refusing():
        monkeypatch.setattr(FsspecObjects, "put", refuse)
        yield
        monkeypatch.undo()

    def put():
        with here.batch() as batch:
            return [batch.put_file(tmp_path / f"{number}") for number in range(30)]

    with refusing(), pytest.raises(StorageFailed, match="uploading a blob failed: OSError: no"):
        put()
    assert here.half_made.found() == []
    assert all(here.exists(blob.sha256) for blob in put())


def test_sizes_of_many_are_asked_for_at_once_and_one_that_is_missing_is_named(there, here):
    blobs = [there.put_bytes(b"x" * number) for number in range(40)]
    hashes = [blob.sha256 for blob in blobs]
    here.bring(blobs[:10])

    assert here.sizes([*hashes, hashes[0]]) == [*range(40), 0]
    with pytest.raises(NotFound, match=r"There is no blob 0{64}"):
        here.sizes([*hashes, "0" * 64])


@pytest.mark.parametrize(
    ("count", "size", "portions"), [(3, 10, [3]), (1200, 10, [500, 500, 200]), (5, 100 << 20, [3, 2])]
)
def test_a_portion_is_bounded_by_number_and_size(tmp_path, count, size, portions):
    seen = []

    class Seeing(LocalArtifacts):
        def bring(self, blobs, keep_going=lambda: None):
            seen.append(len(list(blobs)))

    blobs = [Blob(f"{number}", size) for number in range(count)]

    assert list(brought(Seeing(tmp_path / "artifacts"), blobs, lambda blob: blob)) == blobs
    assert seen == portions


def _stage(url, cache, into, blobs):
    """What an agent does; with room for a quarter of the blobs."""
    artifacts = RemoteArtifacts(url, cache, None, cache_bytes=5000, endpoint="")
    artifacts._cache.idle_s = 0.0  # as if the others were long ago
    for blob in brought(artifacts, blobs, lambda blob: blob):
        artifacts.place(blob.sha256, into / blob.sha256, "shared")


def test_processes_that_share_a_cache_which_is_too_small_get_every_blob(tmp_path):
    url = f"local://{tmp_path / 'bucket'}"
    (tmp_path / "bucket").mkdir()
    there = open_artifacts(url, cache_dir=tmp_path / "there")
    blobs = [there.put_bytes(b"%d" % number * 100) for number in range(100)]
    context = multiprocessing.get_context("spawn")
    folders = [tmp_path / f"task{number}" for number in range(3)]
    for folder in folders:
        folder.mkdir()
    stagings = [context.Process(target=_stage, args=(url, tmp_path / "here", folder, blobs)) for folder in folders]
    for staging in stagings:
        staging.start()
    for staging in stagings:
        staging.join()

    assert [staging.exitcode for staging in stagings] == [0, 0, 0]
    for folder in folders:
        assert len(list(folder.iterdir())) == 100
        for file in folder.iterdir():
            assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name
    cache = Cache(tmp_path / "here", None, 5000)
    cache.idle_s = 0.0
    cache.trim()
    assert sum(blob.size_bytes for blob in cache.local.kept()) <= 5000
    assert cache.local.half_made.found() == []


def test_the_next_portion_comes_while_one_is_used_and_no_more_than_that(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.artifacts.portions.AT_ONCE", 10)
    coming = [threading.Event() for _ in range(5)]

    class Seeing(LocalArtifacts):
        def bring(self, blobs, keep_going=lambda: None):
            coming[int(next(iter(blobs)).sha256) // 10].set()

    used = brought(Seeing(tmp_path / "artifacts"), [Blob(f"{n}", 1) for n in range(50)], lambda blob: blob)

    assert next(used).sha256 == "0"
    assert coming[1].wait(30)
    assert not coming[2].is_set()
    used.close()


def test_portions_that_nobody_wants_any_more_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.artifacts.portions.AT_ONCE", 10)
    ended = threading.Event()

    class Slow(LocalArtifacts):
        def bring(self, blobs, keep_going=lambda: None):
            try:
                while True:
                    keep_going()
                    ended.wait(0.01)
            finally:
                ended.set()

    def give_up():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        next(brought(Slow(tmp_path / "artifacts"), [Blob("0", 1)], lambda blob: blob, give_up))
    assert ended.is_set()


def test_what_an_older_release_has_cached_goes_as_what_is_not_used(url, there, tmp_path):
    old = LocalArtifacts(tmp_path / "here").put_bytes(os.urandom(600))
    place = LocalArtifacts(tmp_path / "here").place_of(old.sha256)
    os.utime(place, (1, 1))
    here = open_artifacts(url, cache_dir=tmp_path / "here", cache_bytes=1000)

    here.bring([there.put_bytes(os.urandom(600))])

    assert not place.exists()
    assert [blob.size_bytes for blob in LocalArtifacts(tmp_path / "here").kept()] == [600]

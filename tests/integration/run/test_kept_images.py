"""An image in the artifacts, with real store and artifacts: kept once, loaded whole or not at all, and cared for."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import fsspec
import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.artifacts.local import LocalArtifacts
from agent.doctor.checks import store as store_findings
from agent.doctor.probe_store import probe_store
from agent.domain import Plugin, Task, TaskStatus, is_only_kept
from agent.engines import ImageInfo, StoredImage
from agent.errors import PushFailed, StorageFailed
from agent.formats.image_archive import ImageParts, archive
from agent.installation import Installation
from agent.library.plugin_images import image_to_share, share_image
from agent.maintenance.backup import backup
from agent.maintenance.restore import restore
from agent.maintenance.retention import find_expired
from agent.maintenance.trash import purge
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.worker.loop import run_one
from tests.support.fake_engine import FakeEngine, checkpoint, write_checkpoint
from tests.support.inputs import ODD, write_model, write_project
from tests.support.tasks import queue_task

BELOW, ABOVE, CHANGED = b"\0below" * 5000, b"\0above" * 3, b"\0changed" * 3


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Saving(FakeEngine):
    """An engine that saves an image of these layers."""

    def __init__(self, *layers: bytes) -> None:
        super().__init__(counted)
        config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha(layer)}" for layer in layers]}}).encode()
        self.parts = ImageParts(config, [sha(layer) for layer in layers])
        self.layers = {sha(layer): layer for layer in layers}


def counted(folder: Path) -> Iterator[str]:
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    def save(engine: Saving, digest: str, take: Any) -> ImageParts:
        from agent.formats.image_archive import read_archive

        assert digest == engine.parts.digest
        pieces = archive(
            engine.parts, lambda name: io.BytesIO(engine.layers[name]), lambda name: len(engine.layers[name]), []
        )
        return read_archive(pieces, take)

    monkeypatch.setattr("agent.engines.docker_images.save_image", save)
    settings = Settings(home=tmp_path / "home", engine="docker")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


def artifacts_of(installation: Installation) -> LocalArtifacts:
    assert isinstance(installation.artifacts, LocalArtifacts)
    return installation.artifacts


def keep(installation: Installation, engine: Saving, node: str = "elsewhere") -> Plugin:
    store = installation.store
    plugin = library.add_plugin_folder(store, ODD, "local", node=node)
    plugin = store.plugins.set_image(plugin.id, engine.parts.digest)
    given: Any = engine
    return share_image(store, installation.artifacts, given, plugin, registry="local", on_line=lambda _: None)


def run(installation: Installation, plugin: Plugin, engine: FakeEngine, tmp_path: Path) -> Task:
    store = installation.store
    if not (tmp_path / "fruit").exists():
        write_project(tmp_path / "fruit")
        write_model(tmp_path / "start")
    project = library.add_project(store, installation.artifacts, tmp_path / "fruit")
    model = library.add_model(store, installation.artifacts, tmp_path / "start")
    task = queue_task(installation, plugin=plugin, project=project, model=model, name="net")
    here = Installation(store, installation.artifacts, installation.settings, lambda *_: engine)
    return run_one(here, task.id, Shutdown())


def damage(installation: Installation, sha256: str) -> None:
    file = artifacts_of(installation).place_of(sha256)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)


def test_a_layer_that_two_builds_share_is_kept_once_and_an_older_build_is_collected(installation: Installation) -> None:
    first = keep(installation, Saving(BELOW, ABOVE))
    assert first.kept_bytes == sum(blob.size_bytes for blob in installation.store.plugins.image_blobs(first.id))
    second = keep(installation, engine := Saving(BELOW, CHANGED, BELOW))
    kept = {blob.sha256 for blob in artifacts_of(installation).kept()}

    assert second.image_digest == engine.parts.digest
    assert [blob.sha256 for blob in installation.store.plugins.image_blobs(second.id)][1:] == list(engine.parts.layers)
    assert {sha(BELOW), sha(ABOVE), sha(CHANGED)} <= kept
    for sha256 in kept:
        os.utime(artifacts_of(installation).place_of(sha256), (0, 0))
    gone = {one.name for one in find_expired(installation) if one.kind == "blob" and not one.remove()}
    assert gone == {sha(ABOVE), sha(Saving(BELOW, ABOVE).parts.config)}
    assert {blob.sha256 for blob in artifacts_of(installation).kept()} == kept - gone


def test_a_task_of_another_nodes_plugin_loads_the_image_and_runs_it_by_its_id(
    installation: Installation, tmp_path: Path
) -> None:
    plugin = keep(installation, saving := Saving(BELOW, ABOVE))
    engine = FakeEngine(counted)
    task = run(installation, plugin, engine, tmp_path)

    assert (task.status, task.image_digest) == (TaskStatus.FINISHED, plugin.image_digest)
    assert engine.has == {saving.parts.digest}
    assert [container.spec.image for container in engine.containers] == [saving.parts.digest]
    loads: list[StoredImage] = []
    engine.load_image = loads.append  # type: ignore[method-assign, assignment]
    assert run(installation, plugin, engine, tmp_path).status is TaskStatus.FINISHED
    assert loads == []  # it is here


def test_a_damaged_layer_ends_the_task_with_the_remedy_and_the_next_push_mends_it(
    installation: Installation, tmp_path: Path
) -> None:
    plugin = keep(installation, saving := Saving(BELOW, ABOVE))
    damage(installation, sha(BELOW))
    engine = FakeEngine(counted)
    task = run(installation, plugin, engine, tmp_path)

    assert (task.status, task.reason) == (TaskStatus.ERROR, "image_not_found")
    assert "nothing of it was" in (task.message or "")
    assert f"`agent plugin push {plugin.id}`" in (task.message or "")
    assert (engine.has, engine.containers) == (set(), [])

    keep(installation, saving)
    artifacts_of(installation).open(sha(BELOW), verify=True).close()
    assert run(installation, plugin, engine, tmp_path).status is TaskStatus.FINISHED


def test_an_image_whose_layers_are_gone_says_so_and_the_doctor_too(installation: Installation, tmp_path: Path) -> None:
    plugin = keep(installation, Saving(BELOW, ABOVE))
    facts, *_ = probe_store(installation.settings)
    assert (facts.images_kept, facts.images_without_bytes) == (1, ())
    artifacts_of(installation).delete(sha(ABOVE))
    assert "There is no blob" in (run(installation, plugin, FakeEngine(counted), tmp_path).message or "")
    facts, *_ = probe_store(installation.settings)
    assert facts.images_without_bytes == (plugin.id,)
    (finding,) = [one for one in store_findings(facts) if "layers of the images" in one.said]
    assert "plugin push" in finding.remedy


def test_what_is_kept_already_is_looked_at_and_not_asked_of_the_engine_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = Saving(BELOW, ABOVE)
    first = keep(installation, saving)
    with monkeypatch.context() as patched:
        patched.setattr("agent.engines.docker_images.save_image", None)
        assert keep(installation, saving).kept_bytes == first.kept_bytes
    artifacts_of(installation).delete(sha(BELOW))
    keep(installation, saving)
    artifacts_of(installation).open(sha(BELOW), verify=True).close()


def test_artifacts_that_refuse_leave_a_record_that_promises_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keep(installation, Saving(BELOW, ABOVE))

    def refuse(*_: object, **__: object) -> None:
        raise StorageFailed("the artifacts refuse")

    with monkeypatch.context() as patched:
        patched.setattr(LocalArtifacts, "writer", refuse)
        with pytest.raises(StorageFailed, match="refuse"):
            keep(installation, Saving(BELOW, CHANGED))
    after = installation.store.plugins.get(before.id)
    assert (after.is_shared, installation.store.plugins.image_blobs(before.id)) == (False, [])  # it was built anew


def test_a_stop_ends_a_load_at_its_next_piece(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = keep(installation, Saving(BELOW, ABOVE))
    loads, ended = threading.Event(), threading.Event()

    class Slow(FakeEngine):
        def load_image(self, image: StoredImage) -> Any:
            try:
                loads.set()
                while True:
                    image.tell(1)
                    ended.wait(0.01)
            finally:
                ended.set()

    def stop() -> None:
        loads.wait()
        installation.store.tasks.request_stop(1)

    stopper = threading.Thread(target=stop)
    stopper.start()
    task = run(installation, plugin, Slow(counted), tmp_path)
    stopper.join()
    assert task.status is TaskStatus.STOPPED
    assert ended.wait(30)


def test_a_load_that_takes_long_tells_how_far_it_is(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.stage.TOLD_S", 0)
    plugin = keep(installation, Saving(BELOW * 50, ABOVE))
    told = threading.Event()

    class Slow(FakeEngine):
        def load_image(self, image: StoredImage) -> Any:
            image.tell(1 << 20)
            while not installation.store.progress.list(1):
                told.wait(0.01)
            return super().load_image(image)

    task = run(installation, plugin, Slow(counted), tmp_path)
    assert task.status is TaskStatus.FINISHED
    bars = {bar.subtask: (bar.current, bar.total) for bar in installation.store.progress.list(task.id)}
    assert bars["Loading the image (MiB)"] == (1, (plugin.kept_bytes or 0) >> 20)


def test_the_trash_counts_an_image_and_frees_it_for_good_unless_another_plugin_has_its_layers(
    installation: Installation,
) -> None:
    store, artifacts = installation.store, artifacts_of(installation)
    plugin = keep(installation, Saving(BELOW, ABOVE))
    other = store.plugins.put(
        title="Other", description="", type="", image="local/other", tag="1", modes=[], readme="", configs=[],
        image_digest="sha256:2", folder=None, content_sha256=None,
    )  # fmt: skip
    store.plugins.set_kept(other.id, "sha256:2", store.plugins.image_blobs(plugin.id)[1:2])
    store.plugins.remove(plugin.id)
    (thing,) = library.bulk.in_trash(store, installation.settings, "plugin")
    assert thing.size_bytes == plugin.kept_bytes
    for blob in list(artifacts.kept()):
        os.utime(artifacts.place_of(blob.sha256), (0, 0))
    purge(installation, "plugin", plugin.id)
    assert {blob.sha256 for blob in artifacts.kept()} == {sha(BELOW)}


@pytest.mark.parametrize("with_images", [True, False])
def test_a_backup_has_the_images_or_says_that_it_has_none(
    installation: Installation, tmp_path: Path, *, with_images: bool
) -> None:
    plugin = keep(installation, saving := Saving(BELOW, ABOVE))
    made = backup(installation.store, installation.artifacts, tmp_path / "all.tar", with_images=with_images)
    empty = Settings(home=tmp_path / "new")
    restore(empty, tmp_path / "all.tar")

    with open_store(empty.store) as restored:
        there = restored.plugins.get(plugin.id)
        blobs = restored.plugins.image_blobs(plugin.id)
    names = {blob.sha256 for blob in made.blobs}
    if with_images:
        assert (there.kept_bytes, [blob.sha256 for blob in blobs][1:]) == (plugin.kept_bytes, saving.parts.layers)
        open_artifacts(empty.artifacts).open(sha(BELOW), verify=True).close()
    else:
        assert (there.kept_bytes, blobs) == (None, [])
    assert (sha(BELOW) in names) is with_images


def test_a_push_does_not_take_another_build_that_was_kept_meanwhile_for_its_own(installation: Installation) -> None:
    mine, theirs = Saving(BELOW, ABOVE), Saving(BELOW, CHANGED)
    store = installation.store
    stale = store.plugins.set_image(keep(installation, mine).id, mine.parts.digest)
    keep(installation, theirs)  # of another node, between the two steps of mine
    engine: Any = mine
    share_image(store, installation.artifacts, engine, stale, registry="local", on_line=lambda _: None)
    assert store.plugins.get(stale.id).image_digest == mine.parts.digest
    assert f"sha256:{store.plugins.image_blobs(stale.id)[0].sha256}" == mine.parts.digest


def test_a_layer_that_the_server_of_the_artifacts_lost_is_put_again_though_the_cache_has_it(
    installation: Installation, tmp_path: Path
) -> None:
    url, engine = f"memory://{uuid.uuid4().hex}", Saving(BELOW, ABOVE)
    here = replace(installation, artifacts=open_artifacts(url, cache_dir=tmp_path / "here"))
    keep(here, engine)
    remote, root = fsspec.core.url_to_fs(url)
    lost = sha(BELOW)
    remote.rm(f"{root}/{lost[:2]}/{lost[2:4]}/{lost}")
    keep(here, engine)
    with open_artifacts(url, cache_dir=tmp_path / "there").open(lost, verify=True) as opened:
        assert opened.read() == BELOW


def test_a_push_that_fails_leaves_the_other_nodes_the_image_of_before(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, store = keep(installation, Saving(BELOW, ABOVE)), installation.store

    class Rebuilt(Saving):
        def image(self, reference: str, pull: str = "missing") -> ImageInfo:
            assert pull == "never"
            return ImageInfo(reference, "sha256:" + "9" * 64, {})

    def away(*_: object) -> str:
        raise PushFailed("the registry does not answer")

    monkeypatch.setattr("agent.engines.docker_images.push_image", away)
    engine: Any = Rebuilt(BELOW, ABOVE)
    rebuilt = image_to_share(store, engine, kept, node=kept.node or "")
    assert rebuilt.image_digest == "sha256:" + "9" * 64
    with pytest.raises(PushFailed):
        share_image(store, installation.artifacts, engine, rebuilt, registry="reg.example/team", on_line=print)
    now = store.plugins.get(kept.id)
    assert (now.image_digest, now.is_shared) == (kept.image_digest, True)
    assert store.plugins.image_blobs(kept.id)


def test_an_image_that_the_artifacts_alone_have_is_not_for_kubernetes_whatever_its_name(
    installation: Installation,
) -> None:
    store, engine = installation.store, Saving(BELOW, ABOVE)
    plugin = library.add_plugin_folder(store, ODD, "reg.example/team", node="elsewhere")
    plugin = store.plugins.set_image(plugin.id, engine.parts.digest)
    plugin = share_image(store, installation.artifacts, cast(Any, engine), plugin, registry="local", on_line=print)
    assert is_only_kept(plugin)


def test_a_layer_that_cannot_be_read_for_a_moment_stays_and_one_that_is_a_pipe_is_a_sentence(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Saving(BELOW, ABOVE)
    plugin, artifacts = keep(installation, engine), artifacts_of(installation)
    layer = installation.store.plugins.image_blobs(plugin.id)[1].sha256

    def push() -> None:
        share_image(installation.store, artifacts, cast(Any, engine), plugin, registry="local", on_line=print)

    def too_many(_: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("agent.artifacts.local._opened", too_many)
        with pytest.raises(StorageFailed, match="Too many open files"):
            push()
    assert artifacts.exists(layer)
    file = artifacts.place_of(layer)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(StorageFailed, match="it is not a file"):
        artifacts.open(layer, verify=True)


def test_a_disk_that_fails_while_a_layer_is_hashed_is_a_sentence(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(installation, Saving(BELOW))

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(hashlib, "file_digest", fails)
    with pytest.raises(StorageFailed, match="Input/output error"):
        installation.artifacts.open(sha(BELOW), verify=True)

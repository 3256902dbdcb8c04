"""Backup and restore of an installation, while it runs, and with every fault of the file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
from dataclasses import replace

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewModel, NewTaskImage, TaskStatus
from agent.engines.build_recipe import BuildRecipe, load_recipe
from agent.errors import AgentError, BadInput, Conflict, NotFound, StorageFailed
from agent.events.model import Event, Level, Stream
from agent.installation import artifacts_of
from agent.maintenance.backup import backup
from agent.maintenance.restore import restore
from agent.settings import Settings
from agent.store import SCHEMA_REVISION, EventRow, Tokens, open_store
from agent.submission import TaskRequest, new_task
from tests.support.inputs import ODD, Cli, write_model, write_project


@pytest.fixture
def store(tmp_path):
    (tmp_path / "home").mkdir()
    with open_store(f"sqlite:///{tmp_path}/home/store.db") as opened:
        yield opened


@pytest.fixture
def artifacts(tmp_path):
    return open_artifacts(str(tmp_path / "home" / "artifacts"))


@pytest.fixture
def task(store, artifacts, tmp_path):
    """A finished task over a project and a model, with a line and a model in the trash."""
    plugin = library.add_plugin_folder(store, ODD, "local")
    project = library.add_project(store, artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(store, artifacts, write_model(tmp_path / "start"))
    request = TaskRequest(type="train", plugin=plugin, project=project, model=model, name="net")
    added = store.tasks.add(new_task(store, Settings(home=tmp_path / "home"), request))
    store.tasks.claim("me", task_id=added.id)
    store.tasks.become(added.id, TaskStatus.STARTED)
    line = Event("hello", Stream.STDOUT, 1_700_000_000_000_000, Level.INFO, "hello")
    store.events.append(added.id, [EventRow(1, line)], lines_read=1)
    store.tasks.become(added.id, TaskStatus.FINISHED, reason="finished")
    blob = artifacts.put_bytes(b"unwanted")
    store.models.remove(store.models.add(NewModel("unwanted", blob.sha256, blob.size_bytes, None)).id)
    image = artifacts.put_bytes(b"logged")
    new = NewTaskImage(1, "val", 2, "a.png", image.sha256, image.size_bytes, 8, 6, "image/png")
    store.task_images.add(added.id, [new])
    artifacts.put_bytes(b"nothing names this")
    return added


@pytest.fixture
def empty(tmp_path):
    return Settings(home=tmp_path / "new home")


@pytest.fixture
def file(store, artifacts, task, tmp_path):
    (tmp_path / "kept").mkdir()
    backup(store, artifacts, tmp_path / "kept" / "all.tar")
    return tmp_path / "kept" / "all.tar"


def test_everything_comes_back_as_it_was(store, artifacts, task, file, empty, tmp_path):
    assert os.listdir(file.parent) == ["all.tar"]
    assert file.stat().st_mode & 0o777 == 0o600
    restore(empty, file)
    assert sorted(os.listdir(empty.home)) == ["artifacts", "store.db"]
    there = open_artifacts(empty.artifacts)
    with open_store(empty.store) as restored:
        assert restored.tasks.list() == store.tasks.list()
        assert restored.models.list() == store.models.list()
        assert restored.projects.list() == store.projects.list()
        assert [event.raw for event in restored.events.after(task.id)] == ["hello"]
        assert [model.name for model in restored.models.trashed()] == ["unwanted"]
        assert restored.task_images.list(task.id) == store.task_images.list(task.id) != []
        named = restored.blobs.named()
        assert {blob.sha256 for blob in there.kept()} == named
        for sha256 in named:
            with there.open(sha256, verify=True):
                pass
        library.export_project(restored, there, task.project_id, tmp_path / "out")


def test_tokens_stay_out_of_a_backup_every_byte_of_them(store, artifacts, task, tmp_path, empty):
    kept, secret = store.tokens.create("laptop of Ada")
    revoked, _ = store.tokens.create("laptop of Eve")
    store.tokens.revoke(revoked.id)
    backup(store, artifacts, tmp_path / "all.tar")

    assert store.tokens.find(secret).id == kept.id
    content = (tmp_path / "all.tar").read_bytes()
    assert b"laptop of" not in content
    assert hashlib.sha256(secret.encode()).hexdigest().encode() not in content
    restore(empty, tmp_path / "all.tar")
    with open_store(empty.store) as restored:
        assert restored.tokens.list() == []


def test_tokens_in_a_backup_of_an_older_release_are_dropped(store, artifacts, task, tmp_path, empty, monkeypatch):
    _, secret = store.tokens.create("laptop of Ada")
    with monkeypatch.context() as older:
        older.setattr(Tokens, "forget_all", lambda self: None)
        backup(store, artifacts, tmp_path / "all.tar")
    assert b"laptop of Ada" in (tmp_path / "all.tar").read_bytes()

    restore(empty, tmp_path / "all.tar")
    with open_store(empty.store) as restored:
        assert restored.tokens.find(secret) is None
    assert b"laptop of Ada" not in (empty.home / "store.db").read_bytes()


def test_a_backup_made_while_others_write_is_whole(store, artifacts, task, empty, tmp_path):
    over = threading.Event()

    def write():
        n = 0
        while not over.is_set():
            n += 1
            blob = artifacts.put_bytes(b"model %d" % n)
            model = store.models.add(NewModel(f"m{n}", blob.sha256, blob.size_bytes, None))
            if n % 40 == 0:
                store.models.remove(model.id)
                library.purge_model(store, artifacts, model.id)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup(store, artifacts, tmp_path / "all.tar")
    finally:
        over.set()
        writer.join()
    restore(empty, tmp_path / "all.tar")
    there = open_artifacts(empty.artifacts)
    with open_store(empty.store) as restored:
        assert restored.damage() == ()
        assert all(there.exists(model.sha256) for model in restored.models.list(limit=10_000))


def test_how_images_were_built_comes_back_and_newer_recipes_stay(store, artifacts, task, empty, tmp_path):
    builds = tmp_path / "home" / "builds"
    recipe = BuildRecipe(bases={"py": "python:3.11"}, build_args={"INDEX": "secret"}, context=tmp_path)
    recipe.save(builds, "local/a:1")
    recipe.save(builds, "local/b:1")
    (builds / "notes.json").write_text("no recipe")
    backup(store, artifacts, tmp_path / "all.tar", builds=builds)
    BuildRecipe(bases={"py": "newer"}).save(empty.builds, "local/b:1")
    restore(empty, tmp_path / "all.tar")

    assert load_recipe(empty.builds, "local/a:1") == replace(recipe, include=[])
    assert load_recipe(empty.builds, "local/b:1").bases == {"py": "newer"}
    assert len(os.listdir(empty.builds)) == 2
    assert {path.stat().st_mode & 0o777 for path in (empty.builds, *empty.builds.iterdir())} == {0o600, 0o700}


def test_a_wrong_recipe_is_refused(store, artifacts, task, empty, tmp_path):
    BuildRecipe(bases={"py": "x"}).save(tmp_path / "home" / "builds", "local/a:1")
    backup(store, artifacts, tmp_path / "all.tar", builds=tmp_path / "home" / "builds")
    damaged = rewritten(tmp_path / "all.tar", lambda name, said: flip(said) if name.startswith("builds/") else said)
    with pytest.raises(BadInput, match=r"bytes of builds/.* are not"):
        restore(empty, damaged)
    outside = in_manifest(recipes=[{"name": "../../.bashrc", "sha256": "0" * 64, "size_bytes": 1}])
    with pytest.raises(BadInput, match="recipes of builds that are none"):
        restore(empty, rewritten(tmp_path / "all.tar", outside))
    assert not empty.home.exists() or os.listdir(empty.home) == []


def test_a_backup_of_a_release_without_recipes_is_restored(store, file, empty):
    def without(name, content):
        said = json.loads(content) if name == "manifest.json" else {}
        return json.dumps({key: said[key] for key in said if key != "recipes"}).encode() if said else content

    restore(empty, rewritten(file, without))
    with open_store(empty.store) as restored:
        assert restored.models.list() == store.models.list()


def test_an_existing_file_is_not_overwritten(store, artifacts, file):
    before = file.read_bytes()
    with pytest.raises(Conflict, match="exists"):
        backup(store, artifacts, file)
    assert file.read_bytes() == before


def test_a_missing_folder_for_the_backup_is_not_created(store, artifacts, tmp_path):
    with pytest.raises(NotFound, match=r"There is no folder .*/nowhere\. Make it"):
        backup(store, artifacts, tmp_path / "nowhere" / "b.tar")
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_blob_is_found_when_the_backup_is_made(store, artifacts, task, tmp_path):
    path = artifacts.path(store.models.get(task.model_id).sha256)
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(StorageFailed, match="damaged on disk"):
        backup(store, artifacts, tmp_path / "all.tar")
    assert not list(tmp_path.glob("*all*")) + list(tmp_path.glob(".*"))


@pytest.mark.parametrize("used", ["store.db", "tasks", "artifacts/stores"])
def test_only_an_empty_home_is_restored_into(file, empty, used):
    empty.home.mkdir()
    (empty.home / "agent.toml").write_text("")
    (empty.home / used).mkdir(parents=True)
    with pytest.raises(Conflict, match=f"{used.partition('/')[0]} is there; set AGENT_HOME"):
        restore(empty, file)
    (empty.home / used).rmdir()
    restore(empty, file)


def test_artifacts_behind_a_url_and_their_cache_do_not_stand_in_the_way(file, empty, tmp_path):
    (tmp_path / "bucket").mkdir()
    far = Settings(home=empty.home, artifacts_url=f"local://{tmp_path / 'bucket'}")
    (far.artifacts_cache / "ab").mkdir(parents=True)

    made = restore(far, file)

    assert all(artifacts_of(far).exists(blob.sha256) for blob in made.blobs)


def rewritten(file, change):
    """The tar with changed members: `change(name, content)` gives the new content, or None to leave the member out."""
    out = file.with_name("changed.tar")
    with tarfile.open(file) as old, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as new:
        for member in old.getmembers():
            file_in_tar = old.extractfile(member)
            assert file_in_tar is not None
            content = change(member.name, file_in_tar.read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return out


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def in_manifest(**said):
    return lambda name, content: (
        json.dumps({**json.loads(content), **said}).encode() if name == "manifest.json" else content
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda name, content: flip(content) if name.startswith("blobs/") else content, "bytes of blobs/.* are not"),
        (lambda name, content: flip(content) if name == "store.db" else content, "bytes of store.db are not"),
        (
            lambda name, content: None if name.startswith("blobs/") else content,
            "blobs/.* should come, and its end does",
        ),
        (lambda name, content: None if name == "manifest.json" else content, "does not begin with a manifest"),
        (lambda name, content: b"{" if name == "manifest.json" else content, "manifest .* cannot be read"),
        (in_manifest(schema="9999"), f"schema 9999; this one knows up to {SCHEMA_REVISION}.*Upgrade"),
        (in_manifest(format="supervisely-local backup 2"), "another version"),
        (in_manifest(blobs=[{"sha256": "../../etc/passwd", "size_bytes": 1}]), "no sha256"),
    ],
)
def test_a_wrong_file_is_refused_and_leaves_the_home_as_it_was(file, empty, change, sentence):
    empty.home.mkdir()
    (empty.home / "token").write_text("secret")
    with pytest.raises(BadInput, match=sentence):
        restore(empty, rewritten(file, change))
    assert os.listdir(empty.home) == ["token"]
    restore(empty, file)


def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(file, empty):
    whole = file.read_bytes()
    cut = file.with_name("cut.tar")
    for at in (0, 1, 511, 700, 20_000, len(whole) // 2, len(whole) - 11_000):
        cut.write_bytes(whole[:at])
        with pytest.raises(BadInput):
            restore(empty, cut)
        assert not empty.home.exists() or os.listdir(empty.home) == []


def test_a_file_that_is_not_a_backup_is_explained(empty, tmp_path):
    (tmp_path / "text").write_text("just a text\n" * 1000)
    with pytest.raises(BadInput, match="is no backup"):
        restore(empty, tmp_path / "text")
    with pytest.raises(NotFound, match="There is no file"):
        restore(empty, tmp_path / "missing")
    with pytest.raises(AgentError):
        restore(empty, tmp_path)


def test_the_commands_back_up_and_restore_an_installation(store, artifacts, task, tmp_path):
    old = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    BuildRecipe(bases={"py": "x"}).save(old.home / "builds", "local/a:1")
    assert "blobs" in old.run("backup", tmp_path / "all.tar").stdout
    new = Cli(tmp_path / "new home", {"AGENT_ENGINE": "process"})
    new.run("restore", tmp_path / "all.tar")
    assert new.json("model", "list") == old.json("model", "list")
    assert load_recipe(new.home / "builds", "local/a:1").bases == {"py": "x"}
    assert "empty home" in new.run("restore", tmp_path / "all.tar", code=2).stderr
    elsewhere = Cli(tmp_path / "third", {"AGENT_STORE_URL": "postgresql://nobody@localhost/x"})
    assert elsewhere.run("restore", tmp_path / "all.tar", code=5).stderr.count("no SQLite file") == 1

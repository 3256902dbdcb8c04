"""The retention policy with a real store and real blobs: what is removed, what can be restored, what is never lost."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from datetime import datetime

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewModel, TaskStatus
from agent.errors import Conflict, NotFound
from agent.events.model import CheckpointReported
from agent.installation import Installation
from agent.library.blobs import collect_blob
from agent.maintenance.housekeeping import Housekeeping
from agent.maintenance.retention import find_expired
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import ODD, Cli, write_model, write_project
from tests.support.tasks import queue_task


@pytest.fixture
def build(tmp_path):
    """An installation with its own settings over the same store and blobs."""
    opened = []

    def build(**changes):
        settings = Settings(home=tmp_path / "home", engine="process", **changes)
        settings.home.mkdir(exist_ok=True)
        store = open_store(settings.store)
        opened.append(store)
        return Installation(store, open_artifacts(settings.artifacts), settings)

    yield build
    for store in opened:
        store.close()


@pytest.fixture
def trained(build, tmp_path):
    """A finished training with six checkpoints, of which the second and fourth were the best so far; gives the ids."""
    installation = build()
    plugin = library.add_plugin_folder(installation.store, ODD, "local")
    project = library.add_project(installation.store, installation.artifacts, write_project(tmp_path / "fruit"))
    start = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))
    task = queue_task(installation, plugin=plugin, project=project, model=start, name="net")
    installation.store.tasks.claim("me", task_id=task.id)
    installation.store.tasks.become(task.id, TaskStatus.STARTED)
    ids = []
    for n in range(6):
        row = installation.store.checkpoints.add(
            task.id, n + 1, CheckpointReported(n, f"{n:08d}", 1, n in (1, 3), None)
        )
        blob = installation.artifacts.put_bytes(b"weights %d" % n)
        ids.append(
            installation.store.checkpoints.publish(
                row.id, NewModel(f"net ({n})", blob.sha256, blob.size_bytes, None)
            ).id
        )
    installation.store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished")
    return task, ids


def do(installation):
    return [one.remove() for one in find_expired(installation)]


def there(installation):
    return {model.id for model in installation.store.models.list() if model.name.startswith("net")}


def let_time_pass(installation):
    """Let every blob be two days old."""
    for blob in installation.artifacts.kept():
        os.utime(installation.artifacts.path(blob.sha256), (time.time() - 2 * 86400,) * 2)


def test_a_policy_moves_checkpoints_to_the_trash_and_says_so_before(build, trained):
    _, ids = trained
    installation = build(keep="best=1,latest=2")
    said = list(find_expired(installation))
    assert there(installation) == set(ids)
    assert [one.name for one in said] == [f"model {ids[n]}: net ({n})" for n in (0, 1, 2)]
    assert do(installation) == [""] * 3
    assert there(installation) == {ids[3], ids[4], ids[5]}
    assert list(find_expired(installation)) == []
    assert [model.id for model in installation.store.models.trashed()] == ids[:3]
    assert all(installation.artifacts.exists(model.sha256) for model in installation.store.models.trashed())


def test_pinned_checkpoints_and_those_a_task_starts_from_stay(build, trained):
    task, ids = trained
    installation = build(keep="latest=1")
    installation.store.models.pin(ids[0])
    old = installation.store.tasks.get(task.id)
    queue_task(installation, plugin=old.plugin_id, project=old.project_id, model=ids[2])
    do(installation)
    assert there(installation) == {ids[0], ids[2], ids[5]}
    with pytest.raises(Conflict, match="unpin"):
        installation.store.models.remove(ids[0])


def test_a_running_training_keeps_every_checkpoint(build, trained):
    task, _ = trained
    installation = build(keep="latest=0")
    running = queue_task(installation, plugin=task.plugin_id, project=task.project_id, model=task.model_id)
    for n in range(3):
        row = installation.store.checkpoints.add(running.id, n + 1, CheckpointReported(n, str(n), 1, False, None))
        installation.store.checkpoints.publish(row.id, NewModel(f"net running {n}", f"{n:064d}", 1, None))
    do(installation)
    assert len(there(installation)) == 3 + 1


def test_what_is_in_the_trash_can_be_restored_until_the_window_ends(build, trained):
    _, ids = trained
    installation = build(keep="latest=1", trash_days=7)
    do(installation)
    installation.store.models.restore(ids[0])
    assert ids[0] in there(installation)
    let_time_pass(installation)
    sha256 = installation.store.models.get(ids[1]).sha256
    later = build(trash_days=0)
    time.sleep(0.01)
    do(later)
    with pytest.raises(NotFound):
        installation.store.models.restore(ids[1])
    assert not (installation.artifacts.path(sha256) or installation.artifacts.root).is_file()
    assert installation.artifacts.exists(installation.store.models.get(ids[0]).sha256)


def test_a_model_of_the_trash_that_a_task_starts_from_comes_back(build, trained):
    task, ids = trained
    installation = build(trash_days=0)
    installation.store.models.remove(ids[0])
    queue_task(installation, plugin=task.plugin_id, project=task.project_id, model=ids[0])
    time.sleep(0.01)
    do(installation)
    assert ids[0] in there(installation)


def test_blobs_go_when_no_row_names_them_and_not_before_a_day(build, trained):
    installation = build()
    orphan = installation.artifacts.put_bytes(b"of a deleted project")
    assert do(installation) == []
    let_time_pass(installation)
    assert installation.artifacts.put_bytes(b"of a deleted project") == orphan  # somebody is about to name it
    assert do(installation) == []
    let_time_pass(installation)
    (one,) = find_expired(installation)
    assert (one.kind, one.name, one.size_bytes) == ("blob", orphan.sha256, orphan.size_bytes)
    assert one.remove() == ""
    assert not installation.artifacts.exists(orphan.sha256)
    assert all(installation.artifacts.exists(m.sha256) for m in installation.store.models.list())


def test_nothing_is_collected_where_another_store_has_used_the_artifacts(build, trained):
    installation = build(trash_days=0)
    installation.artifacts.put_bytes(b"named by the other store")
    let_time_pass(installation)
    installation.artifacts.used_by("/another/store.db")
    installation.store.models.remove(trained[1][0])
    time.sleep(0.01)
    assert [one.kind for one in find_expired(installation)] == ["trash"]
    before = {blob.sha256 for blob in installation.artifacts.kept()}
    do(installation)
    assert {blob.sha256 for blob in installation.artifacts.kept()} == before


def test_equal_bytes_under_two_names_stay_as_long_as_either(build, trained):
    _, ids = trained
    installation = build(trash_days=0)
    model = installation.store.models.get(ids[0])
    installation.store.models.add(NewModel("a copy", model.sha256, model.size_bytes, None))
    installation.store.models.remove(ids[0])
    let_time_pass(installation)
    time.sleep(0.01)
    do(installation)
    with pytest.raises(NotFound):
        installation.store.models.get(ids[0])
    assert installation.artifacts.exists(model.sha256)


def test_content_put_while_it_is_collected_is_never_lost(build):
    """One side puts old content and names it, while the other side collects content without a name."""
    installation = build()
    data = b"the same content, again and again"
    sha256 = installation.artifacts.put_bytes(data).sha256
    lost, over = [], threading.Event()

    def put_and_name():
        for n in range(300):
            path = installation.artifacts.path(sha256)
            if path is not None:
                with suppress(FileNotFoundError):
                    os.utime(path, (1, 1))  # as if put long ago: the other side may take it
            installation.artifacts.put_bytes(data)
            model = installation.store.models.add(NewModel(f"{n}", sha256, len(data), None))
            path = installation.artifacts.path(sha256)
            if path is None or path.read_bytes() != data:
                lost.append(n)
            installation.store.models.remove(model.id)
            installation.store.models.purge(model.id)
        over.set()

    def collect():
        while not over.is_set():
            collect_blob(installation.store, installation.artifacts, sha256, idle_s=60)

    threads = [threading.Thread(target=put_and_name), *(threading.Thread(target=collect) for _ in range(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


def test_old_folders_and_logs_go_and_those_of_others_stay(build, trained):
    task, _ = trained
    installation = build(keep_task_dirs_days=0, keep_logs_days=0)
    for name in (f"{task.id}/results", f"{task.id}/logs", f"{task.id}.snapshots/1", "999/results", "999/logs", "mine"):
        (installation.settings.tasks / name).mkdir(parents=True)
        (installation.settings.tasks / name / "file").write_bytes(b"x" * 5000)
    assert do(build()) == []  # nothing without a setting
    assert do(installation) == [""] * 3
    left = sorted(str(p.relative_to(installation.settings.tasks)) for p in installation.settings.tasks.rglob("file"))
    assert left == ["999/logs/file", "999/results/file", "mine/file"]


def test_an_agent_carries_the_policy_out_once_an_hour(build, trained, monkeypatch):
    _, ids = trained
    installation = build(keep="latest=5")
    housekeeping = Housekeeping(installation)
    housekeeping.round()
    assert there(installation) == set(ids[1:])
    installation.store.models.restore(ids[0])
    housekeeping.round()
    assert there(installation) == set(ids)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3601)
    housekeeping.round()
    assert there(installation) == set(ids[1:])


def test_the_commands_pin_remove_restore_and_retain(build, trained, tmp_path):
    _, ids = trained
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process", "AGENT_KEEP": "latest=1"})
    cli.run("model", "pin", ids[0])
    said = cli.json("retention", "--dry-run")
    assert [(e["kind"], e["done"]) for e in said] == [("checkpoint", False)] * 4
    assert cli.json("retention")[0]["done"] is True
    assert [m["id"] for m in cli.json("model", "trash")] == ids[1:5]
    cli.run("model", "restore", ids[1])
    cli.run("model", "pin", ids[1])
    assert cli.json("retention") == []
    assert "starts from" in cli.run("model", "remove", "start", code=2).stderr
    cli.run("model", "unpin", ids[1])
    assert datetime.fromisoformat(cli.json("model", "trash")[0]["deleted_at"])
    refused = Cli(tmp_path / "home", {"AGENT_KEEP": "newest=3"}).run("retention", code=2)
    assert "AGENT_KEEP" in refused.stderr
    assert "best=3,latest=2,every=10" in refused.stderr

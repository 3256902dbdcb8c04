"""The leftovers that `agent clean` finds on disk, and the files that it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import ContainerSpec, Mount, TaskStatus
from agent.formats.task_dir import TaskDir
from agent.installation import Installation, container_labels
from agent.maintenance.cleanup import find_orphans
from agent.settings import Settings
from agent.store import Fate, open_store
from tests.support.fake_engine import FakeEngine
from tests.support.inputs import ODD, Cli, write_model, write_project
from tests.support.tasks import queue_task

AGAIN = Fate(None, {"message": "attempt 2", "event_type": "TASK_RESTARTS", "fields": {}}, ("node_lost", "lost"))


@pytest.fixture
def installation(tmp_path):
    settings = Settings(home=tmp_path / "home", engine="process")
    settings.home.mkdir()
    store = open_store(settings.store)
    yield Installation(store, open_artifacts(settings.artifacts), settings)
    store.close()


@pytest.fixture
def tasks(installation, tmp_path):
    """Four tasks with full folders and everything beside them: finished, failed, running, queued."""
    plugin = library.add_plugin_folder(installation.store, ODD, "local")
    project = library.add_project(installation.store, installation.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))
    made = [queue_task(installation, plugin=plugin, project=project, model=model, name="net") for _ in range(4)]
    for task in made[:3]:
        installation.store.tasks.claim("me", task_id=task.id)
        installation.store.tasks.become(task.id, TaskStatus.STARTED)
    installation.store.tasks.become(made[0].id, TaskStatus.FINISHED, reason="finished")
    installation.store.tasks.become(made[1].id, TaskStatus.ERROR, reason="plugin_exit")
    for task in made:
        fill(installation.settings.tasks / str(task.id) / "results")
        fill(installation.settings.tasks / str(task.id) / "logs")
        fill(installation.settings.tasks / f"{task.id}.shadow")
        fill(installation.settings.tasks / f"{task.id}.images")
        fill(installation.settings.tasks / f"{task.id}.snapshots" / "7")
        fill(installation.settings.tasks / f"{task.id}.snapshots" / "9.half")
    return [task.id for task in made]


def test_the_container_of_an_earlier_attempt_goes(installation, tasks):
    """Its node was declared lost and came back, with another agent than the one that had launched it."""
    store, settings, task_id = installation.store, installation.settings, tasks[2]
    engine = FakeEngine(lambda folder: iter([None]))
    here = replace(installation, open_engine=lambda name, _: engine)
    for attempt in (1, 2):
        task = replace(store.tasks.get(task_id), attempt=attempt)
        labels = container_labels(task, settings)
        mount = Mount(str(settings.tasks / str(task_id)), "/sly_task_data")
        engine.start(ContainerSpec("i", (), f"c{attempt}", {}, labels, (mount,), 0, None, None))
        names = sorted({orphan.why for orphan in find_orphans(here) if orphan.kind == "container"})
        assert names == ([] if attempt == 1 else [f"task {task_id} is in a later attempt"])
        if attempt == 1:
            store.nodes.put("n", "lab")
            store.tasks.launching(task_id, engine="process", spec={}, image_digest=None)
            store.tasks.take_over("again", gone={"me"}, node="n", task_id=task_id)
            assert store.tasks.lose(task_id, "n", 1, lambda *facts: AGAIN).attempt == 2


def fill(folder):
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"x" * 10_000)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_what_ended_tasks_left_goes_and_logs_and_kept_checkpoints_stay(installation, tasks):
    root, (finished, failed, *_) = installation.settings.tasks, tasks
    for stranger in ("notes", "77", "1.backup", "1x"):  # not ours, or of a task another store may know
        fill(root / stranger)
    before = files(root)

    found = find_orphans(installation)
    assert files(root) == before
    assert {one.task_id for one in found} == {finished, failed}
    assert all(one.size_bytes >= 10_000 for one in found)
    assert [one.remove() for one in found] == [""] * len(found)

    gone = set(before) - set(files(root))
    assert gone == {
        f"{finished}/results/model.pt",  # a failed task's folder is kept, as the settings say
        *(f"{task}.shadow/model.pt" for task in (finished, failed)),
        *(f"{task}.images/model.pt" for task in (finished, failed)),
        *(f"{task}.snapshots/9.half/model.pt" for task in (finished, failed)),
    }
    assert find_orphans(installation) == []


def test_a_folder_that_its_agents_settings_kept_is_kept_by_a_later_clean_too(installation, tasks):
    finished = installation.settings.tasks / str(tasks[0])
    TaskDir(finished).keep()

    for one in find_orphans(installation):
        one.remove()

    assert "results/model.pt" in files(finished)


def test_a_folder_that_is_a_link_is_not_followed(installation, tasks, tmp_path):
    fill(tmp_path / "mine" / "results")
    folder = installation.settings.tasks / str(tasks[0])
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "mine")
    for one in find_orphans(installation):
        one.remove()
    assert files(tmp_path / "mine") == ["results/model.pt"]


def test_a_dry_run_says_what_would_go_and_removes_nothing(installation, tasks):
    installation.store.close()
    cli = Cli(installation.settings.home, {"AGENT_ENGINE": "process"})
    before = files(installation.settings.tasks)
    said = cli.json("clean", "--dry-run")
    assert files(installation.settings.tasks) == before
    assert {entry["removed"] for entry in said} == {False}
    done = cli.json("clean")
    assert [entry["name"] for entry in done] == [entry["name"] for entry in said]
    assert {entry["removed"] for entry in done} == {True}
    assert "Nothing is left" in cli.run("clean").stdout

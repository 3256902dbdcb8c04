"""What `agent clean` finds on disk, and what it leaves alone."""

from __future__ import annotations

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.clean import leftovers
from agent.domain import TaskStatus
from agent.house import House
from agent.settings import Settings
from agent.store import open_store
from agent.wishes import new_task
from tests.small import ODD, Cli, write_model, write_project


@pytest.fixture
def house(tmp_path):
    settings = Settings(home=tmp_path / "home", engine="process")
    settings.home.mkdir()
    store = open_store(settings.store)
    yield House(store, open_artifacts(settings.artifacts), settings)
    store.close()


@pytest.fixture
def tasks(house, tmp_path):
    """Four tasks with full folders and everything beside them: finished, failed, running, queued."""
    plugin = library.add_plugin_folder(house.store, ODD, "local")
    project = library.add_project(house.store, house.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(house.store, house.artifacts, write_model(tmp_path / "start"))
    made = []
    for _ in range(4):
        wish = new_task(house.store, type="train", plugin=plugin, project=project, model=model, name="net")
        made.append(house.store.tasks.add(wish))
    for task in made[:3]:
        house.store.tasks.claim("me", task_id=task.id)
        house.store.tasks.become(task.id, TaskStatus.STARTED)
    house.store.tasks.become(made[0].id, TaskStatus.FINISHED, reason="finished")
    house.store.tasks.become(made[1].id, TaskStatus.ERROR, reason="plugin_exit")
    for task in made:
        fill(house.settings.tasks / str(task.id) / "results")
        fill(house.settings.tasks / str(task.id) / "logs")
        fill(house.settings.tasks / f"{task.id}.shadow")
        fill(house.settings.tasks / f"{task.id}.snapshots" / "7")
        fill(house.settings.tasks / f"{task.id}.snapshots" / "9.half")
    return [task.id for task in made]


def fill(folder):
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"x" * 10_000)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_what_ended_tasks_left_goes_and_logs_and_kept_checkpoints_stay(house, tasks):
    root, (finished, failed, *_) = house.settings.tasks, tasks
    for stranger in ("notes", "77", "1.backup", "1x"):  # not ours, or of a task another store may know
        fill(root / stranger)
    before = files(root)

    found = leftovers(house)
    assert files(root) == before
    assert {one.task_id for one in found} == {finished, failed}
    assert all(one.size_bytes >= 10_000 for one in found)
    assert [one.remove() for one in found] == [""] * len(found)

    gone = set(before) - set(files(root))
    assert gone == {
        f"{finished}/results/model.pt",  # a failed task's folder is kept, as the settings say
        *(f"{task}.shadow/model.pt" for task in (finished, failed)),
        *(f"{task}.snapshots/9.half/model.pt" for task in (finished, failed)),
    }
    assert leftovers(house) == []


def test_a_folder_that_is_a_link_is_not_followed(house, tasks, tmp_path):
    fill(tmp_path / "mine" / "results")
    folder = house.settings.tasks / str(tasks[0])
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "mine")
    for one in leftovers(house):
        one.remove()
    assert files(tmp_path / "mine") == ["results/model.pt"]


def test_a_dry_run_says_what_would_go_and_removes_nothing(house, tasks):
    house.store.close()
    cli = Cli(house.settings.home, {"AGENT_ENGINE": "process"})
    before = files(house.settings.tasks)
    said = cli.json("clean", "--dry-run")
    assert files(house.settings.tasks) == before
    assert {entry["removed"] for entry in said} == {False}
    done = cli.json("clean")
    assert [entry["name"] for entry in done] == [entry["name"] for entry in said]
    assert {entry["removed"] for entry in done} == {True}
    assert "Nothing is left" in cli.run("clean").stdout

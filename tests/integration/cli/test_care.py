"""`edit`, `archive`, `rm`, `restore` and `trash` of every noun, as a person calls them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.domain import NewModel, NewProject, NewTask, Provenance, TaskStatus, TaskType
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.inputs import Cli


def fill(store: Store) -> None:
    """Two finished tasks and one that is queued; the first has made a model."""
    plugin = store.plugins.put(
        title="Net", description="", type="", image="local/net", tag="1", modes=["train"], readme="", configs=[],
        image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
    start = store.models.add(NewModel("start", "1" * 64, 10, {}))
    new = NewTask(TaskType.TRAIN, "net", plugin.id, project.id, start.id, {})
    for _ in range(2):
        task = store.tasks.add(new, agent_id="me:1:x")
        store.tasks.become(task.id, TaskStatus.STARTED)
        store.tasks.become(task.id, TaskStatus.FINISHED)
    store.models.add(NewModel("net 1", "2" * 64, 10, {}, provenance=Provenance(task_id=1)))
    store.tasks.add(new)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    home = tmp_path / "home"
    home.mkdir()
    with open_store(Settings(home=home).store) as store:
        fill(store)
    return Cli(home, {"AGENT_ENGINE": "process"})


def test_a_task_is_described_and_says_so(cli: Cli) -> None:
    cli.run("task", "edit", "1", "--name", "lr 0.1", "--tag", "baseline", "--tag", "old", "--notes", "gone")
    environment = {**cli.clean_env(), **cli.env, "AGENT_HOME": str(cli.home)}
    words = [sys.executable, "-m", "agent.cli", "task", "edit", "1", "--notes", "-"]
    subprocess.run(words, env=environment, input=b"# Good\n", check=True, capture_output=True)
    assert cli.run("task", "edit", "1", "2", "--untag", "old", "--tag", "kept").stdout == (
        "task 1 is changed\ntask 2 is changed\n"
    )
    shown = cli.json("task", "show", "1")
    assert (shown["name"], shown["notes"], shown["tags"]) == ("lr 0.1", "# Good", ["baseline", "kept"])
    assert "baseline, kept" in cli.run("task", "show", "1").stdout
    assert "cannot have one name" in cli.run("task", "edit", "1", "2", "--name", "x", code=2).stderr
    assert "Nothing is to be changed" in cli.run("task", "edit", "1", code=2).stderr


def test_models_and_projects_are_found_by_name(cli: Cli) -> None:
    cli.run("model", "edit", "net 1", "--tag", "keeper", "--notes", "the best")
    assert [model["tags"] for model in cli.json("model", "list")] == [["keeper"], []]
    cli.run("project", "edit", "fruit", "--name", "apples")
    assert "apples" in cli.run("project", "list").stdout
    assert "Task" in (refused := cli.run("project", "rm", "apples", code=None)).stderr
    assert "`agent task rm 3 2 1`" in refused.stderr


def test_the_archive_takes_tasks_out_of_lists_and_gives_them_back(cli: Cli) -> None:
    assert cli.run("task", "archive", "1").stdout == "task 1 is in the archive: `agent task unarchive 1`\n"
    assert [task["id"] for task in cli.json("task", "archive")] == [1]
    assert [task["id"] for task in cli.json("task", "list")] == [3, 2]
    cli.run("task", "unarchive", "1")
    assert "The archive is empty." in cli.run("task", "archive").stdout
    assert [task["id"] for task in cli.json("task", "list")] == [3, 2, 1]


def test_of_many_each_goes_or_says_why_not(cli: Cli) -> None:
    done = cli.run("task", "rm", "1", "3", "9", "--with-results", code=1)
    assert done.stdout == "task 1 is in the trash for 7 days: `agent task restore 1`\n"
    assert "Task 3 is queued; `agent task stop 3` ends it" in done.stderr
    assert "There is no task 9" in done.stderr
    assert [one["id"] for one in cli.json("task", "trash")] == [1]
    assert [one["name"] for one in cli.json("model", "trash")] == ["net 1"]
    cli.run("task", "restore", "1")
    cli.run("model", "restore", "2")
    assert cli.json("task", "trash") == []


def test_for_good_is_for_good(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "tasks" / "1" / "results"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"x" * 100)
    assert cli.run("task", "rm", "1", "--for-good").stdout == "task 1 is deleted for good\n"
    assert not folder.parent.exists()
    assert "There is no task 1" in cli.run("task", "restore", "1", code=None).stderr
    assert "no task 1" in cli.run("task", "show", "1", code=None).stderr
    cli.run("model", "rm", "net 1", "--for-good")
    assert [model["name"] for model in cli.json("model", "list")] == ["start"]

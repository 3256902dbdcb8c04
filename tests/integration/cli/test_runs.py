"""`agent task list` as a table of runs: what a person reads, and what a program takes from a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.artifacts import open_artifacts
from agent.domain import NewTask, TaskType
from agent.store import UsageSample, open_store
from agent.store.schema import tasks
from tests.support.demo_store import fill_library, finish, start
from tests.support.inputs import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """With forty trainings at two rates."""
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        library = fill_library(store, open_artifacts(str(tmp_path / "artifacts")))
        ids = (library.plugin_id, library.project_id, library.model_id)
        for i in range(40):
            config = {"lr": 0.1 if i % 4 else 0.025, "note": "=1+1", "sizes": [i]}
            story = start(store, store.tasks.add(NewTask(TaskType.TRAIN, f"run {i}", *ids, config)))
            if i < 2:
                story.metrics("val", 1, loss=0.25 + i)
                finish(story)
    return Cli(tmp_path, {})


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_person_sees_columns_groups_and_of_how_many(cli: Cli) -> None:
    table = cli.run("task", "list", "--columns", "id,config.lr,metrics.val.loss@min", "--sort", "-metrics.val.loss@min")
    assert lines(table.stdout)[:4] == [
        ["ID", "LR", "VAL", "LOSS", "MIN"],
        ["2", "0.1", "1.25"],
        ["1", "0.025", "0.25"],
        ["40", "0.1"],
    ]
    assert len(lines(table.stdout)) == 31
    assert table.stderr == "30 of 40 tasks; --limit and --offset show others\n"
    groups = cli.run("task", "list", "--group", "config.lr", "--columns", "metrics.val.loss", "--sort", "-count")
    assert lines(groups.stdout)[1:] == [["0.1", "30", "1.25", "1.25", "1.25"], ["0.025", "10", "0.25", "0.25", "0.25"]]
    none = cli.run("task", "list", "--where", "id > 99")
    assert none.stdout == "No task matches.\n"
    found = cli.run("task", "list", "--where", 'status == "finished"', "--text", "RUN 0", "--columns", "name")
    assert lines(found.stdout) == [["NAME"], ["run", "0"]]


def test_sizes_and_durations_are_in_words_for_a_person_and_raw_for_a_program(cli: Cli, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        store.usage.add(1, UsageSample(1, 50.0, 3 << 29, 1))
        with store._db.writing() as connection:
            ended = {"started_us": tasks.c.created_us, "finished_us": tasks.c.created_us + 3_723_000_000}
            connection.execute(sa.update(tasks).where(tasks.c.id == 1).values(ended))
    columns = ("task", "list", "--where", "id == 1", "--columns", "duration,peak_memory")
    assert lines(cli.run(*columns).stdout)[1] == ["1:02:03", "1.5", "GiB"]
    assert cli.run(*columns, "--format", "csv").stdout.splitlines() == ["duration,peak_memory", "3723.0,1610612736"]
    assert cli.json(*columns) == [{"duration": 3723.0, "peak_memory": 3 << 29}]
    groups = cli.run("task", "list", "--where", "id == 1", "--group", "duration", "--columns", "peak_memory")
    assert lines(groups.stdout)[1] == ["1:02:03", "1", *["1.5", "GiB"] * 3], "the deviation of one is nothing"


def test_a_list_without_these_options_is_as_ever(cli: Cli) -> None:
    plain = cli.run("task", "list", "--limit", "2")
    assert lines(plain.stdout)[0] == ["ID", "TYPE", "STATUS", "NAME", "TOOK", "REASON"]
    assert [line[0] for line in lines(plain.stdout)[1:]] == ["40", "39"]
    assert len(cli.json("task", "list")) == 30
    assert "container_spec" in cli.json("task", "list")[0]


def test_a_program_gets_every_row(cli: Cli) -> None:
    wanted = ("task", "list", "--columns", "id,config.note,config.sizes", "--sort", "id", "--format")
    head, first, *others = cli.run(*wanted, "csv").stdout.splitlines()
    assert (head, first, len(others)) == ("id,config.note,config.sizes", "1,'=1+1,[0]", 39)
    objects = json.loads(cli.run(*wanted, "json").stdout)
    assert objects == [json.loads(line) for line in cli.run(*wanted, "jsonl").stdout.splitlines()]
    assert objects[-1] == {"id": 40, "config.note": "=1+1", "config.sizes": [39]}
    assert cli.json("task", "list", "--columns", "id", "--limit", "2", "--offset", "1") == [{"id": 39}, {"id": 38}]


def test_the_columns_are_listed_and_a_wrong_one_is_refused(cli: Cli) -> None:
    listed = lines(cli.run("task", "columns").stdout)
    assert ["config.lr", "number", "40"] in listed
    assert ["metrics.val.loss", "number", "2"] in listed
    assert cli.json("task", "columns", "--where", "id == 1")["config_count"] == 4
    cli.run("task", "archive", "1")
    assert ["config.lr", "number", "39"] in lines(cli.run("task", "columns").stdout)
    assert ["config.lr", "number", "1"] in lines(cli.run("task", "columns", "--archived").stdout)
    refused = cli.run("task", "list", "--columns", "config.l", code=2)
    assert refused.stderr == "agent: columns, character 1: no task has config.l; did you mean config.lr?\n"
    nine = "id,name,type,status,plugin,project,model,lines,tags"
    refused = cli.run("task", "list", "--sort", nine, code=2)
    assert refused.stderr == "agent: sort: 9 are too many; name at most 8\n"
    assert cli.json("task", "list", "--where", "config.lr = 1", code=2)["error"].endswith("write ==")

"""Every column, condition, command and refusal of docs/reference/runs.md is tried on tasks that have all of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.domain import NewTask, TaskType
from agent.store import Store, open_store
from agent.store.runs.parsing import parse_expression, parse_keys
from agent.store.runs.question import RunQuestion, RunWindow
from agent.store.runs.request import RunRequest
from tests.support.demo_store import fill_library, finish, start
from tests.support.inputs import Cli

PAGE = (Path(__file__).parents[3] / "docs/reference/runs.md").read_text()
CONFIG = {
    "lr": 0.005,
    "batch_size": {"train": 8},
    "sizes": [256],
    "learning rate": {"x": 1},
    "augment": False,
    "optimizer": "adam",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        library = fill_library(store, open_artifacts(str(tmp_path / "artifacts")), project="fruit")
        for config in (CONFIG, {"lr": "auto"}):
            ids = (library.plugin_id, library.project_id, library.model_id)
            story = start(store, store.tasks.add(NewTask(TaskType.TRAIN, "unet", *ids, config)))
            for epoch in range(1, 12):
                story.metrics("val", epoch, loss=1 / epoch, mean_iou=1 - 0.5 / epoch, **{"loss/all": 2 / epoch})
                story.metrics("train", epoch, loss=2 / epoch)
            finish(story)
        yield store


def rows(head: str) -> Iterator[str]:
    """The first cells of the table whose first head this is."""
    table = PAGE.split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    yield from (line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:])


def test_every_column_of_the_page_is_shown(store: Store) -> None:
    names = [name for cell in rows("Column") for name in re.findall("`([^`]+)`", cell)]
    assert len(names) > 20
    table = store.runs.table(parse_keys(names), RunQuestion(), RunWindow())
    last = table.runs[-1]
    shown = dict(zip((column.key for column in table.columns), last.cells, strict=True))
    assert shown["config.lr"] == 0.005
    assert shown["metrics.val.mean_iou@10"] == pytest.approx(0.95)


def test_every_condition_of_the_page_is_answered(store: Store) -> None:
    conditions = [cell.strip("`") for cell in rows("Condition")]
    assert len(conditions) == 10
    totals = {
        text: store.runs.table([], RunQuestion(where=parse_expression(text)), RunWindow()).total for text in conditions
    }
    assert totals["config.lr < 0.01"] == totals["0.001 <= config.lr < 0.1"] == 1
    assert totals["config.optimizer is None"] == 1
    assert totals['"unet" in name'] == totals["metrics.val.loss < metrics.train.loss"] == 2


def test_every_command_of_the_page_runs_and_every_refusal_is_as_printed(store: Store, tmp_path: Path) -> None:
    cli = Cli(tmp_path, {})
    commands = re.findall(r"^    (\$ )?agent (task .+)(?:\n    agent: (.+))?$", PAGE, re.MULTILINE)
    assert len(commands) == 6
    for refused, words, sentence in commands:
        done = cli.run(*shlex.split(words), code=2 if refused else 0)
        assert done.stderr == (f"agent: {sentence}\n" if refused else "")
        assert bool(done.stdout) != bool(refused)


def test_the_question_of_the_page_over_rest_is_one() -> None:
    given = dict(pair.split("=", 1) for pair in re.findall(r"--data-urlencode '([^']+)'", PAGE))
    request = RunRequest(columns=[given["columns"]], where=given["where"], sort=[given["sort"]])
    assert request.question().where == parse_expression("config.lr < 0.01")
    assert len(request.keys()) == 3

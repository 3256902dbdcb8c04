"""Rate and estimated end in a terminal."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from agent.artifacts import open_artifacts
from agent.cli.follow import Watch
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.demo_store import Story, fill_library, finish, new_task, start
from tests.support.inputs import Cli

RATE = re.compile(r"(60 s|1 min) per epoch")
LEFT = re.compile(r"about 1[456] min left \(")


def trained(store: Store, settings: Settings) -> Story:
    """A training of 20 epochs, a minute each, of which the fourth has just ended."""
    story = start(store, new_task(store, fill_library(store, open_artifacts(settings.artifacts)), "net"))
    ended_us = time.time_ns() // 1000
    for epoch in range(1, 5):
        story.now_us = ended_us - (4 - epoch) * 60_000_000
        story.metrics("train", epoch, loss=1 / epoch)
    story.flush()
    return story


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir()
    return Settings(home=tmp_path / "home")


def test_a_running_task_is_shown_with_its_rate_and_its_end(settings):
    with open_store(settings.store) as store:
        story = trained(store, settings)
        cli = Cli(settings.home, {})

        said = cli.run("task", "show", "1").stdout
        assert RATE.search(said), said
        assert LEFT.search(said), said
        pace = cli.json("task", "show", "1")["pace"]
        assert (pace["unit"], pace["done"], pace["total"]) == ("epoch", 4, 20)
        finish(story)
        assert "per epoch" not in cli.run("task", "show", "1").stdout


def test_who_watches_a_task_sees_when_it_will_end(settings):
    with open_store(settings.store) as store, Path("/dev/null").open("w") as nowhere:
        trained(store, settings)
        console = Console(force_terminal=True, width=200, record=True, file=nowhere)
        Watch(store, 1, console, gone=lambda: True).until_end()

    assert re.search(rf"{LEFT.pattern}.*{RATE.pattern}", console.export_text())

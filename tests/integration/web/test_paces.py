"""How fast running tasks go and when they will end, from the lines that their plugins print."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.domain import NewTask, TaskType
from tests.integration.web.conftest import Site
from tests.support.demo_store import CONFIG, Story, finish, new_task, start


def running(site: Site, kind: TaskType = TaskType.TRAIN, config: dict[str, Any] | None = None) -> Story:
    library = site.library
    given = CONFIG if config is None else config
    new = NewTask(kind, "fruit", library.plugin_id, library.project_id, library.model_id, given)
    return start(site.store, site.store.tasks.add(new))


def past(story: Story, seconds: float) -> None:
    """The next lines are of so long ago."""
    story.now_us = time.time_ns() // 1000 - int(seconds * 1e6)


def later(story: Story, seconds: float) -> None:
    story.now_us += int(seconds * 1e6)


def pace_of(site: Site, story: Story) -> dict[str, Any] | None:
    story.flush()
    pace: dict[str, Any] | None = site.client.get(f"/api/tasks/{story.task_id}").json()["pace"]
    return pace


def test_a_training_ends_after_the_epochs_of_its_config(site: Site) -> None:
    story = running(site)
    past(story, 24)
    for epoch in range(1, 9):
        story.metrics("train", epoch, loss=0.1)
        story.metrics("val", epoch, loss=0.1)
        later(story, 3 - 0.08)

    pace = pace_of(site, story)

    assert pace is not None
    assert (pace["unit"], pace["bar"], pace["done"], pace["total"]) == ("epoch", None, 8, CONFIG["epochs"])
    assert pace["seconds_per_unit"] == pytest.approx(3)
    left = (datetime.fromisoformat(pace["ends_at"]) - datetime.now(UTC)).total_seconds()
    assert left == pytest.approx(12 * 3 - 3, abs=5)
    (card,) = site.client.get("/api/tasks").json()["items"]
    assert card["pace"] == pace
    finish(story)
    assert pace_of(site, story) is None


def test_epochs_that_are_counted_from_zero_are_epochs_that_have_ended(site: Site) -> None:
    story = running(site)
    past(story, 24)
    for epoch in range(8):
        story.metrics("train", epoch, loss=0.1)
        later(story, 3)

    pace = pace_of(site, story)

    assert pace is not None
    assert pace["done"] == 8


def test_without_epochs_in_the_config_the_outermost_bar_is_the_whole(site: Site) -> None:
    story = running(site, config={})
    past(story, 30)
    for step in range(1, 11):
        story.metrics("train", step / 5, loss=0.1)
        story.progress("Model training: ", step, 50)
        story.progress("Batches", step % 4, 4)
        later(story, 3 - 0.12)

    pace = pace_of(site, story)

    assert pace is not None
    assert (pace["unit"], pace["bar"], pace["done"], pace["total"]) == ("step", "Model training", 10, 50)
    assert pace["seconds_per_unit"] == pytest.approx(3)


def test_a_bar_whose_total_grows_tells_a_rate_and_no_end(site: Site) -> None:
    story = running(site, TaskType.INFERENCE)
    past(story, 30)
    for step in range(1, 11):
        story.progress("Model applying: ", step, 50 + step)
        later(story, 3)

    pace = pace_of(site, story)

    assert pace is not None
    assert (pace["total"], pace["ends_at"]) == (None, None)


def test_a_task_that_went_silent_or_has_said_little_has_no_pace(site: Site) -> None:
    silent, young = running(site), running(site)
    past(silent, 1000)
    past(young, 6)
    for epoch in range(1, 9):
        silent.metrics("train", epoch, loss=0.1)
        later(silent, 3)
    for epoch in range(1, 3):
        young.metrics("train", epoch, loss=0.1)
        later(young, 3)

    assert pace_of(site, silent) is None
    assert pace_of(site, young) is None
    waiting = new_task(site.store, site.library, "waiting")
    assert site.client.get(f"/api/tasks/{waiting.id}").json()["pace"] is None


def test_lines_with_absurd_numbers_break_nothing(site: Site) -> None:
    story = running(site, config={"epochs": 1e308})
    past(story, 30)
    for step in range(1, 11):
        story.metrics("train", 1e300 * step, loss=0.1)
        story.progress("Huge", step * 10**15, 9 * 10**18)
        later(story, 3)

    pace = pace_of(site, story)

    json.dumps(pace, allow_nan=False)

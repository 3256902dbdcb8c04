"""What a deletion for good is about, in words: right in number, and whole in what goes and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.library.parting import what_goes
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.demo_store import Library, fill_library, finish, new_task, start, train


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings.store) as store:
        yield store


@pytest.fixture
def library(store: Store, settings: Settings) -> Library:
    return fill_library(store, open_artifacts(settings.artifacts))


def trained(store: Store, settings: Settings, library: Library, epochs: int) -> int:
    story = start(store, new_task(store, library, "fruit"))
    train(story, open_artifacts(settings.artifacts), epochs=epochs)
    finish(story)
    return story.task_id


def test_of_tasks_their_log_and_folders_go_and_what_they_made_stays(
    store: Store, settings: Settings, library: Library
) -> None:
    one, two = trained(store, settings, library, 1), trained(store, settings, library, 2)
    lines = store.tasks.get(one).lines_read
    said = what_goes(store, settings, "task", [one, 99])
    assert said.startswith(
        f"1 task, {lines} lines of its log and 0 B of folders cannot be restored afterwards; 1 model ("
    )
    assert said.endswith(") that it made stays.")
    said = what_goes(store, settings, "task", [one, two])
    assert said.startswith("2 tasks, ")
    assert "lines of their logs" in said
    assert said.endswith(") that they made stay.")
    assert what_goes(store, settings, "task", [one], with_results=True).endswith(
        ") that it made goes, too, unless something needs it."
    )


def test_results_that_are_in_the_trash_themselves_count_nothing(
    store: Store, settings: Settings, library: Library
) -> None:
    task_id = trained(store, settings, library, 2)
    for model in store.models.list(task_id=task_id):
        store.models.remove(model.id)
    assert what_goes(store, settings, "task", [task_id]).endswith("of folders cannot be restored afterwards.")


def test_of_the_other_nouns_it_says_what_stays_and_which_tasks_of_the_trash_cannot_come_back(
    store: Store, settings: Settings, library: Library
) -> None:
    nouns = {"model": library.model_id, "project": library.project_id, "plugin": library.plugin_id}
    for noun, id_ in nouns.items():
        said = what_goes(store, settings, noun, [id_])  # type: ignore[arg-type]
        assert said.startswith(f"1 {noun}")
        assert "cannot be restored afterwards; " in said
        assert said.endswith("stay.")
    for wanted in (" 1 task of the trash needs it and cannot", " 2 tasks of the trash need it and cannot"):
        store.tasks.remove(trained(store, settings, library, 1))
        for noun, id_ in nouns.items():
            assert wanted in what_goes(store, settings, noun, [id_])  # type: ignore[arg-type]

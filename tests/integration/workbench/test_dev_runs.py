"""Older runs of the loop are forgotten; what a person made or changed is never among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Plugin, Task
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from agent.workbench.dev.runs import DEV, KEPT, forget_older, remember
from tests.support.inputs import ODD, write_model, write_project
from tests.support.tasks import queue_task


@pytest.fixture
def installation(tmp_path: Path):
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def plugin(installation: Installation) -> Plugin:
    return library.add_plugin_folder(installation.store, ODD, "local")


def test_only_untouched_runs_of_this_home_are_forgotten(installation: Installation, plugin: Plugin, tmp_path: Path):
    store, artifacts = installation.store, installation.artifacts
    project = library.add_project(store, artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(store, artifacts, write_model(tmp_path / "start"))

    def ended(name: str, *, is_run: bool = True) -> Task:
        task = queue_task(installation, plugin=plugin, project=project, model=model, name=name)
        store.tasks.request_stop(task.id)
        task = store.tasks.edit(task.id, tag=[DEV]) or store.tasks.get(task.id)
        task = store.tasks.get(task.id)
        assert task.status.is_final
        if is_run:
            remember(installation, task)
        return task

    own = ended("a training of a person, who likes this tag", is_run=False)
    renamed, noted, tagged = ended("run dev"), ended("run dev"), ended("run dev")
    store.tasks.edit(renamed.id, name="the good one")
    store.tasks.edit(noted.id, notes="keep")
    store.tasks.edit(tagged.id, tag=["paper"])
    runs = [ended("run dev") for _ in range(KEPT + 3)]

    forget_older(installation, plugin.id)

    left = {task.id for task in store.tasks.list(limit=100)}
    assert left == {own.id, renamed.id, noted.id, tagged.id, *(task.id for task in runs[3:])}
    forget_older(installation, plugin.id)
    assert len(store.tasks.list(limit=100)) == len(left)

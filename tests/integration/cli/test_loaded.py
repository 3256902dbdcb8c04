"""What a command that only reads loads: its start is most of the time that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain import NewModel, NewProject, NewTask, TaskType
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, open_store
from tests.support.inputs import COUNTED, write_project
from tests.support.loaded import modules_of


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Of an installation with a task that has printed a line."""
    home: Path = tmp_path_factory.mktemp("loaded") / "home"
    home.mkdir()
    with open_store(home / "store.db") as store:
        plugin = store.plugins.put(
            title="net", description="", type="architecture", image="local/net", tag="1", modes=("train",), readme="",
            configs=(), image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("net", "1" * 64, 1, None))
        task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}))
        store.events.append(task.id, [EventRow(1, parse_line("a line", Stream.STDOUT, 1))], lines_read=1)
    return home


@pytest.mark.parametrize(
    "words",
    ["task list", "task show 1", "task logs 1", "project list", "model list", "plugin list", "node list", "token list"],
)
def test_a_command_that_reads_loads_the_store_and_nothing_else_that_is_large(words: str, home: Path):
    loaded = modules_of(*words.split(), home=home)

    assert "agent.store" in loaded
    assert not loaded & {
        *("pydantic", "docker", "requests", "numpy", "fastapi", "psutil", "watchdog", "PIL", "filelock", "alembic"),
        *("rich.console", "tomllib", "http.client", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql"),
        *("agent.engines.docker", "agent.run", "agent.worker", "agent.maintenance", "agent.submission"),
    }


def test_a_training_in_the_foreground_loads_no_client_of_an_engine_that_it_does_not_use(home: Path, tmp_path: Path):
    words = ["submit-train", "--plugin", str(COUNTED), "--project", str(write_project(tmp_path / "fruit"))]
    loaded = modules_of(*words, "--set", "lines=1", "--set", "checkpoint_every=1", home=home, AGENT_ENGINE="process")

    assert "agent.run.run_task" in loaded
    assert not loaded & {"docker", "requests", "pydantic", "numpy", "PIL", "pynvml", "alembic", "agent.run.dry_run"}

"""The expectations of every official client about projects; each `test_client_*.py` checks them with a version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.interop.clients import run_client
from tests.support.inputs import Cli
from tests.support.web_server import TOKEN, Server

READER = Path(__file__).parents[1] / "plugins" / "reader"
Seen = dict[str, Any]


@contextmanager
def installation(home: Path) -> Iterator[Server]:
    """A server over an empty library."""
    home.mkdir()
    settings = Settings(home=home, token=TOKEN, web_port=0)
    with open_store(settings.store) as store:
        server = Server(store, open_artifacts(settings.artifacts), settings)
        try:
            yield server
        finally:
            server.stop()


def projects_seen(python: Path, place: Path) -> Seen:
    """The output of `client_project.py`, and under `trained on` what a training on the uploaded project reads."""
    with installation(place / "home") as server:
        seen = dict(run_client(python, "client_project.py", server.url, TOKEN, place))
    cli = Cli(place / "home", {"AGENT_ENGINE": "process"})
    task = cli.json("submit-train", "--plugin", READER, "--project", seen["uploads"][0])
    lines = map(json.loads, cli.run("task", "logs", task["id"], "--raw").stdout.splitlines())
    (seen["trained on"],) = (line["images"] for line in lines if line["message"] == "read")
    return seen


def check_round_trip(seen: Seen, version: str, ways: set[str]) -> None:
    assert seen["version"] == version
    assert ways <= set(seen["ways"])
    assert seen["differences"] == []


def check_what_is_told(seen: Seen) -> None:
    project = seen["project"]
    assert seen["uploads"] == ["Früchte", "Früchte_001"]
    assert (project["name"], project["items"], project["type"]) == ("Früchte", 626, "images")
    assert int(project["size"]) > 0
    assert (seen["images"], seen["ids ascend"], seen["after removal"]) == (620, True, 617)
    assert seen["by name"] == ["0007.png", "image/png", 3, 2]
    assert seen["copied"] == ["copy.png", True]
    assert seen["missing"] is None
    assert seen["tagged"] == [["train"], ["train"], []]
    assert seen["by hash"] is True
    assert (seen["me"], seen["instance"]) == ("local", "6.20.0")


def check_datasets_in_datasets(seen: Seen) -> None:
    assert seen["top datasets"] == ["many small", "shapes"]
    assert seen["tree"] == [
        ["", "many small", 620],
        ["", "shapes", 4],
        ["shapes", "inner", 1],
        ["shapes/inner", "innermost", 1],
    ]


def check_a_training_reads_every_image(seen: Seen) -> None:
    """The client has removed three images and renamed a dataset before."""
    assert seen["trained on"] == {"many small": 617, "renamed": 4, "renamed/inner": 1, "renamed/inner/innermost": 1}


def check_changes(seen: Seen) -> None:
    assert seen["renamed"] == "renamed"
    assert seen["moved along"] == [["renamed", "inner"]]
    assert seen["edited"] == ["other name", True]
    assert seen["removed"] is None


def check_refusal(seen: Seen) -> None:
    assert "volumes.unheard.of: this local instance does not have this method" in seen["unknown method"]


CHECKS: tuple[Callable[[Seen], None], ...] = (
    check_what_is_told,
    check_datasets_in_datasets,
    check_a_training_reads_every_image,
    check_changes,
    check_refusal,
)

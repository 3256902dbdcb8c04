"""What a node says it has, and that a store which does not answer makes nobody silent."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import EngineUnavailable, StorageFailed
from agent.needs import Needs, Offer
from agent.settings import Settings
from agent.worker import presence as presence_module
from agent.worker.offer import Offers


def offers(here: int, docker: bool | None, **settings: Any) -> tuple[Offers, list[str]]:
    """The offers of a machine with so many GPUs and an engine with the NVIDIA runtime or without; None: it is away."""
    asked = []

    def open_engine(name: str, settings: Settings) -> Any:
        asked.append(name)
        if docker is None:
            raise EngineUnavailable("no Docker engine answers")
        return SimpleNamespace(info=lambda: SimpleNamespace(has_nvidia=docker))

    made: Any = SimpleNamespace(settings=Settings(labels="zone=lab", **settings), open_engine=open_engine)
    return Offers(made, lambda: here), asked


@pytest.fixture(autouse=True)
def local_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)


@pytest.mark.parametrize(
    ("here", "docker", "settings", "gpus"),
    [
        (2, False, {}, 2),
        (0, False, {}, 0),
        (0, None, {}, 0),
        (0, True, {}, None),  # it has some, and nobody here can count them
        (0, True, {"engine": "process"}, 0),
        (0, False, {"tasks_host_dir": "/srv/tasks"}, None),  # the agent is in a container of its own
    ],
)
def test_gpus_are_counted_here_or_the_engine_is_asked(here, docker, settings, gpus):
    made, _ = offers(here, docker, **settings)
    assert made.now(Needs(gpus=1)) == Offer({"zone": "lab"}, gpus)


def test_an_engine_is_asked_once_and_only_for_a_task_that_wants_gpus():
    made, asked = offers(0, docker=False)
    assert made.now(Needs({"zone": "lab"})) == made.known() == Offer({"zone": "lab"}, None)
    assert asked == []
    for _ in range(3):
        assert made.now(Needs(gpus=1)).gpus == 0
    assert asked == ["docker"]


def test_an_agent_that_cannot_write_to_the_store_calls_nobody_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    refuses = False

    def beat_and_watch(*_: object, **__: object) -> dict[str, int]:
        if refuses:
            raise StorageFailed("the database does not answer")
        return {"far": 7}

    agents = SimpleNamespace(beat_and_watch=beat_and_watch)
    settings = Settings(home=tmp_path)
    installation: Any = SimpleNamespace(store=SimpleNamespace(agents=agents), settings=settings)
    presence = presence_module.Presence(installation, {})

    def pass_by(seconds: float) -> None:
        for _ in range(int(seconds / presence_module.BEAT_S)):
            now[0] += presence_module.BEAT_S
            with suppress(StorageFailed):
                presence.beat_and_look()

    pass_by(25)
    refuses = True
    pass_by(60)
    assert presence.others.silent == frozenset()
    refuses = False
    pass_by(30)
    assert presence.others.silent == frozenset()
    pass_by(10)
    assert presence.others.silent == {"far"}

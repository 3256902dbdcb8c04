"""The fake engine keeps the contract of the engines it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.domain import ContainerSpec
from tests.support.engine_contract import EngineContract, Leave, Rig, Say, SleepForever, Step, WaitFor, task_mounts
from tests.support.fake_engine import Act, FakeContainer, FakeEngine


def as_act(program: tuple[Step, ...]) -> Act:
    def act(folder: Path) -> Iterator[tuple[int, bytes] | int | None]:
        for step in program:
            match step:
                case Say(text, stream):
                    half = len(text) // 2  # a real engine may cut its output anywhere, too
                    yield stream, text[:half].encode()
                    yield stream, text[half:].encode()
                case WaitFor(file):
                    assert (folder / file).exists(), "the reader goes on before the test has made the file"
                case SleepForever():
                    yield None
                case Leave(code):
                    yield code

    return act


class FakeRig(Rig):
    engine: FakeEngine

    def start(self, *program: Step, name: str = "", labels: Mapping[str, str] = {}) -> FakeContainer:
        self.engine.act = as_act(program)
        return self.engine.start(self.spec("", name=name, labels=labels))


@pytest.fixture
def rig(task_folder: Path) -> Rig:
    spec = ContainerSpec(
        image="local/plugin:1", entrypoint=(), name="contract", env={}, labels={"ecosystem": "supervisely"},
        mounts=task_mounts(task_folder), shm_bytes=1, gpus=None, runtime=None,
    )  # fmt: skip
    return FakeRig(FakeEngine(as_act(())), spec, task_folder)


class TestFakeEngine(EngineContract):
    pass

"""The pytest plugin: `run_plugin`, `sample_project`, `local_installation`, and two options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.testing.runs import Runner


_OPTIONS = (("--plugin-engine", "process"), ("--plugin-python", None))


class SampleProject(Protocol):
    def __call__(self, kind: str = "segmentation", *, images: int = 12, seed: int = 0) -> Path:
        """The folder of a drawn project for plugins of this kind; the same arguments give the same folder."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plugins", "plugins of neural networks")
    group.addoption("--plugin-engine", default="process", choices=("process", "docker"), help="runs the plugins")
    group.addoption("--plugin-python", default=None, help="interpreter with the plugins' packages; default: this one")


@pytest.fixture(scope="session")
def local_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for the tests of this session, in a folder of pytest's: nothing of yours is touched."""
    from agent.installation import Installation, artifacts_of  # late: pytest loads this module in every session
    from agent.settings import Settings
    from agent.store import open_store

    settings = Settings(home=tmp_path_factory.mktemp("supervisely") / "home", engine="process", token="t" * 32)
    settings.home.mkdir(mode=0o700)
    store = open_store(settings.store)
    try:
        yield Installation(store, artifacts_of(settings), settings)
    finally:
        store.close()


@pytest.fixture(scope="session")
def run_plugin(
    local_installation: Installation, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Runner:
    """Runs a plugin: `run_plugin(folder, project=…, config=…)`; gives a PluginRun."""
    from agent.testing.runs import Runner

    results = tmp_path_factory.mktemp("predictions")
    engine, python = (pytestconfig.getoption(name, default) for name, default in _OPTIONS)
    return Runner(local_installation, results, engine, python)


@pytest.fixture(scope="session")
def sample_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Draws projects: `sample_project("detection", images=12)`."""
    from agent.workbench.sample_project import write_sample

    root, drawn = tmp_path_factory.mktemp("projects"), dict[tuple[str, int, int], Path]()

    def sample(kind: str = "segmentation", *, images: int = 12, seed: int = 0) -> Path:
        key = (kind, images, seed)
        if key not in drawn:
            drawn[key] = write_sample(root / f"{kind}-{images}-{seed}", kind, images=images, seed=seed)
        return drawn[key]

    return sample

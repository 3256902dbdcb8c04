"""A real engine, a base image and the command line on top of them.

Without an engine tests are skipped; in CI they fail.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from playwright.sync_api import BrowserContext

from agent.domain import ContainerSpec, Hardening, Mount
from agent.engines.docker import DockerEngine
from agent.engines.docker_container import DockerContainer
from agent.errors import EngineUnavailable
from tests.support.browser import Site, open_browser, open_site
from tests.support.inputs import ODD, ROOT, Cli

pytest.register_assert_rewrite("tests.support.engine_contract", "tests.support.output")

BASE_IMAGE = "supervisely-local/base:0.1.0"
TEST_LABEL = {"ecosystem": "supervisely-local-tests"}


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    try:
        engine = DockerEngine(answer_within_s=5)
    except EngineUnavailable as error:
        _absent(str(error))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def base_image(docker_engine: DockerEngine) -> str:
    """The name of a local image with Python and pip."""
    made = subprocess.run([ROOT / "scripts" / "base-image.sh", BASE_IMAGE], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        _absent(made.stderr.strip())
    return BASE_IMAGE


class Start(Protocol):
    def __call__(
        self,
        script: str,
        *,
        name: str = ...,
        labels: Mapping[str, str] = ...,
        memory_bytes: int | None = ...,
        image: str = ...,
        engine: DockerEngine | None = ...,
        shell: str = ...,
        hardening: Hardening | None = ...,
    ) -> DockerContainer: ...


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "image.png").write_bytes(b"pixels")
    return folder


@pytest.fixture
def start(docker_engine: DockerEngine, base_image: str, task_folder: Path) -> Iterator[Start]:
    """Start a container that runs a shell script; all containers are removed after the test."""
    started: list[DockerContainer] = []

    def start(
        script: str,
        *,
        name: str = f"engine-test-{os.getpid()}",
        labels: Mapping[str, str] = {},
        memory_bytes: int | None = None,
        image: str = base_image,
        engine: DockerEngine | None = None,
        shell: str = "sh",
        hardening: Hardening | None = None,
    ) -> DockerContainer:
        spec = ContainerSpec(
            image=image,
            entrypoint=(shell, "-c", script),
            name=name,
            env={"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8"},
            labels={**TEST_LABEL, **labels},
            mounts=(
                Mount(str(task_folder), "/sly_task_data"),
                Mount(str(task_folder / "data"), "/sly_task_data/data", read_only=True),
            ),
            shm_bytes=1 << 30,
            gpus=None,
            runtime=None,
            memory_bytes=memory_bytes,
            hardening=hardening,
        )
        container = (engine or docker_engine).start(spec)
        started.append(container)
        return container

    yield start
    for container in started:
        container.discard()


@pytest.fixture(scope="session")
def odd_image(docker_engine: DockerEngine, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The image of tests/plugins/odd, built by the command of a user."""
    Cli(tmp_path_factory.mktemp("build"), {}).run("build", ODD, "--base", f"base-py={base_image}")


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def cli(request: pytest.FixtureRequest, tmp_path: Path) -> Cli:
    """The command line with an installation of its own, once per engine."""
    if request.param == "docker":
        request.getfixturevalue("odd_image")
    return Cli(tmp_path / "home", {"AGENT_ENGINE": request.param})


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    yield from open_browser(tmp_path_factory.mktemp("chromium"))


@pytest.fixture
def site(browser: BrowserContext, tmp_path: Path) -> Iterator[Site]:
    yield from open_site(browser, tmp_path)

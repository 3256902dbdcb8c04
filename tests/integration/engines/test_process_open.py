"""The choice of the engine, and the message about it."""

from __future__ import annotations

import pytest

from agent.engines.open import open_engine
from agent.errors import BadInput, EngineUnavailable
from agent.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AGENT_ENGINE", raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return Settings


def test_auto_takes_processes_where_no_docker_engine_answers_and_says_so(settings):
    engine = open_engine("auto", settings())
    assert engine.name == "process"
    assert engine.info().remark.startswith(
        "The plugin runs as a process on this machine, because no Docker engine answers"
    )


def test_the_setting_decides_when_the_task_leaves_it_open(settings):
    engine = open_engine("auto", settings(engine="process"))
    assert engine.name == "process"
    assert "Docker" not in engine.info().remark
    with pytest.raises(EngineUnavailable):
        open_engine("docker", settings(engine="process"))


def test_auto_never_takes_apptainer_and_a_missing_apptainer_is_explained(settings, tmp_path, monkeypatch):
    (tmp_path / "apptainer").write_text("#!/bin/sh\n")
    (tmp_path / "apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert open_engine("auto", settings()).name == "process"
    assert open_engine("auto", settings(engine="apptainer")).name == "apptainer"
    (tmp_path / "apptainer").unlink()
    with pytest.raises(EngineUnavailable, match=r"no program `apptainer`.*AGENT_ENGINE"):
        open_engine("apptainer", settings())


def test_an_unknown_engine_is_refused_with_the_list_of_engines(settings):
    with pytest.raises(BadInput, match="auto, docker, process or apptainer"):
        open_engine("podman", settings())

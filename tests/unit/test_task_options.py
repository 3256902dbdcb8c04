"""The options of a task: from the request, then the settings, then the engine."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from agent.domain import EngineInfo, TaskOptions
from agent.engines.open import choose_engine
from agent.errors import BadInput
from agent.settings import Settings
from agent.task_options import RequestedOptions, gpu_choice, launch_options, resolve_options

DOCKER = EngineInfo("docker", "28.0", has_nvidia=False, can_mount_over=True)
NVIDIA = replace(DOCKER, has_nvidia=True)
POD = EngineInfo("pod", "linux", has_nvidia=True, can_mount_over=False, is_local=False)
PROCESS = EngineInfo("process", "linux", has_nvidia=True, can_mount_over=True)
APPTAINER = replace(PROCESS, name="apptainer")


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("AGENT_HOME", "/no/such/home")


def test_without_a_request_the_settings_decide():
    settings = Settings(engine="docker", gpus="1", pull="always", hardened=True)

    assert resolve_options(RequestedOptions(), settings) == TaskOptions(
        engine="docker", gpus="1", pull="always", hardened=True
    )
    assert resolve_options(RequestedOptions(), Settings()) == TaskOptions()


def test_a_request_wins_over_the_settings():
    asked: dict[str, Any] = {
        "engine": "docker", "gpus": "none", "pull": "never", "writable_data": True, "python": "python3.12",
        "stop_grace_s": 3.0, "memory_bytes": 1 << 30, "hardened": True, "time_limit_s": 60.0, "idle_limit_s": 5.0,
        "env": {"A": "1"}, "on": {"zone": "lab"}, "restarts": 2,
        "evaluate": False,
    }  # fmt: skip
    settings = Settings(engine="process", gpus="all", pull="always")

    assert asdict(resolve_options(RequestedOptions(**asked), settings)) == asked


def test_a_request_cannot_take_the_walls_of_the_installation_away():
    assert resolve_options(RequestedOptions(hardened=False), Settings(hardened=True)).hardened


def test_an_agents_own_setting_hardens_what_another_queued():
    queued = resolve_options(RequestedOptions(), Settings())  # by a web with other settings

    assert launch_options(queued, Settings(hardened=True), DOCKER).hardening is not None


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"engine": "podman"}, "auto, docker, process or apptainer"),
        ({"on": {"zo ne": "lab"}}, "zone=lab"),
        ({"restarts": -1}, "0 to 100"),
        ({"pull": "often"}, "missing, always or never"),
        ({"gpus": "some"}, "auto, none, all"),
        ({"engine": "process", "hardened": True}, r"no walls.*--engine docker"),
        ({"engine": "apptainer", "hardened": True}, r"Apptainer cannot.*--engine docker"),
    ],
)
def test_what_no_engine_could_follow_is_refused_before_anything_is_queued(asked, says):
    with pytest.raises(BadInput, match=says):
        resolve_options(RequestedOptions(**asked), Settings())


def test_auto_leaves_the_choice_to_the_agents_setting_and_that_to_the_engine():
    auto = TaskOptions()
    assert launch_options(auto, Settings(gpus="none"), NVIDIA).gpus is None
    assert launch_options(auto, Settings(gpus="1"), NVIDIA).gpus == "1"
    assert launch_options(auto, Settings(), NVIDIA).gpus == "all"
    assert choose_engine("docker", Settings(engine="process")) == "docker"
    assert choose_engine("auto", Settings(engine="process")) == "process"
    assert choose_engine("auto", Settings(engine="auto")) == "auto"


@pytest.mark.parametrize(
    ("wanted", "engine", "gpus", "runtime", "says"),
    [
        ("auto", DOCKER, None, None, True),
        ("auto", NVIDIA, "all", "nvidia", False),
        ("auto", PROCESS, "all", None, False),
        ("auto", replace(PROCESS, has_nvidia=False), None, None, True),
        ("auto", APPTAINER, "all", None, False),
        ("auto", replace(APPTAINER, has_nvidia=False), None, None, True),
        ("0,2", APPTAINER, "0,2", None, False),
        ("none", NVIDIA, None, None, False),
        ("all", NVIDIA, "all", "nvidia", False),
        ("all", DOCKER, "all", None, False),  # the engine may have the hook without the runtime, or says it has not
        ("0, 2", NVIDIA, "0,2", "nvidia", False),
        ("GPU-3a23c669-1f69", NVIDIA, "GPU-3a23c669-1f69", "nvidia", False),
    ],
)  # fmt: skip
def test_gpus_are_chosen_by_the_option_and_by_what_the_engine_has(wanted, engine, gpus, runtime, says):
    choice = gpu_choice(wanted, engine)
    assert (choice.gpus, choice.runtime, bool(choice.remark)) == (gpus, runtime, says)


@pytest.mark.parametrize("wanted", ["some", "0,,1", "-1", "0;1"])
def test_gpus_that_cannot_be_read_are_refused(wanted):
    with pytest.raises(BadInput, match="auto, none, all"):
        gpu_choice(wanted, NVIDIA)


@pytest.mark.parametrize("gpus", ["auto", "none", "all", "0,1"])
def test_in_a_pod_nothing_is_said_about_gpus_and_no_variable_hides_them(gpus):
    """The kubelet has given the container its GPUs, and with them its variables, before the agent ran."""
    launched = launch_options(TaskOptions(gpus=gpus), Settings(), POD)
    assert (launched.env, launched.runtime, launched.remarks) == ({}, None, ())


def test_in_a_pod_no_task_is_hardened():
    with pytest.raises(BadInput, match="which Kubernetes has made before"):
        launch_options(TaskOptions(hardened=True), Settings(), POD)


@pytest.mark.parametrize("gpus", ["none", "all"])
def test_apptainer_needs_no_variables_where_all_gpus_or_none_are_shown(gpus):
    assert launch_options(TaskOptions(gpus=gpus), Settings(), APPTAINER).env == {}


def test_apptainer_shows_all_gpus_so_variables_choose_some():
    env = launch_options(TaskOptions(gpus="0,2"), Settings(), APPTAINER).env
    assert env == {"CUDA_VISIBLE_DEVICES": "0,2", "NVIDIA_VISIBLE_DEVICES": "0,2"}

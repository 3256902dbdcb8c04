"""The container as data: tests/data/launch holds pairs of a task and its container."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.domain import EngineInfo, Plugin, Step, Task, TaskOptions, TaskStatus, TaskType
from agent.errors import BadInput
from agent.installation import container_labels
from agent.run import container_spec as launch
from agent.settings import Settings, read_settings

PAIRS = sorted((Path(__file__).parents[2] / "data" / "launch").glob("*.json"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOCKER = EngineInfo("docker", "28.0", has_nvidia=False, can_mount_over=True)
NVIDIA = replace(DOCKER, has_nvidia=True)
PROCESS = EngineInfo("process", "linux", has_nvidia=True, can_mount_over=True)


@pytest.fixture(autouse=True)
def installation(monkeypatch):
    monkeypatch.setenv("AGENT_HOME", "/no/such/home")


def settings(**changes):
    given, refused = read_settings({"token": "secret", "tasks_dir": "/srv/tasks", **changes})
    assert not refused
    return Settings(**given)


def task(**changes):
    options = TaskOptions(**changes.pop("options", {}))
    values = {
        "id": 12, "type": TaskType.TRAIN, "status": TaskStatus.STARTED, "name": "net", "plugin_id": 1, "project_id": 1,
        "model_id": 1, "config": {}, "step": Step.NOTHING, "engine": None, "container_id": None,
        "container_spec": None, "image_digest": None, "stop_requested": False, "reason": None, "message": None,
        "exit_code": None, "lines_read": 0, "events_count": 0, "agent_id": None, "result_project_id": None,
        "created_at": NOW, "started_at": None, "finished_at": None,
    }  # fmt: skip
    return Task(**{**values, **changes, "options": options})


PLUGIN = Plugin(
    id=1, title="UNet", description="", type="architecture", image="local/nn-unet", tag="5.8.0",
    modes=("train", "inference"), readme="", configs=(), image_digest=None, folder="/home/me/unet",
    content_sha256=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip


def spec(engine=DOCKER, data_read_only=False, config=None, **changes):
    chosen = config or settings()
    folder = chosen.tasks_on_host / "12"
    return launch.container_spec(
        task(**changes), PLUGIN, folder, engine=engine, settings=chosen, data_read_only=data_read_only
    )


@pytest.mark.parametrize("pair", PAIRS, ids=lambda path: path.stem)
def test_the_container_is_the_expected_one(pair):
    data = json.loads(pair.read_text())
    given = data["given"]
    made = spec(
        engine=EngineInfo(version="1", **given["engine"]),
        data_read_only=given["data_read_only"],
        config=settings(**given.get("settings", {})),
        type=TaskType(given["type"]),
        options=given.get("options", {}),
    )
    assert json.loads(json.dumps(launch.as_json(made))) == data["container"]


def test_the_name_and_labels_are_those_of_the_original():
    made = spec()
    token = hashlib.sha256(b"secret\n/srv/tasks").hexdigest()
    assert made.name == f"sly_task_12_supervisely_{token}"
    assert made.labels == {
        "ecosystem": "supervisely",
        "ecosystem_token": f"supervisely_{token}",
        "task_id": "12",
        "attempt": "1",
    }
    assert made.labels == container_labels(task(), settings())


def test_two_installations_never_take_each_others_containers():
    one, other = settings(), settings(tasks_dir=Path("/srv/other"))
    assert spec(config=one).name != spec(config=other).name
    assert container_labels(task(), one) != container_labels(task(), other)


def test_the_tasks_gpus_win_over_the_setting():
    assert spec(NVIDIA, config=settings(gpus="none")).gpus is None
    assert spec(NVIDIA, config=settings(gpus="none"), options={"gpus": "1"}).gpus == "1"


def test_no_gpu_means_none_even_under_a_default_nvidia_runtime_or_in_a_process():
    assert spec(NVIDIA, options={"gpus": "none"}).env["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert spec(PROCESS, options={"gpus": "none"}).env["CUDA_VISIBLE_DEVICES"] == ""
    assert spec(PROCESS, options={"gpus": "0,2"}).env["CUDA_VISIBLE_DEVICES"] == "0,2"
    assert "CUDA_VISIBLE_DEVICES" not in spec(PROCESS).env


def test_each_unusual_choice_gets_a_line_in_the_log():
    assert launch.remarks(task(), NVIDIA, settings()) == ()
    (line,) = launch.remarks(task(), DOCKER, settings())
    assert "CPU" in line
    assert launch.remarks(task(), replace(NVIDIA, remark="No mounts."), settings()) == ("No mounts.",)


def test_a_variable_of_the_task_wins_over_the_usual_ones():
    assert spec(options={"env": {"LOG_LEVEL": "INFO", "X": "1"}}).env == {
        "LOG_LEVEL": "INFO",
        "LANG": "C.UTF-8",
        "X": "1",
    }


BIG = replace(DOCKER, owner="1000:1001", memory_bytes=8 << 30, cpus=4)


def test_a_hardened_container_has_every_wall_and_is_the_folders_owner():
    made = spec(BIG, options={"hardened": True})
    walls = made.hardening
    assert walls is not None
    assert (walls.network, walls.drop_capabilities, walls.read_only_root, walls.new_privileges) == (
        "none",
        ("ALL",),
        True,
        False,
    )
    assert (walls.user, walls.pids, walls.cpus, made.memory_bytes) == ("1000:1001", 4096, 3, 6 << 30)
    assert list(walls.tmpfs) == ["/tmp"]
    assert made.env["HOME"] == "/tmp"


def test_hardening_is_opt_in_for_a_task_or_for_an_installation():
    assert spec(BIG).hardening is None
    assert spec(BIG).memory_bytes is None
    assert spec(BIG, config=settings(hardened=True)).hardening == spec(BIG, options={"hardened": True}).hardening


def test_limits_of_a_hardened_container_follow_the_task_then_the_settings_then_the_machine():
    config = settings(hardened=True, hardened_memory="2G", hardened_cpus=64, hardened_pids=100)
    made = spec(BIG, config=config)
    assert made.hardening is not None
    assert (made.memory_bytes, made.hardening.cpus, made.hardening.pids) == (2 << 30, 4, 100)
    assert spec(BIG, config=config, options={"memory_bytes": 1 << 30}).memory_bytes == 1 << 30
    unknown = spec(DOCKER, options={"hardened": True})  # an engine that does not say what it has
    assert unknown.memory_bytes is None
    assert unknown.hardening is not None
    assert unknown.hardening.cpus == 1


def test_a_hardened_plugin_writes_to_its_data_only_when_that_was_asked_for():
    read_only = [mount.target for mount in spec(BIG, options={"hardened": True}).mounts if mount.read_only]
    assert read_only == ["/sly_task_data/data"]
    assert not any(m.read_only for m in spec(BIG, options={"hardened": True, "writable_data": True}).mounts)


def test_a_process_cannot_be_hardened_and_it_is_said():
    for asked in ({"options": {"hardened": True}}, {"config": settings(hardened=True)}):
        with pytest.raises(BadInput, match=r"no walls.*--engine docker"):
            spec(PROCESS, **asked)

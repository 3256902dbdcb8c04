"""What `agent task shell` starts."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from agent.cli.task_shell import docker_words, process_env
from agent.domain import Hardening

SPEC = {
    "image": "local/net:1",
    "env": {"LANG": "C.UTF-8"},
    "mounts": [
        {"source": "/t/3", "target": "/sly_task_data", "read_only": False},
        {"source": "/t/3/data", "target": "/sly_task_data/data", "read_only": True},
    ],
}


def test_a_running_container_gets_the_shell():
    assert docker_words(SPEC, "c1", ["ls", "-l"], is_terminal=True) == ["docker", "exec", "-it", "c1", "ls", "-l"]
    assert docker_words(SPEC, "c1", [], is_terminal=False)[:5] == ["docker", "exec", "-i", "c1", "sh"]


def test_an_ended_one_is_its_image_with_the_folder_of_the_task():
    words = docker_words(SPEC, None, ["ls"], is_terminal=False)
    assert words[:4] == ["docker", "run", "--rm", "-i"]
    assert "/t/3:/sly_task_data" in words
    assert "/t/3/data:/sly_task_data/data:ro" in words
    assert words[-1] == "local/net:1"
    assert words[words.index("--entrypoint") + 1] == "ls"


def test_values_of_variables_are_not_on_the_command_line():
    words = docker_words({**SPEC, "env": {"KEY": "of a friend"}}, None, [], is_terminal=True)
    assert words[words.index("--env") + 1] == "KEY"
    assert not any("friend" in word for word in words)


def test_the_shell_of_a_hardened_task_may_do_no_more_than_the_task():
    hardening = Hardening("1000:1000", 512, 2.0, {"/tmp": "size=1g"})
    words = docker_words({**SPEC, "hardening": asdict(hardening), "memory_bytes": 1 << 30}, None, [], is_terminal=True)
    pairs = set(pairwise(words))
    assert pairs >= {("--user", "1000:1000"), ("--network", "none"), ("--cap-drop", "ALL"), ("--pids-limit", "512")}
    assert pairs >= {("--security-opt", "no-new-privileges"), ("--tmpfs", "/tmp:size=1g"), ("--memory", str(1 << 30))}
    assert "--read-only" in words[: words.index("local/net:1")]
    assert "--network" not in docker_words(SPEC, None, [], is_terminal=True)


def test_a_process_finds_its_folder_the_sdk_and_its_own_modules():
    env = process_env(SPEC, Path("/t/3"), "/home/me/net")
    assert env["SLY_TASK_DATA"] == "/t/3"
    assert env["LANG"] == "C.UTF-8"
    assert env["PYTHONPATH"].endswith(":/home/me/net/src")

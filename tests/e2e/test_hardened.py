"""Hardened containers on a real engine: the missing rights, working plugins, and the owner of files."""

from __future__ import annotations

import os
import textwrap

import pytest

from agent.domain import Hardening
from agent.task_options import HARDENED_TMPFS
from tests.support.inputs import ODD, Cli, write_model, write_project
from tests.support.output import joined, printed, read_until

LOOK = """
    import os, socket
    def tried(what, do):
        try:
            do()
            print(what, "open")
        except OSError as error:
            print(what, "closed")
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print("capabilities", *(status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd")))
    print("no_new_privileges", status["NoNewPrivs"].strip())
    print("interfaces", *sorted(name for _, name in socket.if_nameindex()))
    tried("network", lambda: socket.create_connection(("1.1.1.1", 53), timeout=5))
    tried("root", lambda: open("/workdir.txt", "w"))
    tried("usr", lambda: open("/usr/x", "w"))
    tried("tmp", lambda: open("/tmp/x", "w"))
    tried("data", lambda: open("/sly_task_data/data/x", "w"))
    tried("results", lambda: (os.mkdir("/sly_task_data/results"), open("/sly_task_data/results/x", "w")))
    tried("others", lambda: os.chown("/tmp/x", 1, 1))
"""


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_nothing_but_the_task_folder_and_tmp_is_left_open(start, task_folder, docker_engine):
    for path in (task_folder, task_folder / "data"):
        os.chown(path, 12345, 12346)
    walls = Hardening(user="12345:12346", pids=50, cpus=0.5, tmpfs=HARDENED_TMPFS)
    container = start(f"python - <<'X'\n{textwrap.dedent(LOOK)}\nX", memory_bytes=128 << 20, hardening=walls)
    found = printed(container).decode()
    assert container.wait().exit_code == 0, found
    none = "0" * 16
    assert dict(line.split(" ", 1) for line in found.splitlines()) == {
        "capabilities": f"{none} {none} {none}",
        "no_new_privileges": "1",
        "interfaces": "lo",
        "network": "closed",
        "root": "closed",
        "usr": "closed",
        "tmp": "open",
        "data": "closed",
        "results": "open",
        "others": "closed",
    }
    limits = docker_engine.client.api.inspect_container(container.id)["HostConfig"]
    assert (limits["PidsLimit"], limits["NanoCpus"], limits["Memory"]) == (50, 500_000_000, 128 << 20)
    written = (task_folder / "results" / "x").stat()
    assert (written.st_uid, written.st_gid) == (12345, 12346)


@pytest.mark.docker
def test_a_hardened_plugin_is_asked_to_end_before_it_is_killed(start, task_folder):
    owner = f"{os.geteuid()}:{os.getegid()}"
    script = "trap 'echo saving; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    container = start(script, hardening=Hardening(user=owner, pids=50, cpus=1, tmpfs=HARDENED_TMPFS))
    output = container.output()
    assert read_until(output, b"\n") == b"ready\n"
    container.kill(grace_s=20)
    assert b"saving" in joined(output)
    assert container.wait().exit_code == 3


@pytest.mark.docker
def test_training_works_hardened_and_the_record_says_so(odd_image, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker", "AGENT_HARDENED_MEMORY": "256M"})
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    args = ("submit-train", "--plugin", ODD, "--project", project, "--model", model, "--hardened")
    task = cli.json(*args, "--set", "epochs=2")
    assert (task["status"], [c["state"] for c in task["checkpoints"]]) == ("finished", ["published"] * 2)
    shown = cli.json("task", "show", task["id"])
    assert shown["options"]["hardened"] is True
    assert shown["container_spec"]["hardening"]["network"] == "none"
    assert shown["container_spec"]["memory_bytes"] == 256 << 20


def test_a_process_is_refused_before_anything_is_queued(tmp_path):
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    args = ("submit-train", "--plugin", ODD, "--project", project, "--model", model)
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    refused = cli.run(*args, "--hardened", code=2)
    assert "the process engine cannot run a task hardened" in refused.stderr
    Cli(tmp_path / "home", {"AGENT_ENGINE": "process", "AGENT_HARDENED": "true"}).run(*args, code=2)
    assert cli.json("task", "list") == []

"""The docker engine with real containers: the contract of engines, and properties of Docker only."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from agent.domain import ContainerSpec, Mount
from agent.engines.docker import DockerEngine
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound
from agent.workbench.check.static_layers import layers_of
from tests.e2e.conftest import TEST_LABEL
from tests.support.engine_contract import RealEngineContract, Rig, python, task_mounts
from tests.support.output import joined, printed, read_until

pytestmark = pytest.mark.docker


@pytest.fixture
def rig(docker_engine: DockerEngine, base_image: str, task_folder: Path) -> Iterator[Rig]:
    spec = ContainerSpec(
        image=base_image, entrypoint=(), name=f"engine-contract-{os.getpid()}", env={"LOG_LEVEL": "DEBUG"},
        labels={**TEST_LABEL, "rig": uuid4().hex}, mounts=task_mounts(task_folder), shm_bytes=1 << 30, gpus=None,
        runtime=None,
    )  # fmt: skip
    same = "from agent.engines.docker import DockerEngine; engine = DockerEngine()"
    rig = Rig(docker_engine, spec, task_folder, in_another_process=same)
    yield rig
    rig.remove_all()


class TestDockerEngine(RealEngineContract):
    pass


def test_lines_longer_than_the_log_drivers_16_kib_arrive_whole(start):
    container = start(python("print('a' * 100_000 + 'ä' * 50_000); print('next')"))
    assert printed(container).decode() == "a" * 100_000 + "ä" * 50_000 + "\nnext\n"


def test_running_out_of_memory_is_distinguished_from_a_kill(start):
    container = start(python("hoard = [bytearray(1 << 20) for _ in range(500)]"), memory_bytes=64 << 20)
    printed(container)
    result = container.wait()
    assert (result.exit_code, result.out_of_memory) == (137, True)


def test_a_container_removed_by_somebody_else_ends_like_a_killed_one(start, docker_engine):
    container = start("echo ready; sleep 600")
    output = container.output()
    read_until(output, b"ready\n")
    docker_engine.client.api.remove_container(container.id, force=True)
    assert list(output) == []
    result = container.wait()
    assert result.exit_code == 137
    assert "removed" in result.error
    container.kill()
    container.remove()


def test_a_missing_image_is_explained_with_a_remedy(docker_engine, start):
    with pytest.raises(ImageNotFound, match=r"no image nobody/has:this.*pulling is switched off"):
        docker_engine.image("nobody/has:this", pull="never")
    with pytest.raises(ImageNotFound, match="agent build"):
        docker_engine.image("local/never-built")
    with pytest.raises(ImageNotFound, match="no image local/never-built:1"):
        start("true", image="local/never-built:1")


def test_image_gives_labels_and_digest(docker_engine, base_image):
    found = docker_engine.image(base_image)
    assert found.digest.startswith("sha256:")
    assert found.labels == {}


def test_the_layers_of_an_image_are_told_with_their_sizes(docker_engine, base_image):
    layers = layers_of(docker_engine.history(base_image))
    assert layers
    assert all(layer.size_bytes > 0 for layer in layers)
    with pytest.raises(ImageNotFound):
        docker_engine.history("no/such:image")


def test_an_image_without_a_shell_leaves_no_container_behind(docker_engine, start):
    with pytest.raises(CouldNotStart, match="`sh` and `python`"):
        start("true", shell="no-such-shell", labels={"task_id": "43"})
    assert docker_engine.find({"task_id": "43", "ecosystem": "supervisely-local-tests"}) == []


def test_an_engine_that_cannot_give_gpus_says_how_to_do_without(docker_engine, base_image):
    if docker_engine.info().has_nvidia:
        pytest.skip("this engine has GPUs")
    spec = ContainerSpec(
        image=base_image, entrypoint=("sh",), name="engine-test-gpus", env={}, labels={"task_id": "45"},
        mounts=(), shm_bytes=1 << 20, gpus="all", runtime=None,
    )  # fmt: skip
    for wanted in (spec, replace(spec, gpus=None, runtime="nvidia")):
        with pytest.raises(CouldNotStart, match="--gpus none"):
            docker_engine.start(wanted)
    assert docker_engine.client.containers.list(all=True, filters={"name": "engine-test-gpus"}) == []


def test_a_task_folder_the_engine_cannot_see_is_explained(docker_engine, base_image):
    spec = ContainerSpec(
        image=base_image, entrypoint=("sh",), name="engine-test-mount", env={}, labels={},
        mounts=(Mount("/no/such/folder", "/sly_task_data"),), shm_bytes=1 << 20, gpus=None, runtime=None,
    )  # fmt: skip
    with pytest.raises(CouldNotStart, match="AGENT_TASKS_HOST_DIR"):
        docker_engine.start(spec)


def test_logs_stay_readable_whatever_the_daemons_default_driver_is(start, docker_engine):
    container = start("df -k /dev/shm | tail -1; tty")
    facts = docker_engine.client.api.inspect_container(container.id)
    assert facts["HostConfig"]["LogConfig"] == {
        "Type": "json-file",  # every option that rotates or drops is set, or the daemon's default would apply
        "Config": {"max-size": "1000g", "max-file": "1", "mode": "blocking", "compress": "false"},
    }
    assert facts["HostConfig"]["ShmSize"] == 1 << 30
    assert (facts["Config"]["Tty"], facts["Config"]["OpenStdin"]) == (False, False)
    assert facts["HostConfig"]["AutoRemove"] is False
    assert b"1048576" in printed(container)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_what_a_root_container_wrote_belongs_to_the_folders_owner_afterwards(start, task_folder):
    for path in (task_folder, task_folder / "data", task_folder / "data" / "image.png"):
        os.chown(path, 12345, 12346)
    container = start("mkdir -p /sly_task_data/results/deep; umask 077; touch /sly_task_data/results/deep/model.pt")
    printed(container)
    container.wait()
    entry = (task_folder / "results" / "deep" / "model.pt").stat()
    assert (entry.st_uid, entry.st_gid) == (12345, 12346)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_an_agent_that_is_not_root_gets_its_files_back_from_inside_a_container(start, task_folder, monkeypatch):
    os.chown(task_folder, 12345, 12346)
    container = start("mkdir /sly_task_data/results; umask 077; touch /sly_task_data/results/model.pt")
    printed(container)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getegid", lambda: 12346)
    container.remove()
    entry = (task_folder / "results" / "model.pt").stat()
    assert (entry.st_uid, entry.st_gid) == (12345, 12346)


def test_an_engine_that_does_not_answer_is_explained_with_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineUnavailable, match=r"docker\.sock \(no such socket\).*AGENT_ENGINE=process"):
        DockerEngine()


@pytest.mark.parametrize("grace_s", [0, 5], ids=["killed", "asked to end"])
def test_a_container_that_somebody_restarts_is_read_to_its_last_end(start, docker_engine, grace_s):
    ends_well = "trap 'echo asked; exit 0' TERM"
    lines = "i=0; while [ $i -lt 15 ]; do echo line $i; i=$((i+1)); sleep 0.1; done"
    container = start(f"{ends_well}; {lines}; echo end")
    output = container.output()
    seen = read_until(output, b"line 4\n")
    restart = threading.Thread(target=docker_engine.client.api.restart, args=(container.id, grace_s))
    restart.start()
    seen += joined(output)
    restart.join()

    end = container.wait()
    assert seen == docker_engine.client.api.logs(container.id)
    assert seen.count(b"line 0\n") == 2
    assert seen.endswith(b"line 14\nend\n")
    assert end.exit_code == 0
    assert "started the container again" in end.remark

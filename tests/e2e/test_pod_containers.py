"""The engine of pods with two real containers' worth of walls: the plugin's container is Docker's, the agent is here.

They share folders as the containers of a pod do, and see nothing else of each other.
"""

from __future__ import annotations

import signal
from contextlib import suppress

import docker.errors
import pytest
from docker.types import Mount as DockerMount

from agent.domain import ContainerSpec, ExitResult, Mount
from agent.engines.pod import PodEngine
from agent.engines.pod_script import CONTROL_FOLDER, command
from tests.e2e.conftest import TEST_LABEL
from tests.support.engine_contract import ENDS_ITSELF, python
from tests.support.output import joined, printed, read_until

pytestmark = pytest.mark.docker


class TwoContainers:
    def __init__(self, client, image, folder, task_folder):
        self.control = folder / "control"
        self.control.mkdir()
        self.control.chmod(0o777)
        self.task_folder = task_folder
        self.engine = PodEngine(self.control, folder / "state", ready_within_s=60)
        self._client, self._image = client, image
        self.plugin = None

    def run(self, **options):
        mounts = [
            DockerMount(target, str(source), type="bind")
            for target, source in ((CONTROL_FOLDER, self.control), ("/sly_task_data", self.task_folder))
        ]
        self.plugin = self._client.containers.run(
            self._image,
            entrypoint=command(),
            mounts=mounts,
            labels=TEST_LABEL,
            detach=True,
            working_dir="/usr",
            **options,
        )

    def start(self, script, **env):
        spec = ContainerSpec(
            image=self._image, entrypoint=("sh", "-c", script), name="sly_task_7", env=env, labels={"task_id": "7"},
            mounts=(Mount(str(self.task_folder), "/sly_task_data"),), shm_bytes=1, gpus=None, runtime=None,
        )  # fmt: skip
        return self.engine.start(spec)

    def code(self):
        assert self.plugin is not None
        return self.plugin.wait(timeout=30)["StatusCode"]

    def remove(self):
        if self.plugin is not None:
            with suppress(docker.errors.NotFound):
                self.plugin.remove(force=True)


@pytest.fixture
def pod(docker_engine, base_image, tmp_path, task_folder):
    made = TwoContainers(docker_engine.client, base_image, tmp_path, task_folder)
    yield made
    made.remove()


def test_a_plugin_runs_in_its_own_container_and_its_log_is_there_too(pod):
    pod.run(environment={"OF_THE_IMAGE": "kept"})
    container = pod.start(
        'pwd; echo "$OF_THE_IMAGE $OURS"; echo wrong >&2; cat /sly_task_data/data/*; touch /sly_task_data/x; exit 7',
        OURS="given",
    )
    batches = list(container.output())
    assert joined(batches, 1) == b"/usr\nkept given\npixels"
    assert joined(batches, 2) == b"wrong\n"
    assert container.wait() == ExitResult(7)
    assert pod.code() == 0
    assert pod.plugin.logs(stderr=False) == joined(batches, 1)
    assert pod.plugin.logs(stdout=False) == b"wrong\n"
    assert (pod.task_folder / "x").exists()
    container.remove()
    assert sorted(path.name for path in pod.control.iterdir()) == ["exit"]


def test_running_out_of_memory_is_told_from_a_kill(pod):
    pod.run(mem_limit=96 << 20, memswap_limit=96 << 20)
    container = pod.start(python("hoard = [bytearray(1 << 20) for _ in range(500)]"))
    printed(container)
    result = container.wait()
    assert (result.exit_code, result.out_of_memory) == (137, True)
    assert pod.code() == 0


def test_a_child_that_ran_out_of_memory_is_told_when_the_plugin_fails_for_it(pod):
    pod.run(mem_limit=96 << 20, memswap_limit=96 << 20)
    hoard = python("hoard = [bytearray(1 << 20) for _ in range(500)]")
    container = pod.start(f"{hoard} || exit 1")
    printed(container)
    result = container.wait()
    assert (result.exit_code, result.out_of_memory) == (1, True)


@pytest.mark.parametrize("how", ["", "exec "])
def test_a_grace_period_lets_the_plugin_end_by_itself(pod, how):
    pod.run()
    container = pod.start(how + python(ENDS_ITSELF))
    output = container.output()
    read_until(output, b"ready\n")
    container.kill(grace_s=10)
    assert joined(output) == b"saving\n"
    assert container.wait() == ExitResult(3)
    assert pod.code() == 0


def test_the_end_of_the_pod_is_for_the_agent_to_act_on(pod):
    """The kubelet signals the first process of each container; the plugin goes on until the agent says so."""
    pod.run()
    container = pod.start("(setsid sleep 600 &) ; echo ready; sleep 600")
    output = container.output()
    read_until(output, b"ready\n")
    pod.plugin.kill(signal.SIGTERM)
    assert next(output) == ()
    assert not container.is_over()
    container.kill()
    assert joined(output) == b""
    assert container.wait() == ExitResult(137)
    assert pod.code() == 0


def test_a_container_that_the_machine_took_down_is_not_run_twice(pod):
    pod.run()
    container = pod.start("echo ready; sleep 600")
    output = container.output()
    read_until(output, b"ready\n")
    pod.plugin.kill(signal.SIGKILL)
    assert pod.code() == 137
    pod.plugin.start()  # as the kubelet does
    assert joined(output) == b""
    result = container.wait()
    assert (result.exit_code, bool(result.error)) == (137, True)
    assert pod.code() == 0


def test_a_burst_of_lines_arrives_whole(pod):
    pod.run()
    container = pod.start("for i in $(seq 20000); do echo out $i; echo err $i >&2; done")
    batches = list(container.output())
    for stream, word in ((1, "out"), (2, "err")):
        assert joined(batches, stream) == "".join(f"{word} {i}\n" for i in range(1, 20001)).encode()

"""How soon a task says something: from its submission to its first line in the store, on real clusters.

The peers are what the cluster itself needs: a bare pod of the same image that prints a line, from its creation until
the line can be read; a shell script given to `sbatch`, until the line is in its output file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import library
from agent.artifacts import open_artifacts
from agent.clusters.kubernetes_api import connect, kinds
from agent.events.model import Stream
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from benchmarks._controller import controller
from tests.support import s3_server
from tests.support.gate import gate
from tests.support.inputs import ODD, ROOT, Cli, write_model, write_project
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.postgres import PostgresServer
from tests.support.slurm import SlurmCluster
from tests.support.tasks import queue_task

BASE_IMAGE = "supervisely-local/base:0.1.0"
AGENT_IMAGE = "supervisely-local/agent:bench"
_LIMIT_S = 120.0
_SETTLED_S = 3.0  # after a task, so that its end does not share the processors with the next


@dataclass(frozen=True, slots=True)
class FirstLine:
    ours_s: float
    bare_s: float
    steps: Mapping[str, float]  # of ours: seconds since the submission


@contextmanager
def on_kubernetes(
    cluster: KubernetesCluster, postgres: PostgresServer, folder: Path
) -> Iterator[Callable[[], FirstLine]]:
    """Raises CalledProcessError where the images cannot be made."""
    image = _images(cluster, folder)
    namespace = "first-line"
    cluster.kubectl("create", "namespace", namespace)
    cluster.until("serviceaccount/default", "{.metadata.name}", bool, namespace=namespace)
    postgres.empty()
    with ExitStack() as stack:
        (folder / "s3").mkdir()
        objects = stack.enter_context(s3_server.serving(folder / "s3"))
        host = cluster.host_address
        to_store = stack.enter_context(gate(host, str(postgres.folder / ".s.PGSQL.5432")))
        to_objects = stack.enter_context(gate(host, ("127.0.0.1", int(objects.endpoint.rpartition(":")[2]))))
        env = {
            "AGENT_HOME": str(folder / "home"),
            "AGENT_STORE_URL": f"postgresql://tester@{host}:{to_store.address[1]}/postgres",
            "AGENT_ARTIFACTS_URL": f"s3://{s3_server.BUCKET}/first",
            "AGENT_ARTIFACTS_ENDPOINT": f"http://{host}:{to_objects.address[1]}",
            "AGENT_KUBERNETES_IMAGE": AGENT_IMAGE,
            "AGENT_KUBERNETES_NAMESPACE": namespace,
            **{name: value for name, value in objects.environ.items() if name != "AWS_ENDPOINT_URL"},
        }
        stack.enter_context(_variables(env))
        submit = stack.enter_context(_submitting(env, folder, "kubernetes"))
        client = connect(Settings(kubernetes_namespace=namespace))
        stack.callback(client.close)
        number = 0

        def measure() -> FirstLine:
            nonlocal number
            number += 1
            bare_s = _bare_pod(client, f"bare-{number}", image)
            ours_s, steps = submit()
            return FirstLine(ours_s, bare_s, steps)

        yield measure


@contextmanager
def on_slurm(slurm: SlurmCluster, postgres: PostgresServer, folder: Path) -> Iterator[Callable[[], FirstLine]]:
    postgres.empty()
    env = {
        "AGENT_HOME": str(folder / "home"),
        "AGENT_STORE_URL": postgres.url,
        "AGENT_ARTIFACTS_URL": str(folder / "artifacts"),
        "AGENT_ENGINE": "process",
        "AGENT_SLURM_HOME": str(folder / "node"),
        "AGENT_SLURM_CPUS": "1",
        **slurm.env,
    }
    with _variables(env), _submitting(env, folder, "slurm") as submit:

        def measure() -> FirstLine:
            bare_s = _bare_job(folder)
            ours_s, steps = submit()
            return FirstLine(ours_s, bare_s, steps)

        yield measure


# ---------------------------------------------------------------- ours


@contextmanager
def _submitting(
    env: Mapping[str, str], folder: Path, cluster: str
) -> Iterator[Callable[[], tuple[float, Mapping[str, float]]]]:
    """A controller that runs, and what submits a task and waits for its first line."""
    settings = Settings()  # of the environment
    settings.home.mkdir(exist_ok=True)
    with open_store(settings.store) as store, controller(folder / "controller", env, cluster):
        installation = Installation(
            store, open_artifacts(settings.artifacts, endpoint=settings.artifacts_endpoint), settings
        )
        inputs: dict[str, Any] = {
            "plugin": library.add_plugin_folder(store, ODD, "local"),
            "project": library.add_project(store, installation.artifacts, write_project(folder / "fruit")),
            "model": library.add_model(store, installation.artifacts, write_model(folder / "start")),
        }

        def submit() -> tuple[float, Mapping[str, float]]:
            began, began_at = time.monotonic(), time.time()
            task = queue_task(installation, **inputs, overrides=("epochs=1", "points=1"))
            first = _until(lambda: _plugins_line(installation, task.id), lambda: store.wait_for_change(1.0))
            took_s = time.monotonic() - began
            _until(lambda: store.tasks.get(task.id).status.is_final, lambda: store.wait_for_change(1.0))
            time.sleep(_SETTLED_S)
            (placed,) = store.placements.of_task(task.id)
            ended = store.tasks.get(task.id)
            times = {"placed": placed.submitted_at, "claimed": placed.claimed_at, "started": ended.started_at}
            times |= {event.message[:24]: event.time for event in store.events.after(task.id) if event.seq <= first.seq}
            return took_s, {name: at.timestamp() - began_at for name, at in times.items() if at is not None}

        yield submit


def _plugins_line(installation: Installation, task_id: int) -> Any:
    events = installation.store.events.after(task_id)
    return next((event for event in events if event.stream in (Stream.STDOUT, Stream.STDERR)), None)


# ---------------------------------------------------------------- bare


def _bare_pod(client: Any, name: str, image: str) -> float:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-uc", "print('first')"],
    }
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
    }

    def line() -> str:
        with suppress(Exception):  # it has not begun
            return "".join(client.log(name, container="main"))
        return ""

    began = time.monotonic()
    client.create(kinds()["Pod"](made))
    _until(line, lambda: time.sleep(0.02))
    took_s = time.monotonic() - began
    client.delete(kinds()["Pod"], name)
    time.sleep(_SETTLED_S)
    return took_s


def _bare_job(folder: Path) -> float:
    output = folder / "bare.out"
    output.unlink(missing_ok=True)
    began = time.monotonic()
    subprocess.run(
        ["sbatch", "--parsable", f"--output={output}"],
        input="#!/bin/sh\necho first\n", text=True, capture_output=True, check=True,
    )  # fmt: skip
    _until(lambda: output.exists() and output.stat().st_size, lambda: time.sleep(0.01))
    took_s = time.monotonic() - began
    time.sleep(_SETTLED_S)
    return took_s


def _images(cluster: KubernetesCluster, folder: Path) -> str:
    """The agent's and the plugin's, on all nodes; gives the plugin's."""
    subprocess.run([ROOT / "scripts" / "base-image.sh", BASE_IMAGE], check=True, capture_output=True)
    args = (f"--build-arg=BASE_IMAGE={BASE_IMAGE}", "--build-arg=EXTRAS=postgres s3")
    build = ("docker", "build", "-q", "-f", "agent/Dockerfile", "-t", AGENT_IMAGE, *args, ".")
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    Cli(folder / "build", {"PYTHONUTF8": "1"}).run("build", ODD, "--base", f"base-py={BASE_IMAGE}")
    image = f"local/{(ODD / 'VERSION').read_text().strip()}"
    for one in (AGENT_IMAGE, image):
        cluster.load_image(one)
    return image


@contextmanager
def _variables(env: Mapping[str, str]) -> Iterator[None]:
    """Of this process, which submits as a person does who has the same environment."""
    from unittest.mock import patch

    with patch.dict("os.environ", env):
        yield


def _until(reached: Callable[[], Any], wait: Callable[[], object]) -> Any:
    deadline = time.monotonic() + _LIMIT_S
    while not (value := reached()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened within {_LIMIT_S:g} s")
        wait()
    return value


def tell(name: str, measured: FirstLine) -> None:
    steps = {step: round(at, 2) for step, at in measured.steps.items()}
    sys.stderr.write(
        f"clusters: first line on {name} {measured.ours_s:.2f} s, bare {measured.bare_s:.2f} s; {json.dumps(steps)}\n"
    )

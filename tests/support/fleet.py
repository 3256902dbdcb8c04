"""An installation whose queue a controller places on Kubernetes, with the rights that the documents give it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent import library
from agent.artifacts import open_artifacts
from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_pod import INSTALLATION
from agent.domain import Task
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.support import s3_server
from tests.support.gate import Gate, gate
from tests.support.inputs import COUNTED, ODD, ROOT, Cli, write_model, write_project
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.placed_tasks import PlacedTasks, controlling_thread
from tests.support.postgres import PostgresServer

AGENT_IMAGE = "supervisely-local/agent:tests"
MANIFESTS = ROOT / "docs" / "kubernetes"
ACCOUNT = "supervisely-controller"


@dataclass
class Fleet(PlacedTasks):
    cluster: KubernetesCluster
    namespace: str
    environment: Mapping[str, str]  # of the controller: keys to the artifacts
    store_gate: Gate
    objects_gate: Gate
    folder: Path

    # ---------------------------------------------------------------- tasks

    def long(self, lines: int = 400, **options: Any) -> Task:
        """A task that counts for some twenty seconds."""
        return self.queue(f"lines={lines}", "pause=0.05", "checkpoint_every=20", **options)

    @contextmanager
    def controller(self, *, stuck_s: float = 120, **changes: Any) -> Iterator[None]:
        installation = self.changed(**changes)
        cluster = Kubernetes(installation.settings, self.environment, stuck_s=stuck_s)
        with controlling_thread(installation, cluster):
            yield

    # ---------------------------------------------------------------- pods

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words)

    @property
    def left(self) -> list[str]:
        """What is left of the jobs of this installation: names of pods and secrets."""
        found = self.kubectl("get", "pods,secrets", f"--selector={INSTALLATION}", "--output=name")
        return found.split()

    def is_clean(self) -> None:
        """Wait until nothing is left: pods need a moment to go."""
        deadline = time.monotonic() + 60
        while self.left:
            assert time.monotonic() < deadline, (self.left, self.state())
            time.sleep(0.2)

    def state(self) -> str:
        said = [event.message for task in self.store.tasks.list(limit=3) for event in self.store.events.after(task.id)]
        pods = self.kubectl("get", "pods", "--output=wide")
        described = self.kubectl("describe", "pods")[-6000:]
        return f"{super().state()}\n{said[-30:]}\n{pods}\n{described}\n{self._logs()}"

    def _logs(self) -> str:
        names = self.kubectl("get", "pods", "--output=name").split()
        logs = []
        for name in names[:3]:
            try:
                logs.append(f"{name}:\n{self.kubectl('logs', name, '--container=agent', '--tail=40')}")
            except Exception as error:
                logs.append(f"{name}: {error}")
        return "\n".join(logs)


def make_namespace(cluster: KubernetesCluster, name: str, folder: Path) -> Path:
    """A namespace with the controller's account and role of the documents; gives a kubeconfig that acts as it."""
    cluster.kubectl("create", "namespace", name)
    written = yaml.safe_load_all((MANIFESTS / "controller.yaml").read_text())
    objects = [one for one in written if one["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    for one in objects:
        one["metadata"]["namespace"] = name
    cluster.apply(*objects)
    known = yaml.safe_load(cluster.kubeconfig.read_text())
    file = folder / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": known["clusters"],
                "users": [{"name": ACCOUNT, "user": {"token": cluster.token(ACCOUNT, name)}}],
                "contexts": [
                    {
                        "name": "controller",
                        "context": {"cluster": known["clusters"][0]["name"], "user": ACCOUNT, "namespace": name},
                    }
                ],
                "current-context": "controller",
            }
        )
    )
    return file


def bring_images(cluster: KubernetesCluster, base_image: str, folder: Path) -> None:
    """Build the images of the agent and of two plugins, and bring them to all nodes."""
    args = (f"BASE_IMAGE={base_image}", "EXTRAS=postgres s3")
    build = ("docker", "build", "-q", "-f", "agent/Dockerfile", "-t", AGENT_IMAGE)
    words = (*build, *(f"--build-arg={arg}" for arg in args), ".")
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=400)
    cli = Cli(folder, {})
    for plugin in (COUNTED, ODD):
        cli.run("build", plugin, "--base", f"base-py={base_image}")
    versions = [f"local/{(plugin / 'VERSION').read_text().strip()}" for plugin in (COUNTED, ODD)]
    for image in (AGENT_IMAGE, *versions):
        cluster.load_image(image)


def keys_of(objects: s3_server.Server) -> dict[str, str]:
    """The variables with which a controller and its pods find the object store, but for its address."""
    return {name: value for name, value in objects.environ.items() if name != "AWS_ENDPOINT_URL"}


@contextmanager
def fleet_of(
    cluster: KubernetesCluster, namespace: str, postgres: PostgresServer, objects: s3_server.Server, folder: Path
) -> Iterator[Fleet]:
    """An empty installation whose pods reach store and artifacts through doors. The keys are in the environment."""
    postgres.empty()
    host, port = cluster.host_address, int(objects.endpoint.rpartition(":")[2])
    with (
        gate(host, str(postgres.folder / ".s.PGSQL.5432")) as store_gate,
        gate(host, ("127.0.0.1", port)) as objects_gate,
        open_store(postgres.url) as store,
    ):
        settings = Settings(
            home=folder / "home",
            store_url=f"postgresql://tester@{host}:{store_gate.address[1]}/postgres",
            artifacts_url=f"s3://{s3_server.BUCKET}/{folder.name}",
            artifacts_endpoint=f"http://{host}:{objects_gate.address[1]}",
            kubernetes_image=AGENT_IMAGE,
            kubernetes_poll=0.3,
            pull="missing",
        )
        settings.home.mkdir()
        artifacts = open_artifacts(settings.artifacts, endpoint=settings.artifacts_endpoint)
        inputs = {
            "project": library.add_project(store, artifacts, write_project(folder / "fruit")),
            "model": library.add_model(store, artifacts, write_model(folder / "start")),
        }
        installation = Installation(store, artifacts, settings)
        made = Fleet(
            installation, cluster, namespace, keys_of(objects), store_gate, objects_gate, folder, inputs=inputs
        )
        try:
            yield made
        finally:
            for pod in made.kubectl("get", "pods", "--output=name").split():
                with suppress(subprocess.CalledProcessError):  # it has gone meanwhile
                    made.kubectl("patch", pod, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
                    made.kubectl("delete", pod, "--wait=false", "--grace-period=0", "--force")

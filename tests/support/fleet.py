"""An installation whose queue a controller places on Kubernetes, with the rights that the documents give it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent import library
from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_pod import INSTALLATION
from agent.domain import Task
from agent.task_options import RequestedOptions
from tests.support.gate import Gate
from tests.support.inputs import COUNTED, ROOT
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.placed_tasks import PlacedTasks, controlling_thread
from tests.support.tasks import queue_task

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
    inputs: dict[str, Any] = field(default_factory=dict)

    # ---------------------------------------------------------------- tasks

    def queue(self, *overrides: str, plugin: Path = COUNTED, type_: str = "train", **options: Any) -> Task:
        if str(plugin) not in self.inputs:
            self.inputs[str(plugin)] = library.add_plugin_folder(self.store, plugin, "local")
        return queue_task(
            self.installation,
            plugin=self.inputs[str(plugin)],
            project=self.inputs["project"],
            model=self.inputs["model"],
            name=f"net {len(self.store.tasks.list(limit=1000))}",
            overrides=overrides,
            options=RequestedOptions(**options),
            type=type_,
        )

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

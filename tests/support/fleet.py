"""An installation whose queue a controller places on Kubernetes, with the rights that the documents give it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent import library
from agent.clusters.control import run_cluster
from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_pod import INSTALLATION
from agent.domain import CheckpointState, Task
from agent.installation import Installation
from agent.run.shutdown import Shutdown
from agent.store import Placement, Store
from agent.task_options import RequestedOptions
from tests.support.gate import Gate
from tests.support.inputs import COUNTED, ROOT
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.tasks import queue_task

MANIFESTS = ROOT / "docs" / "kubernetes"
ACCOUNT = "supervisely-controller"


@dataclass
class Fleet:
    installation: Installation
    cluster: KubernetesCluster
    namespace: str
    environment: Mapping[str, str]  # of the controller: keys to the artifacts
    store_gate: Gate
    objects_gate: Gate
    folder: Path
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.installation.store

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
    def controller(self, *, stuck_s: float = 120, **changes: Any) -> Iterator[Kubernetes]:
        settings = self.installation.settings.model_copy(update=changes)
        installation = Installation(self.store, self.installation.artifacts, settings)
        cluster = Kubernetes(settings, self.environment, stuck_s=stuck_s)
        shutdown = Shutdown()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                run_cluster(installation, cluster, shutdown, poll_s=settings.kubernetes_poll)
            except BaseException as error:  # told to the test
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield cluster
        finally:
            shutdown.leave()
            thread.join()
            cluster.close()
        assert not failures

    def until(self, reached: Callable[[], Any], within_s: float = 120) -> None:
        deadline = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < deadline, self.state()
            self.store.wait_for_change(0.2)

    def ends(self, task: Task, within_s: float = 120) -> Task:
        """The task as it ended, when its placement has ended too."""
        self.until(lambda: self.get(task).status.is_final and self.placed(task).is_over, within_s)
        return self.get(task)

    def saves(self, task: Task, count: int = 1) -> None:
        """Wait until the plugin has saved something that is kept."""
        self.until(lambda: len(self.kept(task)) >= count)

    def kept(self, task: Task) -> list[int]:
        rows = self.store.checkpoints.list(task.id)
        return [row.index for row in rows if row.state is CheckpointState.PUBLISHED]

    def get(self, task: Task) -> Task:
        return self.store.tasks.get(task.id)

    def placed(self, task: Task) -> Placement:
        return self.store.placements.of_task(task.id)[-1]

    def waits(self, task: Task, words: str) -> str:
        """Why it waits, once these words are in it."""
        self.until(lambda: (all_ := self.store.placements.of_task(task.id)) and words in (all_[-1].why or ""))
        return self.placed(task).why or ""

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
        tasks = [(t.id, t.status, t.reason, t.message) for t in self.store.tasks.list(limit=100)]
        placements = [p for task in self.store.tasks.list(limit=100) for p in self.store.placements.of_task(task.id)]
        said = [event.message for task in tasks[:3] for event in self.store.events.after(task[0])][-30:]
        pods = self.kubectl("get", "pods", "--output=wide")
        described = self.kubectl("describe", "pods")[-6000:]
        return f"{tasks}\n{placements}\n{said}\n{pods}\n{described}\n{self._logs()}"

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

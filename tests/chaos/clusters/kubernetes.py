"""Acts against a real Kubernetes: its nodes, its own parts, its pods."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clusters.kubernetes_pod import INSTALLATION
from agent.domain import Task
from tests.chaos.clusters.field import Field, Met
from tests.chaos.clusters.judge import Left
from tests.chaos.clusters.plan import Act
from tests.support.fleet import Fleet
from tests.support.postgres import PostgresServer

# Pods of a node that is gone are given up soon; each keeps its agent half a minute to save what it has.
TEMPLATE = """
spec:
  terminationGracePeriodSeconds: 30
  tolerations:
    - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
    - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
"""


class KubernetesField(Field):
    def __init__(self, fleet: Fleet, kubeconfig: Path, postgres: PostgresServer, folder: Path) -> None:
        template = folder / "template.yaml"
        template.write_text(TEMPLATE)
        settings = fleet.installation.settings
        env = {
            **fleet.environment,
            "KUBECONFIG": str(kubeconfig),
            "AGENT_STORE_URL": str(settings.store_url),
            "AGENT_ARTIFACTS_URL": settings.artifacts,
            "AGENT_ARTIFACTS_ENDPOINT": settings.artifacts_endpoint,
            "AGENT_KUBERNETES_IMAGE": settings.kubernetes_image,
            "AGENT_KUBERNETES_TEMPLATE": str(template),
            "AGENT_KUBERNETES_POLL": "0.5",
        }
        gates = {"store": fleet.store_gate, "objects": fleet.objects_gate}
        super().__init__(fleet, "kubernetes", env, postgres, gates, folder)
        self._fleet = fleet
        self.acts |= {
            "delete a pod": self._delete_a_pod,
            "kill the kubelet": self._kill("kubelet"),
            "kill containerd": self._kill("containerd"),
            "kill a node": self._kill("node"),
            "kill the scheduler": self._kill_centre("scheduler"),
            "kill the API server": self._kill_centre("apiserver"),
        }

    def submit(self, overrides: tuple[str, ...], restarts: int) -> Task:
        return self._fleet.queue(*overrides, restarts=restarts)

    def revive(self) -> None:
        for part in ("etcd", "apiserver", "controller-manager", "scheduler"):
            self._fleet.cluster.restart(part)
        for node in self._fleet.cluster.nodes:
            self._fleet.cluster.restart("node", node)
        super().revive()

    def left(self) -> list[Left]:
        pods = self._fleet.kubectl("get", "pods", "--output=name").split()
        secrets = self._fleet.kubectl("get", "secrets", f"--selector={INSTALLATION}", "--output=name").split()
        folder = self._fleet.cluster.folder
        found = [*super().left(), Left("pod", pods), Left("secret", secrets)]
        for node in self._fleet.cluster.nodes if folder is not None else ():
            assert folder is not None
            tasks = folder / node / "run" / "state" / "io.containerd.runtime.v2.task" / "k8s.io"
            found.append(Left(f"container on {node}", _names(tasks)))
            found.append(Left(f"volume on {node}", _names(folder / node / "kubelet" / "pods")))
        return found

    @contextmanager
    def kept_logs(self) -> Iterator[Callable[[], None]]:
        """Gives what keeps the logs of agents that are there now: they go with their pods."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)

        def keep() -> None:
            root = self._fleet.cluster.folder
            for log in root.glob("*/pods/*/agent/*.log") if root is not None else ():
                try:
                    (logs / f"{log.parts[-3]}-{log.stat().st_ino}.log").hardlink_to(log)
                except OSError:  # it is kept already, or gone
                    continue

        yield keep

    def _delete_a_pod(self, act: Act) -> Met | None:
        running = self.running()
        if not running:
            return None
        placement, task = running[act.choice % len(running)]
        try:
            self._fleet.kubectl("delete", "pod", str(placement.job), "--wait=false")
        except subprocess.CalledProcessError:  # it is gone, or the API server is away
            return None
        return Met(act.way, {task.id}, about=f"of task {task.id}")

    def _kill(self, part: str) -> Callable[[Act], Met | None]:
        def kill(act: Act) -> Met | None:
            nodes = self._fleet.cluster.nodes
            node = nodes[act.choice % len(nodes)]
            self._fleet.cluster.kill(part, node)
            return Met(act.way, node=node, mend=lambda: self._fleet.cluster.restart(part, node), about=node)

        return kill

    def _kill_centre(self, part: str) -> Callable[[Act], Met | None]:
        def kill(act: Act) -> Met | None:
            self._fleet.cluster.kill(part)
            return Met(act.way, mend=lambda: self._fleet.cluster.restart(part))

        return kill


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

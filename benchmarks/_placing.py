"""Pods that run per second: tasks that our controller places, and plain Jobs, on the same hollow nodes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.clusters.kubernetes_api import connect, kinds, merge
from agent.domain import NewModel, NewProject, NewTask, TaskOptions, TaskType
from agent.settings import Settings
from agent.store import Store, open_store
from benchmarks._controller import controller
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.postgres import PostgresServer

IMAGE = "supervisely-local/pause:1"  # nobody pulls it: hollow nodes have every image
_LIMIT_S = 900.0
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
# Hollow nodes cannot mount a part of a volume.
_TEMPLATE = """
spec:
  containers:
    - name: plugin
      volumeMounts: [{mountPath: /sly_task_data, subPath: null}]
"""


@dataclass(frozen=True, slots=True)
class Placed:
    per_s: float  # pods, from the start of whoever makes them until the last one runs
    cpu_ms: float  # of our controller's processor for each; 0 for Jobs
    requests: float  # of our controller to the API server for each


def settings_of(postgres: PostgresServer, namespace: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a controller whose pods never run: no object store is needed."""
    template = folder / "template.yaml"
    template.write_text(_TEMPLATE)
    return {
        "AGENT_HOME": str(folder / namespace),
        "AGENT_STORE_URL": postgres.url,
        "AGENT_ARTIFACTS_URL": "s3://nowhere/at-all",
        "AGENT_ARTIFACTS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AGENT_KUBERNETES_IMAGE": IMAGE,
        "AGENT_KUBERNETES_NAMESPACE": namespace,
        "AGENT_KUBERNETES_JOBS": "100000",
        "AGENT_KUBERNETES_TEMPLATE": str(template),
        **more,
    }


def place_tasks(
    cluster: KubernetesCluster, postgres: PostgresServer, namespace: str, tasks: int, folder: Path
) -> Placed:
    """Tasks that are queued when the controller starts."""
    postgres.empty()
    folder.mkdir()
    with open_store(postgres.url) as store:
        queue(store, tasks)
    with pods_in(cluster, namespace) as pods, controller(folder, settings_of(postgres, namespace, folder)) as running:
        cpu_before = running.cpu_s()
        took_s = pods.until_running(tasks) - running.began_at
        cpu_s, requests = running.cpu_s() - cpu_before, running.requests()
    return Placed(tasks / took_s, 1000 * cpu_s / tasks, requests / tasks)


def make_jobs(cluster: KubernetesCluster, namespace: str, count: int) -> Placed:
    container = {"name": "main", "image": IMAGE, "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}
    pod = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    items = [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"plain-{number}", "namespace": namespace},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }
        for number in range(count)
    ]
    said = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    with pods_in(cluster, namespace) as pods:
        started = time.monotonic()
        cluster.kubectl("create", "--filename=-", stdin=said, within_s=_LIMIT_S)
        return Placed(count / (pods.until_running(count) - started), 0.0, 0.0)


def queue(store: Store, count: int, *, gpus: str = "none") -> None:
    known = store.plugins.put(
        title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train"], readme="",
        configs=[], image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("start", "1" * 64, 10, {}))
    options = TaskOptions(gpus=gpus)
    new = NewTask(TaskType.TRAIN, "net", known.id, project.id, model.id, {"lr": 0.1}, options=options)
    for _ in range(count):
        store.tasks.add(new)


# ---------------------------------------------------------------- pods


class Pods:
    """The pods of a namespace, as a watch of tables tells of them: a hundred times less than the pods themselves."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self._running: dict[str, float] = {}  # name → since when, time.monotonic()
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def until_running(self, count: int) -> float:
        """When so many ran."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._running) >= count, _LIMIT_S):
                raise TimeoutError(f"{len(self._running)} of {count} pods run after {_LIMIT_S:g} s")
            return sorted(self._running.values())[count - 1]

    def _listen(self) -> None:
        import httpx2

        api = self._client._client
        asked = api.prepare_request("list", kinds()["Pod"], namespace=self._namespace, watch=True)
        asked.params |= {"includeObject": "Metadata", "timeoutSeconds": str(int(_LIMIT_S))}
        asked.headers = {"Accept": _TABLE}
        asked.timeout = httpx2.Timeout(30.0, read=_LIMIT_S)
        with suppress(httpx2.HTTPError, RuntimeError):  # the end of the block
            answer = api.send(api.build_adapter_request(asked), stream=True)
            answer.raise_for_status()
            for line in answer.iter_lines():
                self._heard(json.loads(line)["object"].get("rows", ()))

    def _heard(self, rows: list[Mapping[str, Any]]) -> None:
        with self._changed:
            for row in rows:
                if "Running" in row["cells"]:
                    self._running.setdefault(row["cells"][0], time.monotonic())
            self._changed.notify_all()


@contextmanager
def pods_in(cluster: KubernetesCluster, namespace: str) -> Iterator[Pods]:
    """A namespace while the block runs."""
    cluster.kubectl("create", "namespace", namespace)
    cluster.until("serviceaccount/default", "{.metadata.name}", bool, namespace=namespace)
    client = connect(Settings(kubernetes_namespace=namespace))
    try:
        yield Pods(client, namespace)
    finally:
        _empty(cluster, client, namespace)
        cluster.kubectl("delete", "namespace", namespace, within_s=_LIMIT_S)
        client.close()


def _empty(cluster: KubernetesCluster, client: Any, namespace: str) -> None:
    """Jobs first: they would make their pods anew."""
    pod = kinds()["Pod"]
    cluster.kubectl("delete", "jobs", "--all", "--wait=false", f"--namespace={namespace}", within_s=_LIMIT_S)

    def end(name: str) -> None:
        with suppress(Exception):  # it went meanwhile, or the next turn meets it
            client.patch(pod, name, {"metadata": {"finalizers": None}}, patch_type=merge())
            client.delete(pod, name, grace_period=0)

    with ThreadPoolExecutor(8) as pool:
        while left := [one["metadata"]["name"] for one in client.list(pod, chunk_size=500)]:
            list(pool.map(end, left))

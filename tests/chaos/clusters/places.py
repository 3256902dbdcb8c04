"""A cluster, its servers and an installation for one chaos."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.clusters.kubernetes import KubernetesField
from tests.chaos.clusters.run import Chaos, Report
from tests.chaos.clusters.slurm import SlurmField
from tests.chaos.clusters.stories import Blobs
from tests.support import s3_server
from tests.support.farm import farm_of
from tests.support.fleet import fleet_of, keys_of, make_namespace
from tests.support.gate import gate
from tests.support.kubernetes_cluster import KubernetesCluster
from tests.support.postgres import SOCKET, started_postgres
from tests.support.slurm import SlurmCluster

CONNECTIONS = 200  # of agents that are started again and again, and of those that are gone without a word


def on_kubernetes(
    cluster: KubernetesCluster, folder: Path, *, seed: int, seconds: float, away_s: Mapping[str, float]
) -> Report:
    """`folder` keeps what happened."""
    with (
        started_postgres(connections=CONNECTIONS) as postgres,
        _objects() as objects,
        _environ(keys_of(objects)),
    ):
        namespace = f"chaos-{seed}-{os.getpid()}"
        kubeconfig = make_namespace(cluster, namespace, folder)
        with fleet_of(cluster, namespace, postgres, objects, folder) as fleet:
            place = KubernetesField(fleet, kubeconfig, postgres, folder)
            blobs = Blobs(objects.client(), folder.name)
            return Chaos(place, "kubernetes", blobs, seed=seed, away_s=away_s).run(seconds)


def on_slurm(slurm: SlurmCluster, folder: Path, *, seed: int, seconds: float, away_s: Mapping[str, float]) -> Report:
    """`folder` keeps what happened."""
    with (
        started_postgres(connections=CONNECTIONS) as postgres,
        _objects() as objects,
        _environ(keys_of(objects)),
        gate("127.0.0.1", str(postgres.folder / SOCKET)) as store_gate,
        gate("127.0.0.1", ("127.0.0.1", int(objects.endpoint.rpartition(":")[2]))) as objects_gate,
    ):
        settings = {
            "store_url": f"postgresql://tester@127.0.0.1:{store_gate.address[1]}/postgres",
            "artifacts_url": f"s3://{s3_server.BUCKET}/{folder.name}",
            "artifacts_endpoint": f"http://127.0.0.1:{objects_gate.address[1]}",
        }
        with farm_of(slurm, folder, store=postgres.url, **settings) as farm:
            gates = {"store": store_gate, "objects": objects_gate}
            place = SlurmField(farm, keys_of(objects), postgres, gates, folder)
            blobs = Blobs(objects.client(), folder.name)
            return Chaos(place, "slurm", blobs, seed=seed, away_s=away_s).run(seconds)


@contextmanager
def _objects() -> Iterator[s3_server.Server]:
    with tempfile.TemporaryDirectory(prefix="chaos-s3-") as folder, s3_server.serving(Path(folder)) as server:
        yield server


@contextmanager
def _environ(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

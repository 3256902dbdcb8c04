"""Hollow nodes: real kubelets without containers, whose pods run at once and do nothing (kubemark).

The programs of Kubernetes that tests build do not have it: `scripts/cluster-kubernetes.sh build kubemark` adds it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.kubernetes_cluster import KubernetesCluster

_READY_S = 120.0
# It leaves folders in /tmp, and a socket there whose name is the same for all: nodes would end each other's pods.
_IN_ITS_TMP = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /tmp && cd / && exec "$@"')


def program_of(cluster: KubernetesCluster) -> Path:
    return Path(cluster.program).with_name("kubemark")


@contextmanager
def hollow_nodes(cluster: KubernetesCluster, count: int) -> Iterator[None]:
    """The cluster with so many hollow nodes while the block runs; its real ones take no pods meanwhile."""
    names = [f"hollow-{number}" for number in range(count)]
    cluster.kubectl("cordon", *cluster.nodes)
    with tempfile.TemporaryDirectory(prefix="hollow", ignore_cleanup_errors=True) as folder:
        processes = []
        try:
            for name, port in zip(names, _free_ports(count), strict=True):
                own = Path(folder) / name
                own.mkdir()
                for file in (program_of(cluster), cluster.kubeconfig):
                    _bring(file, own)
                words = ("--morph=kubelet", f"--name={name}", "--kubeconfig=/tmp/kubeconfig", "--v=0")
                ports = (f"--kubelet-port={port}", "--kubelet-read-only-port=0")
                with (Path(folder) / f"{name}.log").open("w") as log:
                    processes.append(
                        subprocess.Popen(
                            [*_IN_ITS_TMP, str(own), "/tmp/kubemark", *words, *ports],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        )
                    )  # fmt: skip
            _wait_until_ready(cluster, names)
            yield
        finally:
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()
            cluster.kubectl("delete", "node", "--ignore-not-found", "--wait=false", *names)
            cluster.kubectl("uncordon", *cluster.nodes)


def _bring(file: Path, folder: Path) -> None:
    try:
        (folder / file.name).hardlink_to(file)
    except OSError:  # another disk
        shutil.copy(file, folder)


def _wait_until_ready(cluster: KubernetesCluster, names: list[str]) -> None:
    deadline = time.monotonic() + _READY_S
    ready = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'
    while True:
        said = cluster.kubectl("get", "nodes", f"--output=jsonpath={ready}").split()
        if all(f"{name}=True" in said for name in names):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"hollow nodes are not ready after {_READY_S:g} s: {said}")
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()

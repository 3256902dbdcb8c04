"""Clusters for the demo: real ones of two nodes on this machine, with a controller, ended when the demo ends.

`make demo CLUSTER=slurm` and `make demo CLUSTER=kubernetes`. On a cluster of your own, docs/reference/clusters.md says
what nodes need; the demo does not touch it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import s3_server
from tests.support.gate import gate
from tests.support.postgres import SOCKET, programs_missing, started_postgres

ROOT = Path(__file__).resolve().parents[1]
AGENT_IMAGE = "supervisely-local/agent-demo:1"
NAMES = ("slurm", "kubernetes")
_CONF = "SLURM_CONF="


@contextmanager
def slurm(folder: Path) -> Iterator[Mapping[str, str]]:
    """Gives the variables of the controller and of the commands. Jobs run the plugin as a process."""
    own = {"CLUSTER_SLURM_DIR": str(folder / "slurm"), "CLUSTER_SLURM_PORT": "17640", "CLUSTER_SLURM_NODE": "demo"}
    script = [ROOT / "scripts" / "cluster-slurm.sh"]
    said = _output([*script, "start"], own)
    conf = next(line for line in said.splitlines() if line.startswith(_CONF))
    try:
        yield {
            "SLURM_CONF": conf.removeprefix(_CONF),
            "AGENT_ENGINE": "process",
            "AGENT_SLURM_CPUS": "2",
            "AGENT_SLURM_HOME": str(folder / "node"),
            "AGENT_SLURM_POLL": "1",
        }
    finally:
        _output([*script, "stop"], own)


@contextmanager
def kubernetes(folder: Path, base_image: str) -> Iterator[Mapping[str, str]]:
    """Gives the variables of the controller and of the commands. Pods reach a database and objects of this machine."""
    if missing := programs_missing():
        sys.exit(f"the demo on Kubernetes needs PostgreSQL: {missing}")
    own = {"CLUSTER_KUBERNETES_DIR": str(folder / "kube")}
    script = [ROOT / "scripts" / "cluster-kubernetes.sh"]
    _output([*script, "build"], own)
    args = (f"BASE_IMAGE={base_image}", "EXTRAS=postgres s3")
    build = ["docker", "build", "--quiet", "--file", "agent/Dockerfile", "--tag", AGENT_IMAGE]
    _output([*build, *(f"--build-arg={arg}" for arg in args), "."], {})
    with ExitStack() as stack:
        _output([*script, "start"], own)
        stack.callback(_output, [*script, "stop"], own)
        lines = (folder / "kube" / "cluster.env").read_text().splitlines()
        known = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
        host = known["HOST_ADDRESS"]
        (folder / "objects").mkdir(parents=True, exist_ok=True)
        database = stack.enter_context(started_postgres(syncs=True))
        objects = stack.enter_context(s3_server.serving(folder / "objects"))
        store = stack.enter_context(gate(host, str(database.folder / SOCKET)))
        port = int(objects.endpoint.rpartition(":")[2])
        artifacts = stack.enter_context(gate(host, ("127.0.0.1", port)))
        keys = {name: value for name, value in objects.environ.items() if name != "AWS_ENDPOINT_URL"}
        yield {
            **keys,
            "KUBECONFIG": known["KUBECONFIG"],
            "AGENT_STORE_URL": f"postgresql://tester@{host}:{store.address[1]}/postgres",
            "AGENT_ARTIFACTS_URL": f"s3://{s3_server.BUCKET}/demo",
            "AGENT_ARTIFACTS_ENDPOINT": f"http://{host}:{artifacts.address[1]}",
            "AGENT_KUBERNETES_IMAGE": AGENT_IMAGE,
            "AGENT_KUBERNETES_POLL": "1",
            **own,
        }


def load(image: str, folder: Path, env: Mapping[str, str]) -> None:
    """Bring an image of Docker to the nodes."""
    file = folder / "image.tar"
    _output(["docker", "save", "--output", file, image], {})
    _output([ROOT / "scripts" / "cluster-kubernetes.sh", "load", file], env)
    file.unlink()


@contextmanager
def controller(name: str, folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Tasks are placed on the cluster while the block runs."""
    with (folder / f"{name}.log").open("ab") as log:
        command = [str(Path(sys.executable).parent / "agent"), "run", "--cluster", name]
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _output(command: list[str | Path], env: Mapping[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)  # the command has printed the reason
    return done.stdout

"""A real Kubernetes cluster of two nodes, with daemons that a test may kill (scripts/cluster-kubernetes.sh).

A developer's own cluster of kind, k3d or minikube is used in its place where KUBECONFIG leads to one. No other cluster
is ever touched, because tests fill namespaces and load images.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.inputs import ROOT

SCRIPT = ROOT / "scripts" / "cluster-kubernetes.sh"
_LOADERS = {  # by the beginning of the context's name
    "kind-": ("kind", "load", "docker-image", "--name"),
    "k3d-": ("k3d", "image", "import", "--cluster"),
    "minikube": ("minikube", "image", "load", "--profile"),
}


@dataclass(frozen=True)
class KubernetesCluster:
    kubeconfig: Path
    host_address: str  # this machine, for pods of all nodes
    nodes: tuple[str, ...]
    program: str  # kubectl
    folder: Path | None = None  # of a cluster started here; else it is the developer's
    context: str = ""

    def kubectl(self, *words: str, stdin: str | None = None, within_s: float = 60) -> str:
        """What kubectl prints. Raises CalledProcessError, with its words in `stderr`."""
        done = subprocess.run(
            [self.program, "--kubeconfig", str(self.kubeconfig), *words],
            input=stdin, capture_output=True, text=True, check=False, timeout=within_s, env=self._env(),
        )  # fmt: skip
        if done.returncode:
            failed = subprocess.CalledProcessError(done.returncode, ["kubectl", *words], done.stdout, done.stderr)
            failed.add_note(done.stderr)
            raise failed
        return done.stdout.strip()

    def apply(self, *objects: dict[str, object]) -> None:
        self.kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def until(
        self,
        what: str,
        field: str,
        reached: Callable[[str], bool],
        *,
        namespace: str = "default",
        within_s: float = 60,
    ) -> str:
        """The first value of a field (`{.status.phase}`) of an object (`pod/a`) that is the one waited for."""
        place = (f"--kubeconfig={self.kubeconfig}", f"--namespace={namespace}")
        with subprocess.Popen(
            [self.program, *place, "get", what, "--watch", f"--output=jsonpath={field}{{'\\n'}}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, env=self._env(),
        ) as watching:  # fmt: skip
            assert watching.stdout is not None
            end, value = time.monotonic() + within_s, ""
            try:
                while select.select([watching.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                    if not (line := watching.stdout.readline()):
                        break
                    if reached(value := line.strip()):
                        return value
            finally:
                watching.kill()
        described = subprocess.run(
            [self.program, *place, "describe", what], capture_output=True, text=True, check=False, env=self._env()
        )
        raise AssertionError(
            f"{what} has {field} = {value!r} after {within_s:.0f} s\n{(described.stdout + described.stderr)[-3000:]}"
        )

    def token(self, account: str, namespace: str = "default") -> str:
        """Of a service account: whoever has it acts with the rights that the account was given."""
        secret = self.until(f"serviceaccount/{account}", "{.secrets[0].name}", bool, namespace=namespace)
        encoded = self.until(f"secret/{secret}", "{.data.token}", bool, namespace=namespace)
        return base64.b64decode(encoded).decode()

    def load_image(self, reference: str) -> None:
        """Bring an image of the local Docker engine to all nodes."""
        if self.folder is None:
            loader = next(words for prefix, words in _LOADERS.items() if self.context.startswith(prefix))
            name = self.context.removeprefix("kind-").removeprefix("k3d-")
            subprocess.run([*loader, name, reference], check=True, capture_output=True, timeout=300)
            return
        with tempfile.NamedTemporaryFile(suffix=".tar") as file:
            subprocess.run(["docker", "save", "--output", file.name, reference], check=True, timeout=300)
            self._script("load", file.name)

    def kill(self, daemon: str, node: str = "") -> None:
        """kill -9 of etcd, apiserver, controller-manager, scheduler, or of a node's kubelet or containerd.

        The daemon `node` is the node with all its containers, as if its power went.
        """
        self._script("kill", daemon, *filter(None, [node]))

    def restart(self, daemon: str, node: str = "") -> None:
        """Start it again, and wait until it answers."""
        self._script("revive", daemon, *filter(None, [node]))

    def _script(self, *words: str) -> None:
        if self.folder is None:
            pytest.skip("only a cluster that was started here lets its daemons be killed")
        done = run_script(self.folder, *words)
        assert done.returncode == 0, done.stderr

    def _env(self) -> dict[str, str]:
        """Without a proxy, which leads elsewhere."""
        home = {"HOME": str(self.folder)} if self.folder else {}  # where kubectl keeps what it learned of the API
        return {**os.environ, "NO_PROXY": "*", "no_proxy": "*", **home}


def run_script(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {"CLUSTER_KUBERNETES_DIR": str(folder)}
    return subprocess.run(
        [SCRIPT, *words], env={**os.environ, **own}, capture_output=True, text=True, check=False, timeout=280
    )


@contextmanager
def running_kubernetes() -> Iterator[KubernetesCluster]:
    """A cluster while the block runs. Where none can be had the test is skipped with the reason; in CI it fails."""
    if cluster := _of_the_developer():
        yield cluster
        return
    folder = Path(tempfile.mkdtemp(prefix="kube"))  # short: a socket's path holds 107 bytes
    try:
        started = run_script(folder, "start")
        if started.returncode:
            _absent(started.stderr.strip())
        yield _read(folder)
    finally:
        if os.getuid() == 0:
            run_script(folder, "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> KubernetesCluster:
    lines = (folder / "cluster.env").read_text().splitlines()
    values = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
    return KubernetesCluster(
        kubeconfig=Path(values["KUBECONFIG"]),
        host_address=values["HOST_ADDRESS"],
        nodes=tuple(values["NODES"].split()),
        program=values["KUBECTL"],
        folder=folder,
    )


def _of_the_developer() -> KubernetesCluster | None:
    program = shutil.which("kubectl")
    if not (path := os.environ.get("KUBECONFIG")) or program is None:
        return None
    shown = KubernetesCluster(Path(path), "", (), program)
    context = shown.kubectl("config", "current-context")
    if not context.startswith(tuple(_LOADERS)):
        return None
    names = shown.kubectl("get", "nodes", "--output=jsonpath={.items[*].metadata.name}").split()
    field = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
    node = shown.kubectl("get", "nodes", f"--output=jsonpath={field}")
    return KubernetesCluster(Path(path), _own_address_towards(node), tuple(names), program, context=context)


def _own_address_towards(address: str) -> str:
    """Nothing is sent: the system only chooses the interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

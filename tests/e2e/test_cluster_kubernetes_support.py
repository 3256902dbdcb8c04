"""The Kubernetes cluster that other tests use: pods on both nodes, this machine in their network, nodes that die."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.kubernetes_cluster import KubernetesCluster, running_kubernetes

pytestmark = pytest.mark.docker  # the image of the pods


@pytest.fixture(scope="module")
def kubernetes(base_image: str) -> Iterator[KubernetesCluster]:
    with running_kubernetes() as cluster:
        cluster.load_image(base_image)
        yield cluster


def _pod(name: str, image: str, script: str, *, limits: Mapping[str, str] = {}, **spec: object) -> dict[str, object]:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", script],
        "resources": {"limits": dict(limits)},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


class _Greeting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"greeting from the host")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _greeting_server(address: str) -> Iterator[str]:
    with ThreadingHTTPServer((address, 0), _Greeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{address}:{server.server_port}"
        finally:
            server.shutdown()


def test_pods_of_both_nodes_reach_this_machine_and_their_output_and_exit_code_are_kept(
    kubernetes: KubernetesCluster, base_image: str
) -> None:
    with _greeting_server(kubernetes.host_address) as url:
        ask = f"import sys, urllib.request as u; print(u.urlopen({url!r}, timeout=9).read().decode()); sys.exit(3)"
        pods = {f"asks-{node}": node for node in kubernetes.nodes}
        kubernetes.apply(*(_pod(name, base_image, ask, nodeName=node) for name, node in pods.items()))
        code = "{.status.containerStatuses[0].state.terminated.exitCode}"
        for name in pods:
            assert kubernetes.until(f"pod/{name}", code, bool) == "3"
            assert kubernetes.kubectl("logs", name) == "greeting from the host"
    kubernetes.kubectl("delete", "pod", *pods, "--wait=false")


def test_memory_is_limited_and_gpus_are_counted(kubernetes: KubernetesCluster, base_image: str) -> None:
    kubernetes.apply(
        _pod("eats", base_image, "b'x' * (200 << 20)", limits={"memory": "64Mi"}),
        _pod("greedy", base_image, "pass", limits={"nvidia.com/gpu": "2"}),
        _pod("modest", base_image, "pass", limits={"nvidia.com/gpu": "1"}),
    )
    reason = "{.status.containerStatuses[0].state.terminated.reason}"
    assert kubernetes.until("pod/eats", reason, bool) == "OOMKilled"
    assert kubernetes.until("pod/modest", reason, bool) == "Completed"
    message = '{.status.conditions[?(@.type=="PodScheduled")].message}'
    assert "Insufficient nvidia.com/gpu" in kubernetes.until("pod/greedy", message, bool)
    kubernetes.kubectl("delete", "pod", "eats", "greedy", "modest", "--wait=false")


def test_a_service_account_has_the_rights_that_it_was_given(kubernetes: KubernetesCluster) -> None:
    kubernetes.kubectl("create", "serviceaccount", "reader")
    kubernetes.kubectl("create", "rolebinding", "reader", "--clusterrole=view", "--serviceaccount=default:reader")
    own = (f"--token={kubernetes.token('reader')}", "auth", "can-i")
    # The token must win over that of the kubeconfig, which may do everything.
    assert kubernetes.kubectl(*own, "list", "pods") == "yes"
    with pytest.raises(Exception, match="exit status 1"):
        kubernetes.kubectl(*own, "create", "pods")


@pytest.mark.timeout(400)
def test_pods_of_a_node_that_lost_its_power_are_taken_away_and_it_comes_back(
    kubernetes: KubernetesCluster, base_image: str
) -> None:
    lost = kubernetes.nodes[-1]
    kubernetes.apply(_pod("lost", base_image, "import time; time.sleep(600)", nodeName=lost))
    kubernetes.until("pod/lost", "{.status.phase}", lambda phase: phase == "Running")
    kubernetes.kill("node", lost)
    ready = '{.status.conditions[?(@.type=="Ready")].status}'
    assert kubernetes.until(f"node/{lost}", ready, lambda status: status != "True") == "Unknown"
    # On a busy machine the other node may be late with its sign of life, too; then Kubernetes takes away nothing.
    kubernetes.until("pod/lost", "{.metadata.deletionTimestamp}", bool, within_s=180)
    kubernetes.restart("node", lost)
    assert kubernetes.until(f"node/{lost}", ready, lambda status: status == "True") == "True"
    kubernetes.kubectl("wait", "--for=delete", "pod/lost", "--timeout=180s", within_s=200)

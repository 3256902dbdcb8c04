"""`agent cluster check kubernetes`: what tasks on Kubernetes lack, seen from here and from inside of a pod."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.clusters import ClusterUnavailable, How, Job, JobRefused, JobRequest, JobState
from agent.clusters.judging import facts_in, judge
from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_pod import probe_pod
from agent.doctor.finding import Finding, fail, ok, warn
from agent.domain import TaskOptions
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.settings import Settings

LOOK_S = 0.5
# Verb and resource of each right that the controller uses.
RIGHTS = (
    ("create", "pods", ""), ("list", "pods", ""), ("watch", "pods", ""), ("patch", "pods", ""), ("delete", "pods", ""),
    ("get", "pods", "log"),
    ("create", "secrets", ""), ("patch", "secrets", ""), ("delete", "secrets", ""),
)  # fmt: skip
_DOCUMENT = "docs/reference/kubernetes.md describes it."


def check_kubernetes(settings: Settings, cluster: Kubernetes, *, wait_s: float) -> Iterator[Finding]:
    """A finding after the other, as it is known. The pod of the probe is waited for so long, then it is deleted."""
    try:
        missing = [" ".join(right).strip() for right in RIGHTS if not cluster.may(*right)]
        yield ok("cluster", f"it answers; namespace {cluster.namespace}")
        if missing:
            remedy = "Give the account the Role of docs/kubernetes/controller.yaml."
            yield fail("rights", f"this account may not: {', '.join(missing)}", remedy)
            return
        yield ok("rights", "pods, their logs, and secrets")
        yield _nodes(settings, cluster)
        label = f"sly-check{uuid.uuid4().hex[:8]}-0-0"
        request = JobRequest(0, 0, label, TaskOptions(), image=settings.kubernetes_image)
        cluster.create(cluster.manifest(request), only_test=True)
        yield ok("request", "Kubernetes would take a pod with these settings")
        yield from _probed(settings, cluster, label, wait_s)
    except JobRefused as refused:
        yield fail("request", str(refused), _DOCUMENT)
    except BadInput as error:
        yield fail("request", str(error), _DOCUMENT)
    except ClusterUnavailable as error:
        yield fail("cluster", str(error), "Ask `kubectl get pods`; KUBECONFIG names the configuration.")


def _nodes(settings: Settings, cluster: Kubernetes) -> Finding:
    try:
        capacity = cluster.capacity()
    except JobRefused:
        return ok("nodes", "this account may not see them, and need not")
    said = f"{capacity.nodes_idle} of {capacity.nodes} take pods, {capacity.cpus} processors"
    if not capacity.nodes_idle:
        return fail("nodes", said, "Look at `kubectl get nodes`.")
    gpus = cluster.gpus()
    if settings.kubernetes_gpus > gpus:
        remedy = (
            "Set AGENT_KUBERNETES_GPU to the name that `kubectl describe node` lists, or lower AGENT_KUBERNETES_GPUS."
        )
        return warn(
            "nodes", f"{said}; none has {settings.kubernetes_gpus} {settings.kubernetes_gpu} (at most {gpus})", remedy
        )
    return ok("nodes", said + (f", up to {gpus} GPUs on one" if gpus else ""))


def _probed(settings: Settings, cluster: Kubernetes, label: str, wait_s: float) -> Iterator[Finding]:
    submitted_s, deadline = time.time(), time.monotonic() + wait_s
    job = Job(label, label, JobState.WAITING)
    try:
        cluster.put_settings(label)
        cluster.create(probe_pod(label, settings))
        while job.state is not JobState.ENDED:
            if time.monotonic() > deadline:
                said = f"pod {label} is still {job.state.value} after {wait_s:g} s" + (
                    f": {job.why}" if job.why else ""
                )
                yield warn("pod", said, "Try again with a longer --wait.")
                return
            time.sleep(LOOK_S)
            job = next(iter(cluster.find([label]).get(label, ())), job)
        log = cluster.log(label, job.id)
    finally:
        with suppress(ClusterUnavailable, JobRefused):
            cluster.forget(label)
            cluster.take_settings(label)
    facts = facts_in(log)
    if job.how not in (How.DONE, How.FAILED) or facts is None:
        said = (log.splitlines() or [job.why or (job.how.value if job.how else "")])[-1]
        remedy = (
            "AGENT_KUBERNETES_IMAGE has to be an image of this program, of this release; agent/Dockerfile makes it."
        )
        yield fail("pod", f"the agent cannot start: {said}", remedy)
        return
    yield ok("pod", f"it ran on {job.node}")
    larger = "Give the pods more ephemeral storage, or a volume named home by AGENT_KUBERNETES_TEMPLATE."
    yield from judge(facts, settings, submitted_s, time.time(), larger_home=larger)

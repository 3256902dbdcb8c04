"""What Kubernetes says of a pod, read as a job. Pure.

Facts: the Pod API (`status.phase`, `conditions`, `containerStatuses`), tried on 1.20: a child that the kernel killed
for lack of memory makes a container `OOMKilled` whatever its exit code; a pod of a dead node stays `Running`; a pod
that is deleted says so by its `deletionTimestamp` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agent.clusters import GIVEN_BACK, Capacity, How, Job, JobState
from agent.clusters.kubernetes_pod import AGENT, CANCELLED, PLACEMENT, PLUGIN
from agent.domain import LOCAL_IMAGES

Pod = Mapping[str, Any]

# A container that waits for one of these may wait for ever. Kubernetes tries again, so they are given time.
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
_START = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff", "StartError"}
)
_NEVER = frozenset({"ErrImageNeverPull", "InvalidImageName"})  # no time changes these
_OF_ONE_MACHINE = (
    f"images of {LOCAL_IMAGES} stay on the machine that built them: set AGENT_REGISTRY there to a registry, and give "
    "the image to it with `agent plugin push`"
)
_AGENT_WAS_STARVED = "the container `agent` had too little memory; give it more by AGENT_KUBERNETES_TEMPLATE"
MOST_CRASHES = 12  # of an agent in a row: some forty minutes, by the pauses of Kubernetes
_CREATING = frozenset({"ContainerCreating", "PodInitializing"})
# Reasons of a whole pod (`status.reason`), and of the condition DisruptionTarget of newer releases.
_MADE_ROOM = frozenset(
    {
        "Evicted", "Preempting", "PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI",
        "TerminationByKubelet", "Terminated", "NodeShutdown", "Shutdown",
    }
)  # fmt: skip
_NODE_FAILED = frozenset({"NodeLost", "DeletionByPodGC"})
# A node that would not have it after all: the scheduler was late. Also each OutOf…, as OutOfcpu.
_NOT_ADMITTED = frozenset(
    {"NodeAffinity", "UnexpectedAdmissionError", "TopologyAffinityError", "NodePorts", "UnexpectedAdmission"}
)


def label_of(pod: Pod) -> str | None:
    label = (pod["metadata"].get("labels") or {}).get(PLACEMENT)
    return label if isinstance(label, str) else None


def read_pod(pod: Pod, *, why: str | None = None, is_overdue: bool = False, is_stuck: bool = False) -> Job:
    """The pod as a job.

    `why` is what keeps it from starting, as `obstacle` has told it; `is_stuck`: for so long that it is given up.
    `is_overdue`: it was deleted, and should have ended some time ago.
    """
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    node, agent = spec.get("nodeName") or "", _container(status, AGENT)
    done = agent.get("state", {}).get("terminated") or {}
    base = Job(
        pod["metadata"]["name"],
        label_of(pod) or "",
        JobState.WAITING,
        node=node,
        submitted_at=_time(pod["metadata"].get("creationTimestamp")),
        started_at=_time((agent.get("state", {}).get("running") or done).get("startedAt")),
    )
    # Nothing is started again in a pod that is deleted: an agent that has ended there, however, was its last.
    if status.get("phase") in ("Succeeded", "Failed") or (done and (done.get("exitCode") == 0 or _deleted(pod))):
        return _ended(base, pod, done)
    if _deleted(pod) and not node:  # it was deleted before a node had it
        return _at(base, *_deletion(pod))
    if is_overdue:
        return _at(base, How.NODE_FAILED, "its node does not answer, and it was deleted there")
    if is_stuck and why is not None:
        return _at(base, _how_stuck(status), why)
    has_crashed = bool(agent.get("lastState", {}).get("terminated"))  # it had begun, and is started again
    if has_crashed or (base.started_at is not None and why is None and not _creating(status)):
        ends = "its pod is being ended" if _deleted(pod) else ""
        return _at(base, None, why or ends, state=JobState.RUNNING)
    return _at(base, None, why or _why_it_waits(status, node), state=JobState.WAITING)


def obstacle(pod: Pod) -> str | None:
    """Why a container of it cannot start, a sentence; None when nothing keeps it."""
    for name, reason, message in _waiting(pod.get("status") or {}):
        if reason in _IMAGE:
            remedy = f"; {_OF_ONE_MACHINE}" if _is_local(pod, name) else ""
            return f"the image of its container {name} cannot be had: {message or reason}{remedy}"
        if reason in _START:
            return f"its container {name} cannot be started: {message or reason}"
    return None


def _is_local(pod: Pod, container: str) -> bool:
    """Whether the image of a container is of the names that are on no registry."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    image = next((str(one.get("image")) for one in containers if one.get("name") == container), "")
    return image.startswith(LOCAL_IMAGES)


def is_hopeless(pod: Pod) -> bool:
    """Whether no time changes what `obstacle` says."""
    return any(reason in _NEVER for _, reason, _ in _waiting(pod.get("status") or {}))


def is_started_again(pod: Pod) -> bool:
    """Whether it waits only for its agent, which has crashed and which Kubernetes starts again after a pause.

    That takes up to five minutes, and its plugin runs on meanwhile. An agent that crashes again and again is given up.
    """
    crashed = _container(pod.get("status") or {}, AGENT)
    waits_for = [(name, reason) for name, reason, _ in _waiting(pod.get("status") or {})]
    return waits_for == [(AGENT, "CrashLoopBackOff")] and int(crashed.get("restartCount") or 0) < MOST_CRASHES


def last_words(pod: Pod) -> str:
    """What its agent has left beside its exit code, when it ended by a failure that nobody expects; else empty."""
    done = _container(pod.get("status") or {}, AGENT).get("state", {}).get("terminated") or {}
    return str(done.get("message") or "").partition("\n")[2].strip()


def has_a_reason_of_its_own(pod: Pod) -> bool:
    """Whether Kubernetes tells the cause now, and not only that it waits before it tries again."""
    return not any(reason in ("ImagePullBackOff", "CrashLoopBackOff") for _, reason, _ in _waiting(pod["status"]))


def misses_settings(pod: Pod) -> bool:
    """Whether its agent cannot start because an object is missing from which it takes its environment."""
    return any(
        name == AGENT and reason == "CreateContainerConfigError" and "not found" in message
        for name, reason, message in _waiting(pod.get("status") or {})
    )


def read_capacity(nodes: Sequence[Mapping[str, Any]]) -> Capacity:
    """All nodes, those that take pods, and their processors; how many of these are free is not told."""
    ready = [node for node in nodes if not (node.get("spec") or {}).get("unschedulable") and _is_ready(node)]
    cpus = sum(_cpus(str(((node.get("status") or {}).get("allocatable") or {}).get("cpu", "0"))) for node in nodes)
    return Capacity(nodes=len(nodes), nodes_idle=len(ready), cpus=int(cpus), cpus_idle=None)


def most_of(nodes: Sequence[Mapping[str, Any]], resource: str) -> int:
    """How many of a countable resource the richest node has."""
    found = [str(((node.get("status") or {}).get("allocatable") or {}).get(resource, "0")) for node in nodes]
    return max((int(one) for one in found if one.isdigit()), default=0)


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _cpus(quantity: str) -> float:
    """`1900m` → 1.9; a quantity that cannot be read counts as none."""
    number, unit = (quantity[:-1], 1000) if quantity.endswith("m") else (quantity, 1)
    return int(number) / unit if number.isdigit() else 0.0


def _ended(base: Job, pod: Pod, done: Mapping[str, Any]) -> Job:
    """`done` is the end of its agent's container; the agent leaves its own exit code in the message of a true end."""
    said = str(done.get("message") or "").partition("\n")[0]
    code = int(said) if done.get("exitCode") == 0 and said.isdigit() and len(said) <= 3 else None
    how, why = _how(pod, done, code)
    return _at(base, how, why, code=done.get("exitCode") if code is None else code, at=_time(done.get("finishedAt")))


def _how(pod: Pod, done: Mapping[str, Any], code: int | None) -> tuple[How, str]:
    if code == 0:
        return How.DONE, ""
    if code == GIVEN_BACK and not _deleted(pod):  # else its agent could not say more: the store was away
        return How.GIVEN_BACK, ""
    status = pod["status"]
    reasons = {status.get("reason")}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            reasons.add(condition.get("reason"))
    words = _first_line(status.get("message"))
    known = (
        (bool(reasons & _MADE_ROOM), (How.PREEMPTED, words)),
        (bool(reasons & _NODE_FAILED), (How.NODE_FAILED, words)),
        (_was_not_admitted(status.get("reason")), (How.GIVEN_BACK, words)),
        ("DeadlineExceeded" in reasons, (How.TIME_LIMIT, words)),
        (_deleted(pod), _deletion(pod)),
        (done.get("reason") == "OOMKilled" and code is None, (How.FAILED, _AGENT_WAS_STARVED)),
    )
    return next((how for is_so, how in known if is_so), (How.FAILED, words))


def _at(
    base: Job,
    how: How | None,
    why: str,
    *,
    state: JobState = JobState.ENDED,
    code: int | None = None,
    at: datetime | None = None,
) -> Job:
    return replace(base, state=state, how=how, why=why, exit_code=code, ended_at=at)


def _why_it_waits(status: Mapping[str, Any], node: str) -> str:
    if node:
        return f"node {node} makes its volumes, fetches its images and starts its containers"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") != "True":
            if condition.get("reason") == "SchedulingGated":
                return "it waits for its queue"
            said = _first_line(condition.get("message")) or str(condition.get("reason"))
            return f"no node can take it: {said}"
    return "it waits for the scheduler"


def _first_line(message: Any) -> str:
    lines = str(message or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else ""


def _container(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next((one for one in status.get("containerStatuses") or () if one.get("name") == name), {})


def _waiting(status: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Container, reason and message of each that waits."""
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if waiting := (one.get("state") or {}).get("waiting"):
            yield one.get("name", ""), waiting.get("reason") or "", _first_line(waiting.get("message"))


def _how_stuck(status: Mapping[str, Any]) -> How:
    """A plugin that cannot start ends its task; what else keeps a pod is not the task's fault."""
    reasons = [reason for name, reason, _ in _waiting(status) if name == PLUGIN]
    if any(reason in _IMAGE for reason in reasons):
        return How.NO_IMAGE
    is_its_own = any(reason in _START and reason != "CreateContainerConfigError" for reason in reasons)
    return How.FAILED if is_its_own else How.GIVEN_BACK


def _was_not_admitted(reason: str | None) -> bool:
    return reason is not None and (reason in _NOT_ADMITTED or reason.startswith("OutOf"))


def _creating(status: Mapping[str, Any]) -> bool:
    return any(reason in _CREATING for _, reason, _ in _waiting(status))


def _deletion(pod: Pod) -> tuple[How, str]:
    if CANCELLED in (pod["metadata"].get("annotations") or {}):
        return How.CANCELLED, ""
    return How.PREEMPTED, "its pod was deleted"


def _deleted(pod: Pod) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

"""What Kubernetes says of a pod, read as a job."""

from __future__ import annotations

from typing import Any

import pytest

from agent.clusters import How, JobState
from agent.clusters.kubernetes_pod import CANCELLED, PLACEMENT
from agent.clusters.kubernetes_reading import is_hopeless, most_of, obstacle, read_capacity, read_pod

RUNS = {"running": {"startedAt": "2026-01-01T00:00:05Z"}}


def ended(exit_code: int = 0, message: str = "", reason: str = "Completed") -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": exit_code, "message": message, "reason": reason, "startedAt": "2026-01-01T00:00:05Z",
            "finishedAt": "2026-01-01T00:01:00Z",
        }
    }  # fmt: skip


def waits(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def pod(
    agent: dict[str, Any] | None = None,
    plugin: dict[str, Any] | None = None,
    *,
    phase: str = "Running",
    node: str = "n1",
    deleted: bool = False,
    cancelled: bool = False,
    **status: Any,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": "sly-a-7-1",
        "labels": {PLACEMENT: "sly-a-7-1"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:40Z"
    if cancelled:
        metadata["annotations"] = {CANCELLED: "true"}
    containers = [{"name": name, "state": state} for name, state in (("plugin", plugin), ("agent", agent)) if state]
    return {
        "metadata": metadata, "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }  # fmt: skip


UNSCHEDULABLE = {
    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
    "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
}  # fmt: skip
GATED = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "Scheduling is blocked"}


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (pod(phase="Pending", node=""), "it waits for the scheduler"),
        (
            pod(phase="Pending", node="", conditions=[UNSCHEDULABLE]),
            "no node can take it: 0/2 nodes are available: 2 Insufficient nvidia.com/gpu",
        ),
        (pod(phase="Pending", node="", conditions=[GATED]), "it waits for its queue"),
        (pod(phase="Pending"), "node n1 makes its volumes, fetches its images and starts its containers"),
        (
            pod(RUNS, waits("ContainerCreating"), phase="Pending"),
            "node n1 makes its volumes, fetches its images and starts its containers",
        ),
    ],
)
def test_a_pod_that_waits_says_what_for(seen: dict[str, Any], why: str) -> None:
    job = read_pod(seen)
    assert (job.state, job.why, job.how) == (JobState.WAITING, why, None)


def test_a_pod_whose_containers_run_is_a_running_job() -> None:
    job = read_pod(pod(RUNS, RUNS))
    assert (job.state, job.node, job.id, job.label) == (JobState.RUNNING, "n1", "sly-a-7-1", "sly-a-7-1")
    assert job.started_at is not None
    assert read_pod(pod(RUNS, ended())).state is JobState.RUNNING
    assert read_pod(pod(RUNS, RUNS, deleted=True)).why == "its pod is being ended"
    crashed = pod(waits("CrashLoopBackOff", "back-off 10s"), RUNS)
    crashed["status"]["containerStatuses"][1]["lastState"] = ended(137)
    assert (read_pod(crashed).state, read_pod(crashed).how) == (JobState.RUNNING, None)


@pytest.mark.parametrize(
    ("seen", "how", "code"),
    [
        (pod(ended(message="0"), ended(), phase="Succeeded"), How.DONE, 0),
        (pod(ended(message="0"), RUNS), How.DONE, 0),  # the plugin's container is about to end
        (pod(ended(message="75")), How.GIVEN_BACK, 75),
        (pod(ended(137), RUNS, deleted=True), How.PREEMPTED, 137),  # no container of it is started again
        (pod(ended(message="75"), deleted=True), How.PREEMPTED, 75),  # its store was away, so it could not say more
        (pod(ended(message="1")), How.FAILED, 1),
        (pod(ended(message="70\nTraceback\nKeyError: 1")), How.FAILED, 70),
        (pod(ended(137), phase="Failed"), How.FAILED, 137),
        (pod(ended(137, reason="OOMKilled"), phase="Failed"), How.FAILED, 137),
        (pod(ended(137), phase="Failed", deleted=True), How.PREEMPTED, 137),
        (pod(ended(message="1"), deleted=True), How.PREEMPTED, 1),
        (pod(ended(message="1"), deleted=True, cancelled=True), How.CANCELLED, 1),
        (pod(ended(message="0"), deleted=True), How.DONE, 0),
        (pod(phase="Pending", node="", deleted=True, cancelled=True), How.CANCELLED, None),
        (pod(phase="Pending", node="", deleted=True), How.PREEMPTED, None),
        (pod(phase="Failed", reason="Evicted", message="low on memory"), How.PREEMPTED, None),
        (pod(phase="Failed", reason="NodeLost"), How.NODE_FAILED, None),
        (pod(phase="Failed", reason="OutOfcpu"), How.GIVEN_BACK, None),
        (pod(phase="Failed", reason="OutOfnvidia.com/gpu"), How.GIVEN_BACK, None),
        (pod(phase="Failed", reason="TopologyAffinityError"), How.GIVEN_BACK, None),
        (pod(ended(137), phase="Failed", reason="DeadlineExceeded"), How.TIME_LIMIT, 137),
        (
            pod(
                phase="Failed",
                conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
            ),
            How.PREEMPTED,
            None,
        ),
    ],
)
def test_a_pod_that_has_ended_says_how(seen: dict[str, Any], how: How, code: int | None) -> None:
    job = read_pod(seen)
    assert (job.state, job.how, job.exit_code) == (JobState.ENDED, how, code)


def test_a_child_that_the_kernel_killed_does_not_make_a_true_end_another() -> None:
    assert read_pod(pod(ended(message="0", reason="OOMKilled"))).how is How.DONE


def test_a_deleted_pod_whose_node_is_silent_is_a_failed_node() -> None:
    seen = pod(RUNS, RUNS, deleted=True)
    assert read_pod(seen).state is JobState.RUNNING
    assert read_pod(seen, is_overdue=True).how is How.NODE_FAILED


def test_what_keeps_a_container_from_starting_is_told_and_after_a_while_it_is_the_end() -> None:
    image = pod(RUNS, waits("ErrImagePull", "no such image\nand more"), phase="Pending")
    why = obstacle(image)
    assert why == "the image of its container plugin cannot be had: no such image"
    assert (read_pod(image, why=why).state, read_pod(image, why=why).why) == (JobState.WAITING, why)
    assert read_pod(image, why=why, is_stuck=True).how is How.NO_IMAGE
    assert not is_hopeless(image)
    local = pod(RUNS, waits("ErrImageNeverPull", "it is not present"), phase="Pending")
    local["spec"] = {**local.get("spec", {}), "containers": [{"name": "plugin", "image": "local/net:1"}]}
    assert is_hopeless(local)
    assert "it is not present; images of local/ stay on the machine that built them: set AGENT_REGISTRY" in (
        obstacle(local) or ""
    )
    broken = pod(RUNS, waits("RunContainerError", "exec: /bin/sh: no such file"))
    assert read_pod(broken, why=obstacle(broken), is_stuck=True).how is How.FAILED
    for not_its_fault in (
        pod(waits("ErrImagePull", "no such image"), RUNS, phase="Pending"),  # of the agent: a setting is wrong
        pod(RUNS, waits("CreateContainerConfigError", 'secret "x" not found'), phase="Pending"),
    ):
        assert read_pod(not_its_fault, why=obstacle(not_its_fault), is_stuck=True).how is How.GIVEN_BACK
    assert (is_hopeless(image), is_hopeless(pod(waits("InvalidImageName"), RUNS))) == (False, True)
    assert obstacle(pod(RUNS, RUNS)) is None


def test_nodes_are_counted() -> None:
    ready = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "allocatable": {"cpu": "1900m", "nvidia.com/gpu": "2"},
    }
    nodes: list[dict[str, Any]] = [
        {"status": ready},
        {"status": ready, "spec": {"unschedulable": True}},
        {"status": {}},
    ]
    capacity = read_capacity(nodes)
    assert (capacity.nodes, capacity.nodes_idle, capacity.cpus) == (3, 1, 3)
    assert (most_of(nodes, "nvidia.com/gpu"), most_of(nodes, "amd.com/gpu")) == (2, 0)

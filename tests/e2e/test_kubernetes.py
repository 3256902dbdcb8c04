"""Tasks on a real Kubernetes: two nodes, the plugin's own image, every line and checkpoint, and what takes them."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_check import check_kubernetes
from agent.doctor.finding import Verdict
from agent.domain import Task, TaskStatus
from agent.engines.docker import DockerEngine
from agent.events.model import Stream
from agent.liveness import agents_alive, why_waiting
from tests.chaos.audit import audit
from tests.chaos.clusters.places import on_kubernetes
from tests.e2e.conftest import _absent
from tests.support import s3_server
from tests.support.fleet import AGENT_IMAGE, MANIFESTS, Fleet, bring_images, fleet_of, keys_of, make_namespace
from tests.support.inputs import COUNTED, ODD, Cli
from tests.support.kubernetes_cluster import KubernetesCluster, running_kubernetes
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.registry import running_registry, why_no_registry

pytestmark = [pytest.mark.timeout(280), pytest.mark.docker]

NAMESPACE = "tasks"
SHORT = ("lines=60", "pause=0.01", "checkpoint_every=20")


@pytest.fixture(scope="module")
def cluster(
    docker_engine: object, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KubernetesCluster]:
    with running_kubernetes() as cluster:
        bring_images(cluster, base_image, tmp_path_factory.mktemp("build"))
        yield cluster


@pytest.fixture(scope="module")
def kubeconfig(cluster: KubernetesCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_namespace(cluster, NAMESPACE, tmp_path_factory.mktemp("account"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_server.Server]:
    with s3_server.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def fleet(
    cluster: KubernetesCluster,
    kubeconfig: Path,
    postgres: PostgresServer,
    objects: s3_server.Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Fleet]:
    keys = keys_of(objects)
    for name, value in {**keys, "KUBECONFIG": str(kubeconfig)}.items():
        monkeypatch.setenv(name, value)
    with fleet_of(cluster, NAMESPACE, postgres, objects, tmp_path) as made:
        yield made


def are_placed(fleet: Fleet, tasks: Sequence[Task], count: int) -> bool:
    return sum(bool(fleet.store.placements.of_task(task.id)) for task in tasks) >= count


def agents_of(task_id: int) -> list[psutil.Process]:
    """The agents in pods that run this task: nodes are processes of this machine."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[-5:-1] == ["run", "--task", str(task_id), "--placement"] and "sh" not in words[0]:
            found.append(process)
    return found


def test_tasks_over_two_nodes_keep_every_line_and_checkpoint(fleet: Fleet) -> None:
    tasks = [fleet.queue(*SHORT) for _ in range(6)]
    with fleet.controller():
        ended = [fleet.ends(task, 200) for task in tasks]
        fleet.is_clean()

    assert {task.status for task in ended} == {TaskStatus.FINISHED}, fleet.state()
    assert audit(fleet.installation, []) == []
    assert {fleet.placed(task).node for task in tasks} == set(fleet.cluster.nodes)
    assert {(fleet.placed(task).number, fleet.placed(task).how) for task in tasks} == {(1, "done")}
    for task in tasks:
        said: dict[Stream, list[str]] = {stream: [] for stream in (Stream.STDOUT, Stream.STDERR)}
        for event in fleet.store.events.each(task.id):
            if event.stream in said and event.message.startswith(("out ", "err ")):
                said[event.stream].append(event.message)
        assert said[Stream.STDOUT] == [f"out {n}" for n in range(1, 61)]
        assert said[Stream.STDERR] == [f"err {n}" for n in range(1, 61)]


def test_a_stop_ends_a_waiting_and_a_running_task_and_a_gpu_that_no_node_has_is_named(fleet: Fleet) -> None:
    with fleet.controller():
        running, waiting = fleet.long(), fleet.queue(*SHORT, gpus="0,1,2,3")
        why = fleet.waits(waiting, "nvidia.com/gpu")
        fleet.store.tasks.request_stop(waiting.id)
        stopped = fleet.ends(waiting)
        fleet.saves(running)
        fleet.store.tasks.request_stop(running.id)
        ended = fleet.ends(running)
        fleet.is_clean()

    assert "no node can take it" in why
    assert (stopped.status, stopped.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert fleet.placed(waiting).how == "cancelled"
    assert audit(fleet.installation, []) == []


def test_a_plugin_without_memory_and_an_image_that_nobody_has_end_with_a_true_sentence(fleet: Fleet) -> None:
    with fleet.controller(stuck_s=5):
        starved = fleet.queue("behaviour=oom", plugin=ODD, memory_bytes=100 << 20)
        plugin = fleet.store.plugins.get(starved.plugin_id)
        fleet.store.plugins.put(
            title="None", description="", type="architecture", image="local/nobody-has-it", tag="1", modes=["train"],
            readme="", configs=[], image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        none = next(one for one in fleet.store.plugins.list() if one.image == "local/nobody-has-it")
        fleet.inputs["none"] = none
        missing = fleet.queue(*SHORT, plugin=Path("none"))
        ended = fleet.ends(starved), fleet.ends(missing)
        fleet.is_clean()

    assert plugin.title
    assert (ended[0].status, ended[0].reason) == (TaskStatus.ERROR, "out_of_memory"), ended[0]
    assert (ended[1].status, ended[1].reason) == (TaskStatus.ERROR, "image_not_found"), ended[1]
    assert "the image of its container plugin cannot be had" in (ended[1].message or "")
    assert "set AGENT_REGISTRY there to a registry" in (ended[1].message or "")


def test_an_image_in_the_artifacts_waits_with_the_remedy_and_a_pushed_one_is_pulled_by_its_digest(
    fleet: Fleet, base_image: str, docker_engine: DockerEngine, tmp_path: Path
) -> None:
    if fleet.cluster.folder is None:
        pytest.skip("nodes of other clusters do not reach a registry on this machine without more")
    if why := why_no_registry():
        _absent(why)
    folder = tmp_path / "plugin"
    shutil.copytree(COUNTED, folder)
    (folder / "VERSION").write_text(name := f"nn-pods-{uuid.uuid4().hex[:8]}:0.1.0")
    settings = fleet.installation.settings
    builder = Cli(tmp_path / "builder", {
        "AGENT_STORE_URL": settings.store_url,
        "AGENT_ARTIFACTS_URL": settings.artifacts_url,
        "AGENT_ARTIFACTS_ENDPOINT": settings.artifacts_endpoint,
    })  # fmt: skip
    try:
        builder.run("build", folder, "--base", f"base-py={base_image}", "--push")
        plugin = fleet.inputs[str(folder)] = fleet.store.plugins.find(f"local/{name}")
        assert plugin.kept_bytes
        task, other = fleet.queue(*SHORT, plugin=folder), fleet.queue(*SHORT)
        with running_registry(tmp_path / "registry") as registry, fleet.controller():
            fleet.ends(other)  # which came later
            assert fleet.store.placements.of_task(task.id) == []
            why = why_waiting(agents_alive(fleet.store), task, plugin)
            assert f"set AGENT_REGISTRY to a registry and run `agent plugin push {plugin.id}`" in why

            pusher = replace(builder, env={**builder.env, "AGENT_REGISTRY": registry.name})
            pushed = pusher.run("plugin", "push", plugin.id).stdout.strip()
            assert pushed.startswith(f"{registry.name}/{name.partition(':')[0]}@sha256:")
            ended = fleet.ends(task)
            fleet.is_clean()
        assert ended.status is TaskStatus.FINISHED, fleet.state()
        assert audit(fleet.installation, []) == []
    finally:
        docker_engine.remove_image(f"local/{name}")


def test_a_pod_that_is_deleted_keeps_what_was_saved_and_its_task_says_so(fleet: Fleet) -> None:
    with fleet.controller():
        task = fleet.long()
        fleet.saves(task)
        fleet.kubectl("delete", "pod", str(fleet.placed(task).job), "--wait=false")
        ended = fleet.ends(task)
        fleet.is_clean()

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "job_preempted"), ended
    assert "was taken away" in (ended.message or "")
    assert fleet.kept(task)
    assert audit(fleet.installation, []) == []


def test_an_agent_that_is_killed_goes_on_in_its_pod_where_it_was(fleet: Fleet) -> None:
    with fleet.controller():
        task = fleet.long()
        fleet.saves(task)
        (agent,) = agents_of(task.id)
        agent.kill()
        ended = fleet.ends(task)
        fleet.is_clean()

    assert ended.status is TaskStatus.FINISHED, fleet.state()
    assert audit(fleet.installation, []) == []
    assert (fleet.placed(task).number, fleet.placed(task).how) == (1, "done")


def test_controllers_that_are_killed_place_no_task_twice_and_forget_none(fleet: Fleet) -> None:
    settings = fleet.installation.settings
    cli = Cli(settings.home, {
        "AGENT_STORE_URL": settings.store_url, "AGENT_ARTIFACTS_URL": settings.artifacts_url,
        "AGENT_ARTIFACTS_ENDPOINT": settings.artifacts_endpoint, "AGENT_KUBERNETES_IMAGE": AGENT_IMAGE,
        "AGENT_KUBERNETES_POLL": "0.3",
    })  # fmt: skip
    tasks = [fleet.queue(*SHORT) for _ in range(4)]
    for jobs in (1, 3):
        process = cli.start("run", "--cluster", "kubernetes")
        fleet.until(partial(are_placed, fleet, tasks, jobs))
        process.kill()
        process.communicate()
    process = cli.start("run", "--cluster", "kubernetes")
    ended = [fleet.ends(task, 200) for task in tasks]
    fleet.is_clean()
    process.terminate()
    assert "Traceback" not in process.communicate(timeout=60)[1]

    assert {task.status for task in ended} == {TaskStatus.FINISHED}, fleet.state()
    assert audit(fleet.installation, []) == []
    assert [len(fleet.store.placements.of_task(task.id)) for task in tasks] == [1] * 4, fleet.state()


def test_store_and_artifacts_that_are_cut_off_are_only_a_delay(fleet: Fleet) -> None:
    with fleet.controller():
        task = fleet.long()
        fleet.saves(task)
        fleet.objects_gate.shut()
        fleet.store_gate.shut()
        time.sleep(5)  # in which the plugin prints on
        fleet.store_gate.open()
        fleet.objects_gate.open()
        ended = fleet.ends(task)
        fleet.is_clean()

    assert ended.status is TaskStatus.FINISHED, fleet.state()
    assert audit(fleet.installation, []) == []


def test_kubelet_and_containerd_may_die_under_a_task(fleet: Fleet) -> None:
    with fleet.controller():
        task = fleet.long()
        fleet.saves(task)
        node = str(fleet.placed(task).node)
        for daemon in ("kubelet", "containerd"):
            fleet.cluster.kill(daemon, node)
        fleet.saves(task, len(fleet.kept(task)) + 2)
        for daemon in ("containerd", "kubelet"):
            fleet.cluster.restart(daemon, node)
        ended = fleet.ends(task)
        fleet.is_clean()

    assert ended.status is TaskStatus.FINISHED, fleet.state()
    assert audit(fleet.installation, []) == []


@pytest.mark.timeout(480)
def test_a_task_whose_node_loses_its_power_goes_on_elsewhere_from_its_last_checkpoint(fleet: Fleet) -> None:
    soon = [
        {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
        for state in ("not-ready", "unreachable")
    ]
    template = fleet.folder / "pod.yaml"
    template.write_text(json.dumps({"spec": {"tolerations": soon, "terminationGracePeriodSeconds": 1}}))
    with fleet.controller(kubernetes_template=template):
        task = fleet.long(restarts=1)
        fleet.saves(task, 3)
        node = str(fleet.placed(task).node)
        fleet.cluster.kill("node", node)
        try:
            # On a busy machine the other node may be late with its sign of life, too; then nothing is taken away.
            fleet.until(lambda: fleet.get(task).attempt == 2, 240)
            before = max(fleet.kept(task))
            fleet.until(lambda: fleet.get(task).status.is_final, 120)
        finally:
            fleet.cluster.restart("node", node)
        ended = fleet.ends(task)
        fleet.is_clean()

    assert ended.status is TaskStatus.FINISHED, fleet.state()
    first, second = fleet.store.placements.of_task(task.id)
    assert (first.how, first.node, second.how) == ("node_failed", node, "done")
    assert second.node != node
    lost, kept = fleet.store.attempts.list(task.id)
    assert lost.reason == "node_lost"
    start = next(row for row in fleet.store.checkpoints.list(task.id) if row.index == before)
    assert kept.model_id == start.model_id


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_whatever_is_killed_nothing_is_lost_nothing_is_there_twice_and_nothing_is_left(
    cluster: KubernetesCluster, tmp_path: Path
) -> None:
    """`make chaos CLUSTER=kubernetes`, for a moment."""
    if cluster.folder is None:
        pytest.skip("only a cluster that was started here lets its daemons be killed")
    report = on_kubernetes(cluster, tmp_path, seed=1, seconds=20, away_s={})
    print(report.text())
    assert report.problems == [], report.text()
    assert report.acts.total() >= 4, report.text()


def test_the_check_finds_nothing_here_and_names_what_is_wrong(fleet: Fleet) -> None:
    settings = fleet.installation.settings

    def found(**changes: Any) -> list[tuple[str, str]]:
        changed = replace(settings, **changes)
        with closing(Kubernetes(changed, fleet.environment)) as there:
            findings = list(check_kubernetes(changed, there, wait_s=60))
        return [(one.about, one.said) for one in findings if one.verdict is not Verdict.OK]

    assert found() == []
    (request,) = found(kubernetes_image="")
    assert "AGENT_KUBERNETES_IMAGE" in request[1]
    (there,) = found(store_url="postgresql://tester@127.0.0.1:1/postgres")
    assert there[0] == "store there"
    (rights,) = found(kubernetes_namespace="default")
    assert "create pods" in rights[1]
    assert fleet.left == []


def test_the_documents_of_a_whole_installation_are_taken_by_the_cluster(cluster: KubernetesCluster) -> None:
    said = cluster.kubectl("kustomize", str(MANIFESTS))
    assert said.count("runAsNonRoot: true") == 4
    cluster.kubectl("create", "namespace", "supervisely")
    done = cluster.kubectl("apply", "--kustomize", str(MANIFESTS), "--dry-run=server")
    assert done.count("dry run") >= 12, done

"""The pod of a placement: what the plugin gets, what its agent gets, and where secrets are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.clusters import JobRefused, JobRequest
from agent.clusters.kubernetes_pod import FINALIZER, PLACEMENT, pod, probe_pod, secret
from agent.domain import TaskOptions
from agent.settings import Settings, read_settings

SETTINGS = Settings(
    home=Path("/home/a"),
    store_url="postgresql+psycopg://u:secret@db/x",
    artifacts_url="s3://bucket/prefix",
    kubernetes_image="registry/agent:1",
    token="of the web",
    engine="docker",
    min_free="1G",
)


def request(avoid: tuple[str, ...] = (), **options: Any) -> JobRequest:
    return JobRequest(7, 2, "sly-abc-7-2", TaskOptions(**options), avoid, "registry/net:3")


def made(settings: Settings = SETTINGS, avoid: tuple[str, ...] = (), **options: Any) -> Any:
    return pod(request(avoid, **options), settings)


def changed(**settings: Any) -> Settings:
    return replace(SETTINGS, **settings)


def test_the_plugin_has_its_own_image_and_sees_its_task_folder_alone() -> None:
    agent, plugin = made()["spec"]["containers"]
    assert (plugin["image"], plugin["imagePullPolicy"]) == ("registry/net:3", "IfNotPresent")
    assert plugin["volumeMounts"][0] == {"name": "home", "mountPath": "/sly_task_data", "subPath": "tasks/7"}
    assert {mount["name"] for mount in plugin["volumeMounts"]} == {"home", "control", "shm"}
    assert plugin["env"] == [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]  # it has asked for no GPU
    assert plugin["securityContext"]["capabilities"] == {"drop": ["NET_RAW"]}
    assert "envFrom" not in plugin
    assert agent["command"][-6:] == ["agent", "run", "--task", "7", "--placement", "2"]
    assert made()["spec"]["volumes"][2]["emptyDir"] == {"medium": "Memory", "sizeLimit": str(SETTINGS.shm_bytes)}


def test_an_image_of_one_machine_is_never_asked_of_a_registry_and_a_pushed_one_is_pulled_by_its_digest() -> None:
    """The account `local` of a public registry is a stranger's; a node may have been given the image."""
    for pull in ("missing", "always", "never"):
        asked = JobRequest(7, 2, "sly-abc-7-2", TaskOptions(pull=pull), image="local/net:1")
        assert pod(asked, SETTINGS)["spec"]["containers"][1]["imagePullPolicy"] == "Never"
    asked = JobRequest(7, 2, "sly-abc-7-2", TaskOptions(), image="reg/net@sha256:1")
    plugin = pod(asked, SETTINGS)["spec"]["containers"][1]
    assert (plugin["image"], plugin["imagePullPolicy"]) == ("reg/net@sha256:1", "IfNotPresent")


def test_no_value_of_a_setting_is_in_the_pod_and_the_secret_has_what_a_node_needs() -> None:
    assert "secret@db" not in json.dumps(made())
    data = secret("sly-abc-7-2", SETTINGS, {"AWS_SECRET_ACCESS_KEY": "k", "AWS_PROFILE": "p", "PATH": "/bin"})
    assert data["stringData"] == {
        "AGENT_ARTIFACTS_URL": "s3://bucket/prefix",
        "AGENT_STORE_URL": "postgresql+psycopg://u:secret@db/x",
        "AGENT_MIN_FREE": "1G",
        "AWS_SECRET_ACCESS_KEY": "k",
    }
    assert data["metadata"]["name"] == "sly-abc-settings"


def test_a_pod_has_no_token_no_services_and_a_name_by_which_it_is_found() -> None:
    found = made()
    assert found["metadata"]["name"] == found["metadata"]["labels"][PLACEMENT] == "sly-abc-7-2"
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert (found["spec"]["automountServiceAccountToken"], found["spec"]["enableServiceLinks"]) == (False, False)
    assert all(not one["securityContext"]["allowPrivilegeEscalation"] for one in found["spec"]["containers"])


@pytest.mark.parametrize(
    ("gpus", "setting", "asked"),
    [("auto", 0, None), ("auto", 2, "2"), ("none", 2, None), ("None", 2, None), ("0,3", 0, "2"), ("all", 4, "4")],
)
def test_gpus_are_counted(gpus: str, setting: int, asked: str | None) -> None:
    plugin = made(changed(kubernetes_gpus=setting, kubernetes_gpu="amd.com/gpu"), gpus=gpus)["spec"]["containers"][1]
    assert plugin["resources"]["limits"].get("amd.com/gpu") == asked


def test_memory_is_the_tasks_own_limit_over_the_setting() -> None:
    settings = changed(kubernetes_memory="2G", kubernetes_cpus="4")
    plugin = made(settings)["spec"]["containers"][1]
    assert plugin["resources"] == {"requests": {"cpu": "4", "memory": str(2 << 30)}, "limits": {"memory": str(2 << 30)}}
    assert made(settings, memory_bytes=5)["spec"]["containers"][1]["resources"]["limits"] == {"memory": "5"}


def test_a_node_that_could_not_run_the_task_is_avoided() -> None:
    assert "affinity" not in made()["spec"]
    affinity = made(avoid=("n1",))["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]  # there may be no other node
    where = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["n1"]}
    assert term["preference"]["matchExpressions"] == [where]


def test_queue_account_and_pull_secrets_are_those_of_the_settings() -> None:
    found = made(changed(kubernetes_queue="team", kubernetes_service_account="s", kubernetes_pull_secrets="a, b"))
    assert found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert found["spec"]["serviceAccountName"] == "s"
    assert found["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_what_a_pod_cannot_do_is_refused_with_the_remedy() -> None:
    for settings, options, words in (
        (changed(kubernetes_image=""), {}, "AGENT_KUBERNETES_IMAGE is not set"),
        (SETTINGS, {"hardened": True}, "hardened container"),
        (changed(hardened=True), {}, "hardened container"),
        (SETTINGS, {"gpus": "all"}, "set AGENT_KUBERNETES_GPUS"),
    ):
        with pytest.raises(JobRefused, match=words):
            made(settings, **options)
    for settings, words in (
        (changed(store_url=""), "AGENT_STORE_URL"),
        (changed(artifacts_url="/mnt/shared"), "AGENT_ARTIFACTS_URL"),
    ):
        with pytest.raises(JobRefused, match=words):
            secret("sly-abc-7-2", settings, {})
    assert secret("sly-abc-7-2", changed(artifacts_url="/mnt/x", kubernetes_template=Path("/t.yaml")), {})


def test_the_probe_is_the_agent_alone_and_leaves_nothing_behind() -> None:
    found = probe_pod("sly-check1-0-0", changed(kubernetes_gpus=3))
    (agent,) = found["spec"]["containers"]
    assert agent["command"] == ["agent", "cluster", "probe"]
    assert (found["spec"]["restartPolicy"], "finalizers" in found["metadata"]) == ("Never", False)


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("kubernetes_cpus", "abc", "500m"),
        ("kubernetes_gpu", "gpu", "amd.com/gpu"),
        ("kubernetes_queue", "a b", "team-1"),
        ("kubernetes_namespace", "Team", "team"),
    ],
)
def test_a_setting_that_kubernetes_would_refuse_is_refused_at_the_start(name: str, bad: str, good: str) -> None:
    _, refused = read_settings({name: bad})
    assert "is no" in refused[name]
    assert read_settings({name: good}) == ({name: good}, {})

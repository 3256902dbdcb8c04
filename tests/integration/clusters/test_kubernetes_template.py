"""A template of pods: what it changes, what it cannot change, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.clusters import JobRequest
from agent.clusters.kubernetes import Kubernetes
from agent.clusters.kubernetes_pod import FINALIZER
from agent.domain import TaskOptions
from agent.errors import BadInput
from agent.settings import Settings


def manifest(template: Path) -> dict[str, Any]:
    settings = Settings(home=template.parent, kubernetes_image="agent:1", kubernetes_template=template)
    return Kubernetes(settings).manifest(JobRequest(1, 1, "sly-a-1-1", TaskOptions(), image="net:1"))


def test_a_template_says_where_and_how_and_what_the_controller_relies_on_stays(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(
        "metadata: {name: mine, labels: {team: a, supervisely-local/placement: x}, finalizers: null}\n"
        "spec:\n  restartPolicy: Never\n  nodeSelector: {gpu: a100}\n"
        "  containers:\n  - {name: plugin, env: [{name: A, value: b}]}\n"
    )
    made = manifest(file)
    assert made["metadata"]["name"] == "sly-a-1-1"
    assert made["metadata"]["labels"]["team"] == "a"
    assert made["metadata"]["labels"]["supervisely-local/placement"] == "sly-a-1-1"
    assert made["metadata"]["finalizers"] == [FINALIZER]
    assert (made["spec"]["restartPolicy"], made["spec"]["nodeSelector"]) == ("OnFailure", {"gpu": "a100"})
    (plugin,) = [one for one in made["spec"]["containers"] if one["name"] == "plugin"]
    assert plugin["env"][1:] == [{"name": "A", "value": "b"}]
    file.write_text("")
    assert "nodeSelector" not in manifest(file)["spec"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spec: [", "line 1"),
        ("spec:\n  a: b: c\n", "line 2"),
        ("- 1\n", "no map"),
        ("Spec: {}\n", "'Spec' is no part of a pod"),
        ("kind: Job\n", "kind is 'Job'"),
        ("spec: 3\n", "spec is no map"),
        ("spec: {containers: {name: plugin}}\n", "spec.containers is no list of maps"),
        ("a: &a [1]\nb: *c\n", "line 2"),
        ("spec: {containers: [{image: x}]}\n", "spec.containers has no name"),
        ("spec: {containers: [{name: [a]}]}\n", "spec.containers has no name"),
        ("spec: {containers: [{name: plugin, volumeMounts: [{mountPath: {a: 1}}]}]}\n", "none that a pod can have"),
        ("spec: &s\n  nodeSelector: *s\n", "none that a pod can have"),
        ("metadata: {namespace: other}\n", "AGENT_KUBERNETES_NAMESPACE"),
        ("!!python/object/apply:os.system ['true']\n", "line 1"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as raised:
        manifest(file)
    assert words in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_template_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        manifest(tmp_path / "none.yaml")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="no text in UTF-8"):
        manifest(tmp_path / "bytes")

"""What people write about pods, merged over them as `kubectl patch` does."""

from __future__ import annotations

from typing import Any

from agent.clusters.kubernetes_merge import merged

POD: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"x": "1"}},
    "spec": {
        "containers": [{"name": "plugin", "image": "net", "env": [{"name": "A", "value": "1"}]}, {"name": "agent"}],
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "volumes": [{"name": "home", "emptyDir": {}}],
        "nodeSelector": {"disk": "ssd"},
    },
}


def test_maps_are_merged_and_a_null_takes_a_key_away() -> None:
    patch = {"metadata": {"labels": {"y": "2"}}, "spec": {"nodeSelector": None, "priorityClassName": "high"}}
    result = merged(POD, patch)
    assert result["metadata"] == {"name": "a", "labels": {"x": "1", "y": "2"}}
    assert "nodeSelector" not in result["spec"]
    assert result["spec"]["priorityClassName"] == "high"
    assert POD["spec"]["nodeSelector"] == {"disk": "ssd"}


def test_elements_with_a_key_of_their_own_are_merged_by_it_and_new_ones_are_added() -> None:
    env = [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    patch = {"spec": {"containers": [{"name": "plugin", "env": env}, {"name": "proxy", "image": "p"}]}}
    plugin, agent, proxy = merged(POD, patch)["spec"]["containers"]
    assert plugin == {
        "name": "plugin",
        "image": "net",
        "env": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}],
    }
    assert (agent, proxy) == ({"name": "agent"}, {"name": "proxy", "image": "p"})


def test_a_volume_takes_the_place_of_the_one_with_its_name() -> None:
    claim = {"name": "home", "persistentVolumeClaim": {"claimName": "c"}}
    assert merged(POD, {"spec": {"volumes": [claim]}})["spec"]["volumes"] == [claim]


def test_an_element_may_be_deleted_and_lists_without_keys_are_replaced() -> None:
    base = {"volumes": [{"name": "a"}, {"name": "b"}], "args": ["1", "2"]}
    assert merged(base, {"volumes": [{"name": "a", "$patch": "delete"}], "args": ["3"]}) == {
        "volumes": [{"name": "b"}],
        "args": ["3"],
    }


def test_tolerations_come_before_those_that_the_pod_needs() -> None:
    more = {"key": "gpu", "operator": "Exists"}
    result = merged(POD, {"spec": {"tolerations": [more, {"key": "k", "operator": "Exists"}]}})
    assert result["spec"]["tolerations"] == [more, {"key": "k", "operator": "Exists"}]


def test_what_is_of_another_kind_replaces() -> None:
    assert merged(POD, {"spec": {"volumes": [1, 2]}})["spec"]["volumes"] == [1, 2]
    assert merged({"a": {"b": 1}}, {"a": 2}) == {"a": 2}

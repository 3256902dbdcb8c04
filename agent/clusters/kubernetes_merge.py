"""The strategic merge of Kubernetes, for what people write about pods. Pure.

As `kubectl patch` does it (Kubernetes API conventions, "strategic merge patch"): maps are merged, a null removes a key,
and lists whose elements have a key of their own are merged by it; other lists are replaced. Tolerations are put before
those that the pod needs: Kubernetes takes the first that fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# The key by which the elements of a list of a pod are told apart.
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
_ADDED = frozenset({"tolerations", "envFrom", "finalizers"})


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the patch over it; neither is changed."""
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif isinstance(value, list) and isinstance(result.get(key), list):
            result[key] = _merged_lists(key, result[key], value)
        else:
            result[key] = value
    return result


def _merged_lists(name: str, base: Sequence[Any], patch: Sequence[Any]) -> list[Any]:
    if name in _ADDED:
        return [*patch, *(element for element in base if element not in patch)]
    key = _KEYS.get(name)
    if key is None or not all(isinstance(element, Mapping) and key in element for element in (*base, *patch)):
        return list(patch)
    result = {element[key]: element for element in base}
    for element in patch:
        if element.get("$patch") == "delete":
            result.pop(element[key], None)
        else:
            # A volume has one source: another one takes its place.
            result[element[key]] = element if name == "volumes" else merged(result.get(element[key], {}), element)
    return list(result.values())

"""What people write about pods: a YAML file that is merged over each of them (AGENT_KUBERNETES_TEMPLATE)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from agent.clusters.kubernetes_merge import merged
from agent.errors import BadInput

MOST_BYTES = 1 << 20
_FIXED = ("name", "labels", "finalizers")  # by these a pod is found again, and kept until its end is recorded


def with_template(made: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """The pod with the template over it; what the controller relies on stays. Raises BadInput."""
    if path is None:
        return made
    fixed = {name: made["metadata"][name] for name in _FIXED if name in made["metadata"]}
    keeps = {"metadata": fixed, "spec": {"restartPolicy": made["spec"]["restartPolicy"]}}
    try:
        result = merged(merged(made, read_template(path)), keeps)
        json.dumps(result)
    except (TypeError, ValueError, RecursionError):
        raise _bad(path, "a key or a value is none that a pod can have") from None
    return result


def read_template(path: Path) -> dict[str, Any]:
    """Raises BadInput for what is no part of a pod."""
    try:
        status = path.stat()
    except OSError as error:
        raise _bad(path, error.strerror or "it cannot be read") from None
    if status.st_size > MOST_BYTES:
        raise _bad(path, f"it has more than {MOST_BYTES >> 20} MiB")
    return _read(path, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=4)  # a YAML file takes milliseconds to read, for each pod of a thousand
def _read(path: Path, state: tuple[int, ...]) -> dict[str, Any]:  # noqa: ARG001 - of the file, by which it is read anew
    import yaml  # a part of the extra, as lightkube is

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, getattr(error, "strerror", None) or "it is no text in UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise _bad(path, f"{where}{getattr(error, 'problem', None) or 'it is no YAML'}") from None
    if read is None:
        return {}
    _require_part_of_a_pod(path, read)
    return dict(read)


def _require_part_of_a_pod(path: Path, read: Any) -> None:
    if not isinstance(read, dict):
        raise _bad(path, "it is no map")
    if unknown := [key for key in read if key not in ("apiVersion", "kind", "metadata", "spec")]:
        raise _bad(path, f"{unknown[0]!r} is no part of a pod; write `metadata:` and `spec:`")
    if read.get("kind", "Pod") != "Pod":
        raise _bad(path, f"kind is {read['kind']!r}; write a Pod")
    for key in ("metadata", "spec"):
        if not isinstance(read.get(key, {}), dict):
            raise _bad(path, f"{key} is no map")
    for name in ("containers", "initContainers", "volumes", "tolerations"):
        listed = read.get("spec", {}).get(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise _bad(path, f"spec.{name} is no list of maps")
        if name != "tolerations" and not all(isinstance(one.get("name"), str) for one in listed):
            raise _bad(path, f"an element of spec.{name} has no name")
    if "namespace" in read.get("metadata", {}):
        raise _bad(path, "metadata.namespace is set by AGENT_KUBERNETES_NAMESPACE")


def _bad(path: Path, why: str) -> BadInput:
    return BadInput(f"the template of pods {path} cannot be used: {why} (AGENT_KUBERNETES_TEMPLATE)")

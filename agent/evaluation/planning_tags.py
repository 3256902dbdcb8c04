"""Which tags of images are compared with which. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agent.evaluation.pairing import Pairs, numbered, paired

_PRESENT = frozenset(
    {"none", "any_number"}
)  # types of predicted tags that say "it is there", the second with a confidence


@dataclass(frozen=True, slots=True)
class PlannedTags:
    """What `plan.Plan` has of tags: an entry for each tag, or for each value of a tag that has several."""

    labels: tuple[str, ...]
    truth: dict[str, int]
    predicted: dict[str, int]
    remarks: tuple[str, ...]


def named(meta: Mapping[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    """The objects of a list of the meta that have their name."""
    items = meta.get(key)
    return (
        [item for item in items if isinstance(item, dict) and isinstance(item.get(name), str)]
        if isinstance(items, list)
        else []
    )


def label_of(name: str, value: object = None) -> str:
    """How a tag is written in a plan: its name, with the value where it is one of several."""
    return f"{name}: {value}" if isinstance(value, str) else name


def plan_tags(
    truth_meta: Mapping[str, Any],
    predicted_meta: Mapping[str, Any],
    suffix: str,
    mapping: Mapping[str, str] | None,
    left_out: Collection[str],
    *,
    only_longer: bool,
) -> PlannedTags:
    """Pairs by `pairing.paired`.

    `only_longer`: tags of equal names were kept from the ground truth. Raises BadInput.
    """
    truth = {item["name"]: item for item in named(truth_meta, "tags", "name") if item["name"] not in left_out}
    predicted = {item["name"]: item for item in named(predicted_meta, "tags", "name") if item["name"] not in left_out}
    pairs, remarks = paired(truth, predicted, suffix, mapping, "tag")
    labels: Pairs = []
    for name, other in pairs:
        if only_longer and name == other and mapping is None:
            continue
        kind, other_kind = truth[name].get("value_type"), predicted[other].get("value_type")
        if kind == "none" and other_kind in _PRESENT:
            labels.append((name, other))
        elif kind == other_kind == "oneof_string":
            labels += [(label_of(name, value), label_of(other, value)) for value in _values(truth[name])]
        else:
            remarks.append(f"Tag {name!r} is not compared: its type is {kind}, that of {other!r} is {other_kind}.")
    titles, by_truth, by_prediction = numbered(labels)
    return PlannedTags(tuple(titles), by_truth, by_prediction, tuple(remarks))


def _values(tag: Mapping[str, Any]) -> list[str]:
    values = tag.get("values")
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

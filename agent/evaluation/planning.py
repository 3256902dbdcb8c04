"""Makes the plan of an evaluation from the metas of both projects. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from agent.errors import BadInput
from agent.evaluation.pairing import Pairs, numbered, paired
from agent.evaluation.plan import BOXES, GRAPHS, LINES, MASKS, NOTHING, POINTS, SECTIONS, Plan
from agent.evaluation.planning_tags import named, plan_tags

_AREAS = frozenset({"bitmap", "polygon"})
_KINDS = {"rectangle": BOXES, "point": POINTS, "line": LINES, "graph": GRAPHS, **dict.fromkeys(_AREAS, MASKS)}
_MOST_NAMES = 10  # in a sentence
MOST = 1_500  # classes, and tags: matrices of them are squares


def make_plan(
    truth_meta: Mapping[str, Any],
    predicted_meta: Mapping[str, Any],
    *,
    suffix: str = "",
    mapping: Mapping[str, str] | None = None,
    tag_mapping: Mapping[str, str] | None = None,
    neutral: Collection[str] = (),
    background: str = "",
    left_out_tags: Collection[str] = ("train", "val"),
    confidence_tag: str = "confidence",
    sections: Sequence[str] = SECTIONS,
) -> Plan:
    """What is compared with what, by the rules of `pairing.paired`. The metas are those of the projects (meta.json).

    `suffix` is what the inference config adds to titles of classes and names of tags; `mapping` and `tag_mapping` lead
    from the ground truth's titles to the predictions'. `neutral` and `background` are titles of the ground truth
    (`special_classes` of training configs); the background need not have a class there. `left_out_tags` say what images
    are for, not what they show.

    Raises BadInput where nothing can be compared, or a map names what is not there.
    """
    shapes, others = _shapes(truth_meta), _shapes(predicted_meta)
    compared = {title: shape for title, shape in shapes.items() if title not in neutral}
    if background:
        compared.setdefault(background, "any")
    pairs, remarks = paired(compared, others, suffix, mapping, "class")
    pairs, kinds, wrong = _comparable(pairs, compared, others)
    classes, truth, predicted = numbered(pairs)
    if background and background not in truth:  # then it has only the pixels without a label
        truth[background] = len(classes)
        classes.append(background)
        kinds[background] = MASKS
    confidence_tags = tuple(dict.fromkeys((confidence_tag, confidence_tag + suffix)))
    is_longer = any(other != title for title, other in pairs) and mapping is None
    tags = plan_tags(
        truth_meta, predicted_meta, suffix, tag_mapping, {*left_out_tags, *confidence_tags}, only_longer=is_longer
    )
    if not tags.labels and all(title == background for title in classes):
        raise BadInput(
            "Nothing can be compared: "
            f"the ground truth has {_listed('class', compared)}, the predictions have {_listed('class', others)}. "
            "Name the pairs, or the suffix that the predictions have."
        )
    for what, count in (("classes", len(classes)), ("tags", len(tags.labels))):
        if count > MOST:
            raise BadInput(
                f"{count:,} {what} are to be compared; {MOST:,} at most can be. Name those that matter by a map."
            )
    titles = {title for title in compared if title != background}
    alone = titles.difference(truth, (title for title, _ in pairs))
    strange = others.keys() - predicted.keys() - shapes.keys()
    return Plan(
        classes=tuple(classes),
        kinds=tuple(
            _kind_of_all(kinds[title] for title, at in truth.items() if at == number) for number in range(len(classes))
        ),
        truth=truth,
        predicted=predicted,
        truth_shapes=shapes,
        predicted_shapes=others,
        neutral=tuple(title for title in shapes if title in neutral),
        background=truth[background] if background else NOTHING,
        tags=tags.labels,
        truth_tags=tags.truth,
        predicted_tags=tags.predicted,
        confidence_tags=confidence_tags,
        sections=tuple(sections),
        remarks=(*remarks, *wrong, *_one_sided(alone, strange, wrong), *tags.remarks),
    )


def _shapes(meta: Mapping[str, Any]) -> dict[str, str]:
    """Class title → shape, in the order of the meta."""
    return {item["title"]: str(item.get("shape", "")) for item in named(meta, "classes", "title")}


def _comparable(
    pairs: Pairs, shapes: Mapping[str, str], others: Mapping[str, str]
) -> tuple[Pairs, dict[str, str], list[str]]:
    """The pairs whose shapes can be compared, the kind of each true title, and remarks."""
    kinds: dict[str, str] = {}
    kept: Pairs = []
    remarks: list[str] = []
    for title, other in pairs:
        shape, other_shape = shapes[title], others[other]
        kind = _kind(shape, other_shape)
        if kind is None or kinds.get(title, kind) != kind:
            remarks.append(
                f"Class {title!r} is not compared: its shape is {shape}, that of {other!r} is {other_shape}."
            )
            continue
        if kind == BOXES and "any" not in (shape, other_shape) and shape != other_shape:
            remarks.append(
                f"Class {title!r} is compared by boxes: its shape is {shape}, that of {other!r} {other_shape}."
            )
        kinds[title] = kind
        kept.append((title, other))
    return kept, kinds, remarks


def _kind(shape: str, other: str) -> str | None:
    """How objects of the two shapes are compared; None if they are not."""
    if shape == "any" or other == "any":
        shape = other = shape if other == "any" else other
        return MASKS if shape == "any" else _KINDS.get(shape)
    if _KINDS.get(shape) == _KINDS.get(other):
        return _KINDS.get(shape)
    is_mixed = {_KINDS.get(shape), _KINDS.get(other)} == {MASKS, BOXES}
    return BOXES if is_mixed else None


def _kind_of_all(kinds: Iterable[str]) -> str:
    """The kind of a class that several titles stand for: by boxes, if one of them is."""
    all_kinds = list(kinds)
    return BOXES if BOXES in all_kinds else all_kinds[0]


def _one_sided(alone: Collection[str], strange: Collection[str], wrong: Sequence[str]) -> list[str]:
    remarks = []
    left = [title for title in alone if not any(remark.startswith(f"Class {title!r} ") for remark in wrong)]
    if left:
        remarks.append(f"Not compared, because no class of the predictions stands for it: {_listed('class', left)}.")
    if strange:
        remarks.append(
            f"Not compared, because it stands for no class of the ground truth: {_listed('class', strange)}."
        )
    return remarks


def _listed(what: str, titles: Collection[str]) -> str:
    """Titles in a sentence, the first ones of many."""
    names = sorted(titles)
    if not names:
        return f"no {what}"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{what} {', '.join(map(repr, names[:_MOST_NAMES]))}{more}"

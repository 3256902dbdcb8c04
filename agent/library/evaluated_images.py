"""The images of an evaluation: those that both projects have, by the names of dataset and image; their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.evaluation.counts import Counts
    from agent.store import ImageKey, Store

_NAMED = 3  # images in a remark


@dataclass(frozen=True, slots=True)
class Pair:
    """An image of both projects. Its number is its place among all images of the ground truth, ordered by names."""

    number: int
    truth: ImageKey
    predicted: ImageKey
    problem: str  # why its labels cannot be compared; empty: they can


@dataclass(frozen=True, slots=True)
class Pairs:
    pairs: Sequence[Pair]
    remarks: tuple[str, ...]  # about images that are not compared, a sentence each


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of an evaluation, and the tags of its images in the ground truth, as many and in the same order."""

    counts: Counts
    tags: Sequence[frozenset[str]]


def counts_of(store: Store, key: str) -> Counted:
    """What was counted for this key so far."""
    from agent.evaluation.counts import Counts  # late, as who asks for the list of evaluations reads none
    from agent.evaluation.saved_counts import from_bytes

    parts = list(store.evaluations.parts(key))
    tags = [frozenset(part.about["tags"][place] for place in places) for part in parts for places in part.about["of"]]
    return Counted(Counts.join([from_bytes(part.data) for part in parts]), tags)


def remarks_on(problems: Sequence[tuple[int, str]], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """A remark on the images of which labels could not be read or compared; none where there are no such. Pure."""
    known = {pair.number: pair for pair in pairs if not pair.problem}
    told = [(known[number], sentence) for number, sentence in problems if number in known]
    if not told:
        return ()
    (first, sentence), count = told[0], len({pair.number for pair, _ in told})
    what = "1 image has" if count == 1 else f"{count} images have"
    name = f"{first.truth.dataset}/{first.truth.name}"
    return (f"{what} labels that could not be compared, for instance {name}: {sentence}",)


def pair_images(truth: Sequence[ImageKey], predicted: Sequence[ImageKey]) -> Pairs:
    """The images that both sides have, in the order of `truth`. Pure."""
    others = {(image.dataset, image.name): image for image in predicted}
    pairs = [
        Pair(number, image, other, _problem(image, other))
        for number, image in enumerate(truth)
        if (other := others.pop((image.dataset, image.name), None)) is not None
    ]
    known = {(pair.truth.dataset, pair.truth.name) for pair in pairs}
    alone = [image for image in truth if (image.dataset, image.name) not in known]
    remarks = (
        _said(alone, "the ground truth", "no predictions", "so it is not judged", "so they are not judged"),
        _said(list(others.values()), "the predictions", "no ground truth", "so it is left out", "so they are left out"),
        _sizes([pair.truth for pair in pairs if pair.problem]),
        _pixels([pair.truth for pair in pairs if not pair.problem and pair.truth.sha256 != pair.predicted.sha256]),
    )
    return Pairs(pairs, tuple(remark for remark in remarks if remark))


def _problem(image: ImageKey, other: ImageKey) -> str:
    if (image.width, image.height) == (other.width, other.height):
        return ""
    return (
        f"It is {image.width}×{image.height} in the ground truth and {other.width}×{other.height} in the predictions."
    )


def _said(images: Sequence[ImageKey], side: str, lack: str, one: str, many: str) -> str:
    if not images:
        return ""
    if len(images) == 1:
        return f"1 image of {side} has {lack}, {one}: {_names(images)}."
    return f"{len(images)} images of {side} have {lack}, {many}: {_names(images)}."


def _sizes(images: Sequence[ImageKey]) -> str:
    if not images:
        return ""
    what = "1 image has" if len(images) == 1 else f"{len(images)} images have"
    return f"{what} another size in the predictions and cannot be compared: {_names(images)}."


def _pixels(images: Sequence[ImageKey]) -> str:
    if not images:
        return ""
    what = "1 image is" if len(images) == 1 else f"{len(images)} images are"
    return f"{what} another file in the predictions, compared by name all the same: {_names(images)}."


def _names(images: Iterable[ImageKey]) -> str:
    names = [f"{image.dataset}/{image.name}" for image in images]
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")

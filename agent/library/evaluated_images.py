"""The images of an evaluation: those that both projects have, by the names of dataset and image; their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from agent.evaluation.counts import Counts
    from agent.store import ImageKey, Store

ImageIds = Mapping[tuple[str, str], int]

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


class CountedImage(NamedTuple):
    """An image that was counted, as it was then. Projects may have changed since."""

    number: int
    dataset: str
    name: str
    width: int
    height: int
    tags: tuple[str, ...]  # in the ground truth


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of an evaluation, and its images, as many and in the same order."""

    counts: Counts
    images: Sequence[CountedImage]


def in_parts(sizes: Sequence[int], *, most: int, most_size: int) -> Iterator[slice]:
    """Neighbours together: at most `most` of them, of at most this size, but always one. Pure.

    The same sizes make the same parts: parts that were counted before are found again by their number.
    """
    start = size = 0
    for at, more in enumerate(sizes):
        if at > start and (at - start == most or size + more > most_size):
            yield slice(start, at)
            start, size = at, 0
        size += more
    if sizes:
        yield slice(start, len(sizes))


def about_images(pairs: Sequence[Pair], tags: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What is kept of images beside their counts, as `counts_of` reads it: names are written once for all. Pure."""
    names = sorted({name for of_image in tags for name in of_image} | {pair.truth.dataset for pair in pairs})
    place = {name: number for number, name in enumerate(names)}
    images = [
        [pair.truth.name, place[pair.truth.dataset], *(place[name] for name in of_image)]
        for pair, of_image in zip(pairs, tags, strict=True)
    ]
    return {"names": names, "images": images}


def counts_of(store: Store, key: str) -> Counted:
    """What was counted for this key so far."""
    from agent.evaluation.counts import Counts  # late, as who asks for the list of evaluations reads none
    from agent.evaluation.saved_counts import from_bytes

    counts, images = [], []
    for part in store.evaluations.parts(key):
        counts.append(from_bytes(part.data))
        names = part.about["names"]
        images += [
            CountedImage(number, names[dataset], name, width, height, tuple(names[place] for place in tags))
            for (number, width, height, _), (name, dataset, *tags) in zip(
                counts[-1].images.tolist(), part.about["images"], strict=True
            )
        ]
    return Counted(Counts.join(counts), images)


@dataclass(frozen=True, slots=True)
class SliceNames:
    """The names of datasets and of tags in the ground truth, in order, each with its number of images."""

    datasets: Sequence[tuple[str, int]]
    tags: Sequence[tuple[str, int]]


def slice_names(store: Store, key: str) -> SliceNames:
    """Of what was counted for this key. The counts themselves are not read."""
    datasets, tags = Counter[str](), Counter[str]()
    for about in store.evaluations.abouts(key):
        names = about["names"]
        datasets.update(names[dataset] for _, dataset, *_ in about["images"])
        tags.update(names[place] for _, _, *of_image in about["images"] for place in of_image)
    return SliceNames(sorted(datasets.items()), sorted(tags.items()))


def ids_of(store: Store, project_id: int) -> ImageIds:
    """The images of a project by the names of dataset and image."""
    return {(image.dataset, image.name): image.id for image in store.evaluations.images(project_id)}


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

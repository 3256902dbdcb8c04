"""What the data of a project itself says, and its nearly equal images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field

from agent.insights import frames, places, sizes, together
from agent.insights.labels import SPLIT_TAGS, TRAIN, VAL
from agent.insights.near import MOST_BITS, MOST_LEVELS
from agent.insights.suspicious import (
    IMAGE_KINDS,
    LABEL_KINDS,
    MEANINGS,
    ImageKind,
    LabelKind,
    suspicious_images,
    suspicious_labels,
)
from web_stub.gallery.near_images import NearImages
from web_stub.gallery.statistics import ProjectStatistics
from web_stub.resources.resource import Resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXAMPLES = 6  # images of each finding
MOST_FRAMES = 60  # sizes of images


class SizedClass(Resource):
    title: str
    shape: str
    color: str
    objects: int
    images: int
    sizes: Annotated[list[int], Field(description="its objects by size; those that cover no pixel have none")]


class Together(Resource):
    titles: list[str]
    images: Annotated[list[list[int]], Field(description="how many images have the classes of row and column")]
    left_out: Annotated[int, Field(description="classes on fewer images than those shown")]


class Places(Resource):
    title: Annotated[str | None, Field(description="of the class; null for all")]
    objects: Annotated[
        list[list[int]], Field(description="by row and column of the map, an object where its middle is")
    ]

    @classmethod
    def of(cls, counted: ProjectStatistics, title: str | None) -> Self:
        place = None if title is None else counted.place_of(title)
        return cls(title=title, objects=places.heat(counted.labels, place).tolist())


class Frame(Resource):
    width: int
    height: int
    images: int


class Finding(Resource):
    kind: LabelKind | ImageKind
    name: str
    meaning: str
    objects: Annotated[int | None, Field(description="null for findings about images")]
    images: int
    examples: Annotated[list[int], Field(description="the first images, by id")]


class LoneClass(Resource):
    title: str
    image_id: int
    objects: int


class Splits(Resource):
    train: int
    val: int
    both: int
    neither: int


class Insights(Resource):
    images: int
    objects: int
    borders: Annotated[list[int], Field(description="sides of squares in pixels, which part the sizes of objects")]
    classes: list[SizedClass]
    together: Together
    places: Places
    frames: list[Frame]
    frames_count: Annotated[int, Field(description="different sizes of images, also those that `frames` leaves out")]
    findings: Annotated[list[Finding], Field(description="every kind, also those of which nothing was found")]
    lone_classes: Annotated[list[LoneClass], Field(description="classes that a single image has")]
    unused_classes: list[str]
    splits: Annotated[Splits, Field(description="images by the tags train and val")]

    @classmethod
    def of(cls, counted: ProjectStatistics) -> Self:
        labels = counted.labels
        by_class = sizes.by_class(labels, len(counted.classes)).tolist()
        shown, counts = frames.frames(labels)
        return cls(
            images=counted.images,
            objects=counted.objects,
            borders=list(sizes.BORDERS),
            classes=[SizedClass.of(one, sizes=row) for one, row in zip(counted.classes, by_class, strict=True)],
            together=_together(counted),
            places=Places.of(counted, None),
            frames=[
                Frame(width=width, height=height, images=images)
                for (width, height), images in zip(shown[:MOST_FRAMES].tolist(), counts.tolist(), strict=False)
            ],
            frames_count=len(counts),
            findings=_findings(counted),
            lone_classes=_lone_classes(counted),
            unused_classes=[one.title for one in counted.classes if not one.objects],
            splits=_splits(labels.splits),
        )


class NearImage(Resource):
    id: int
    dataset_id: int
    name: str
    splits: Annotated[list[str], Field(description="train, val: which of these tags it has")]


class NearPair(Resource):
    images: Annotated[list[NearImage], Field(description="two; of a pair across train and val that of train first")]
    bits: Annotated[int, Field(description="by which their hashes differ, of 64")]
    is_across: Annotated[bool, Field(description="one is of train, the other of val")]
    is_same_file: bool


class NearList(Resource):
    items: Annotated[list[NearPair], Field(description="those across train and val first, then the most alike")]
    next: Annotated[int | None, Field(description="`offset` of the next page; null on the last one")]
    total: Annotated[int, Field(description="pairs on all pages; of images that equal one another each with the first")]
    across: Annotated[int, Field(description="pairs across train and val")]
    near: Annotated[int, Field(description="images that nearly equal another one")]
    leaks: Annotated[int, Field(description="images of val that nearly equal one of train")]
    compared: Annotated[int, Field(description="images that could be compared")]
    unreadable: Annotated[int, Field(description="images that cannot be decoded")]
    missing: Annotated[int, Field(description="images whose bytes are gone")]
    is_complete: Annotated[bool, Field(description="false: the search ended, for there are too many pairs")]
    most_bits: Annotated[int, Field(description="by which the hashes of nearly equal images differ at most")]
    most_levels: Annotated[float, Field(description="by which their miniatures differ at most, of 256 levels")]

    @classmethod
    def of(cls, found: NearImages, *, offset: int, limit: int) -> Self:
        """A page of pairs."""
        near, rows, splits = found.near, found.counted.rows, found.counted.labels.splits
        total, end = len(near.pairs), offset + limit

        def image(at: int) -> NearImage:
            return NearImage.of(rows[at], splits=[tag for tag, bit in SPLIT_TAGS.items() if splits[at] & bit])

        pairs = zip(near.pairs[offset:end].tolist(), near.bits[offset:end], near.is_across[offset:end], strict=True)
        return cls(
            items=[
                NearPair(
                    images=[image(first), image(second)],
                    bits=int(bits),
                    is_across=bool(across),
                    is_same_file=found.sha256[first] == found.sha256[second],
                )
                for (first, second), bits, across in pairs
            ],
            next=end if end < total else None,
            total=total,
            across=int(np.count_nonzero(near.is_across)),
            near=int(np.count_nonzero(near.is_near)),
            leaks=int(np.count_nonzero(near.is_leak & (splits == VAL))),
            compared=int(np.count_nonzero(near.groups >= 0)),
            unreadable=found.made.unreadable,
            missing=found.made.missing,
            is_complete=near.is_complete,
            most_bits=MOST_BITS,
            most_levels=MOST_LEVELS,
        )


class InsightsProgress(Resource):
    images: int
    labels: Annotated[
        int | None, Field(description="images whose labels are counted; null while none are being counted")
    ]
    pictures: Annotated[
        int | None, Field(description="images decoded to be compared; null while none are being decoded")
    ]


def _together(counted: ProjectStatistics) -> Together:
    chosen, images = together.together(counted.labels, len(counted.classes))
    titles = [counted.classes[place].title for place in chosen]
    used = sum(one.images > 0 for one in counted.classes)
    return Together(titles=titles, images=images.tolist(), left_out=used - len(titles))


def _findings(counted: ProjectStatistics) -> list[Finding]:
    labels = counted.labels
    found: list[tuple[LabelKind | ImageKind, int | None, NDArray[np.bool_]]] = []
    for label_kind in LABEL_KINDS:
        those = suspicious_labels(labels, label_kind)
        found.append((label_kind, int(np.count_nonzero(those)), labels.images_with(those)))
    found += [(image_kind, None, suspicious_images(labels, image_kind)) for image_kind in IMAGE_KINDS]
    return [
        Finding(
            kind=kind,
            name=MEANINGS[kind][0],
            meaning=MEANINGS[kind][1],
            objects=objects,
            images=int(np.count_nonzero(images)),
            examples=[counted.rows[at].id for at in np.flatnonzero(images)[:EXAMPLES]],
        )
        for kind, objects, images in found
    ]


def _lone_classes(counted: ProjectStatistics) -> list[LoneClass]:
    lone = {place: one for place, one in enumerate(counted.classes) if one.images == 1}
    return [
        LoneClass(title=lone[place].title, image_id=row.id, objects=lone[place].objects)
        for row in counted.rows
        for place in row.classes
        if place in lone
    ]


def _splits(splits: NDArray[np.uint8]) -> Splits:
    neither, train, val, both = np.bincount(splits, minlength=4).tolist()
    assert (TRAIN, VAL) == (1, 2)
    return Splits(train=train, val=val, both=both, neither=neither)

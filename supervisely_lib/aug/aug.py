"""The transformations of the official `aug`. Each takes an image (H, W, C) with its annotation and returns both.

The random ones draw the same numbers from `random` as the official ones, so the same seed gives the same crops.
Every function raises RuntimeError if image and annotation differ in size.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence, Tuple

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.image_rotator import ImageRotator
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.imaging.sizes import restore_proportional_size

if TYPE_CHECKING:
    from supervisely_lib.annotation.label import Label

Pair = Tuple[Array, Annotation]


class RotationModes:
    """What `rotate` does with the corners: black, or cut off."""

    KEEP = "keep"
    CROP = "crop"


def _require_same_size(img: Array, ann: Annotation) -> tuple[int, int]:
    height, width = img.shape[:2]
    if (height, width) != tuple(ann.img_size):
        raise RuntimeError(f"Image shape {img.shape[:2]} doesn't match img_size {ann.img_size} in annotation.")
    return height, width


def fliplr(img: Array, ann: Annotation) -> Pair:
    """Mirrored left to right."""
    _require_same_size(img, ann)
    return sly_image.fliplr(img), ann.fliplr()


def flipud(img: Array, ann: Annotation) -> Pair:
    """Upside down."""
    _require_same_size(img, ann)
    return sly_image.flipud(img), ann.flipud()


def _cut(img: Array, ann: Annotation, part: Rectangle) -> Pair:
    return sly_image.crop(img, part), ann.relative_crop(part)


def crop(
    img: Array, ann: Annotation, top_pad: int = 0, left_pad: int = 0, bottom_pad: int = 0, right_pad: int = 0
) -> Pair:
    """Without this number of pixels at each side."""
    height, width = _require_same_size(img, ann)
    return _cut(img, ann, Rectangle(top_pad, left_pad, height - bottom_pad - 1, width - right_pad - 1))


def crop_fraction(
    img: Array, ann: Annotation, top: float = 0, left: float = 0, bottom: float = 0, right: float = 0
) -> Pair:
    """Without this fraction of the height or width at each side; ValueError for a fraction outside of [0, 1)."""
    height, width = _require_same_size(img, ann)
    if not all(0 <= fraction < 1 for fraction in (top, left, bottom, right)):
        raise ValueError("All padding values must be between 0 and 1.")
    return crop(img, ann, round(height * top), round(width * left), round(height * bottom), round(width * right))


def random_crop(img: Array, ann: Annotation, height: int, width: int) -> Pair:
    """A part of this size, at most the whole, at a random place."""
    full_height, full_width = _require_same_size(img, ann)
    height, width = min(full_height, int(height)), min(full_width, int(width))
    left = random.randint(0, full_width - width)  # noqa: S311 - the official order: first the column
    top = random.randint(0, full_height - height)  # noqa: S311
    return _cut(img, ann, Rectangle(top, left, top + height - 1, left + width - 1))


def random_crop_fraction(
    img: Array, ann: Annotation, height_fraction_range: Sequence[float], width_fraction_range: Sequence[float]
) -> Pair:
    """A part of random size at a random place; the size lies between two fractions of the height and the width."""
    full_height, full_width = _require_same_size(img, ann)
    height = random.uniform(height_fraction_range[0], height_fraction_range[1])  # noqa: S311
    width = random.uniform(width_fraction_range[0], width_fraction_range[1])  # noqa: S311
    return random_crop(img, ann, height=round(full_height * height), width=round(full_width * width))


def batch_random_crops_fraction(
    img_ann_pairs: Iterable[Pair],
    crops_per_image: int,
    height_fraction_range: Sequence[float],
    width_fraction_range: Sequence[float],
) -> list[Pair]:
    """`crops_per_image` random crops of each pair, in the order of the pairs."""
    return [
        random_crop_fraction(img, ann, height_fraction_range, width_fraction_range)
        for img, ann in img_ann_pairs
        for _ in range(crops_per_image)
    ]


def flip_add_random_crops(
    img: Array,
    ann: Annotation,
    crops_per_image: int,
    height_fraction_range: Sequence[float],
    width_fraction_range: Sequence[float],
) -> list[Pair]:
    """The pair, the mirrored pair, and random crops of both."""
    full = [(img, ann), fliplr(img, ann)]
    return full + batch_random_crops_fraction(full, crops_per_image, height_fraction_range, width_fraction_range)


def _padding(config: Mapping[str, str], side: str, length: int) -> int:
    text = config.get(side)
    if text is None:
        return 0
    if text.endswith("px"):
        return int(text[: -len("px")])
    if text.endswith("%"):
        return int(length * float(text[: -len("%")]) / 100.0)
    raise ValueError(f'Unknown padding size format: {text}. Expected absolute values as "5px" or relative as "5%"')


def instance_crop(
    img: Array,
    ann: Annotation,
    class_title: str,
    save_other_classes_in_crop: bool = True,
    padding_config: Mapping[str, str] | None = None,
) -> list[Pair]:
    """A pair for each object of a class: its bounding box, padded, with the object and the objects of other classes.

    padding_config: `{"left": "5px", "top": "10%", …}`; percents are of the box. A crop ends at the border of the image.
    """
    padding = padding_config or {}
    height, width = _require_same_size(img, ann)
    others: list[Label] = []
    if save_other_classes_in_crop:
        others = [label for label in ann.labels if label.obj_class.name != class_title]
    around = ann.clone(labels=others)
    pairs: list[Pair] = []
    for label in ann.labels:
        if label.obj_class.name != class_title:
            continue
        box = label.geometry.to_bbox()
        # As in the official SDK, a box without padding is one pixel larger at the bottom and at the right.
        padded = Rectangle(
            box.top - _padding(padding, "top", box.height),
            box.left - _padding(padding, "left", box.width),
            box.top + box.height + _padding(padding, "bottom", box.height),
            box.left + box.width + _padding(padding, "right", box.width),
        )
        for part in padded.crop(Rectangle.from_size((height, width)))[:1]:
            pixels, rest = _cut(img, around, part)
            pairs += [(pixels, rest.add_label(piece)) for piece in label.relative_crop(part)]
    return pairs


def resize(img: Array, ann: Annotation, size: Sequence[Any]) -> Pair:
    """In a new size, (height, width); None or -1 for a side keeps the proportions."""
    _require_same_size(img, ann)
    height, width = (-1 if side is None else side for side in size[:2])
    return _resized(img, ann, restore_proportional_size(ann.img_size, (height, width)))


def scale(
    img: Array, ann: Annotation, frow: float | None = None, fcol: float | None = None, f: float | None = None
) -> Pair:
    """Larger or smaller by a factor for the height, a factor for the width, or a factor `f` for both."""
    _require_same_size(img, ann)
    return _resized(img, ann, restore_proportional_size(ann.img_size, frow=frow, fcol=fcol, f=f))


def _resized(img: Array, ann: Annotation, size: tuple[int, int]) -> Pair:
    return sly_image.resize(img, size), ann.resize(size)


def rotate(img: Array, ann: Annotation, degrees: float, mode: str = RotationModes.KEEP) -> Pair:
    """Turned counter-clockwise. The whole image with black corners, or (CROP) the largest part without corners."""
    _require_same_size(img, ann)
    if mode not in (RotationModes.KEEP, RotationModes.CROP):
        raise NotImplementedError("Wrong black_regions mode.")
    rotator = ImageRotator(ann.img_size, degrees)
    turned = rotator.rotate_img(img, use_inter_nearest=False), ann.rotate(rotator)
    return turned if mode == RotationModes.KEEP else _cut(*turned, rotator.inner_crop)

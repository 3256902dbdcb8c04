"""Changes of all labels of an annotation. Every function returns a new annotation."""

from __future__ import annotations

import operator
from typing import Any, Callable, Collection, Iterator, Mapping

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.geometry.bitmap import Bitmap, SkeletonizeMethod
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.polyline import Polyline
from supervisely_lib.geometry.rectangle import Rectangle

_NOT_A_BITMAP = "Input class must be a Bitmap."


def _require(label: Label, kinds: Any, sentence: str) -> None:
    if not isinstance(label.geometry, kinds):
        raise RuntimeError(sentence)


def skeletonize_bitmap(ann: Annotation, classes: Collection[str], method_id: SkeletonizeMethod) -> Annotation:
    """The masks of these classes reduced to their skeletons. RuntimeError for another shape."""

    def thin(label: Label) -> list[Label]:
        if label.obj_class.name not in classes:
            return [label]
        _require(label, Bitmap, _NOT_A_BITMAP)
        return [label.clone(geometry=label.geometry.skeletonize(method_id))]

    return ann.transform_labels(thin)


def approximate_vector(ann: Annotation, classes: Collection[str], epsilon: float) -> Annotation:
    """The polygons and lines of these classes with fewer points; none moves by more than epsilon pixels.

    RuntimeError for another shape.
    """

    def simple(label: Label) -> list[Label]:
        if label.obj_class.name not in classes:
            return [label]
        _require(label, (Polygon, Polyline), "Input class must be a Polygon or a Line.")
        return [label.clone(geometry=label.geometry.approx_dp(epsilon))]

    return ann.transform_labels(simple)


def add_background(ann: Annotation, bg_class: ObjClass) -> Annotation:
    """With a rectangle as large as the image, after all other labels."""
    return ann.add_label(Label(Rectangle.from_size(ann.img_size), bg_class))


def drop_object_by_class(ann: Annotation, classes: Collection[str]) -> Annotation:
    """With the labels of these classes only.

    The name says the opposite, but every version of the official SDK does this, and plugins have seen its results.
    """
    return ann.transform_labels(lambda label: [label] if label.obj_class.name in classes else [])


def filter_objects_by_area(
    ann: Annotation,
    classes: Collection[str],
    comparator: Callable[[float, float], bool] = operator.lt,
    thresh_percent: float = 0.0,
) -> Annotation:
    """Without the labels of these classes whose area, in percent of the image, compares so with the threshold."""
    image_area = float(ann.img_size[0] * ann.img_size[1])

    def kept(label: Label) -> list[Label]:
        meant = label.obj_class.name in classes
        return [] if meant and comparator(100.0 * label.area / image_area, thresh_percent) else [label]

    return ann.transform_labels(kept)


def bitwise_mask(
    ann: Annotation,
    class_mask: str,
    classes_to_correct: Collection[str],
    bitwise_op: Callable[[Array, Array], Array] = np.logical_and,
) -> Annotation:
    """The masks of some classes combined with the first mask of `class_mask`; without masks that become empty.

    RuntimeError for another shape.
    """
    reference = next((label for label in ann.labels if label.obj_class.name == class_mask), None)
    if reference is None:
        return ann.clone()
    _require(reference, Bitmap, f"Class <{class_mask}> must be a Bitmap.")
    canvas = reference.geometry.get_mask(ann.img_size)

    def combined(label: Label) -> list[Label]:
        if label.obj_class.name not in classes_to_correct or label.obj_class.name == class_mask:
            return [label]
        _require(label, Bitmap, _NOT_A_BITMAP)
        geometry = label.geometry.bitwise_mask(canvas, bitwise_op)
        return [] if geometry is None else [label.clone(geometry=geometry)]

    return ann.transform_labels(combined)


def find_contours(ann: Annotation, classes_mapping: Mapping[str, ObjClass]) -> Annotation:
    """The masks of the classes in the mapping as polygons of the class they are mapped to.

    RuntimeError for another shape.
    """

    def contours(label: Label) -> list[Label]:
        obj_class = classes_mapping.get(label.obj_class.name)
        if obj_class is None:
            return [label]
        _require(label, Bitmap, _NOT_A_BITMAP)
        return [Label(geometry=geometry, obj_class=obj_class) for geometry in label.geometry.to_contours()]

    return ann.transform_labels(contours)


def extract_labels_from_mask(mask: Array, color_id_to_obj_class: Mapping[int, ObjClass]) -> list[Label]:
    """A bitmap label for each connected area of a value in `mask`, (H, W), in the order of their first pixels.

    Pixels are connected by their sides, not by their corners. Values that the mapping lacks are left out; so are
    zeros, unless the mapping has 0.
    """
    pieces = [piece for value in color_id_to_obj_class for piece in _areas(mask == value, value)]
    return [
        Label(Bitmap(data=data, origin=origin), color_id_to_obj_class[value])
        for _, value, data, origin in sorted(pieces, key=lambda piece: piece[0])
    ]


def _areas(mask: Array, value: int) -> Iterator[tuple[int, int, Array, PointLocation]]:
    """(index of the first pixel, value, the area as bool (h, w), its top left corner) of each connected area."""
    import cv2

    _, areas, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    numbers, first_pixels = np.unique(areas, return_index=True)
    for number, first_pixel in zip(numbers.tolist(), first_pixels.tolist()):
        if number:  # 0 is what lies outside of the mask
            left, top, width, height = stats[number, :4].tolist()
            yield first_pixel, value, areas[top : top + height, left : left + width] == number, PointLocation(top, left)

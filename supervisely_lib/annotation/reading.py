"""The parts of an annotation file, checked one by one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from supervisely_lib.annotation.invalid import InvalidAnnotation, kind_of
from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.tag_collection import TagCollection

if TYPE_CHECKING:
    from supervisely_lib.project.project_meta import ProjectMeta


class AnnotationJsonFields:
    """Keys of an annotation file."""

    IMG_DESCRIPTION = "description"
    IMG_SIZE = "size"
    IMG_SIZE_WIDTH = "width"
    IMG_SIZE_HEIGHT = "height"
    IMG_TAGS = "tags"
    LABELS = "objects"
    CUSTOM_DATA = "customBigData"
    PROBABILITY_CLASSES = "probabilityClasses"
    PROBABILITY_LABELS = "probabilityLabels"


_F = AnnotationJsonFields


def require_fields(data: Any) -> None:
    """InvalidAnnotation unless data is an object with a size, objects and tags."""
    if not isinstance(data, Mapping):
        raise InvalidAnnotation(f"an annotation must be a JSON object, not {kind_of(data)}.")
    for field, kind in ((_F.IMG_SIZE, Mapping), (_F.LABELS, list), (_F.IMG_TAGS, list)):
        if field not in data:
            raise InvalidAnnotation(f"field {field!r} is missing.")
        if kind is list and data[field] in ("", {}):
            continue  # some programs write their empty value
        if not isinstance(data[field], kind):
            wanted = "a list" if kind is list else "an object"
            raise InvalidAnnotation(f"field {field!r} must be {wanted}, not {kind_of(data[field])}.")


def image_size(size: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width)."""
    for side in (_F.IMG_SIZE_HEIGHT, _F.IMG_SIZE_WIDTH):
        value = size.get(side)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 1 <= value < float("inf"):  # type: ignore[operator]
            raise InvalidAnnotation(f"field 'size.{side}' must be a positive whole number, not {value!r}.")
    return int(size[_F.IMG_SIZE_HEIGHT]), int(size[_F.IMG_SIZE_WIDTH])


def labels(objects: list[Any], meta: ProjectMeta) -> list[Label]:
    """Labels of `objects`. InvalidAnnotation names the invalid object."""
    result = []
    for i, item in enumerate(objects):
        try:
            result.append(Label.from_json(item, meta))
        except InvalidAnnotation as e:
            raise e.within(f"objects[{i}]") from e.__cause__
    return result


def image_tags(tags: list[Any], meta: ProjectMeta) -> TagCollection:
    """Tags of the image itself."""
    try:
        return TagCollection.from_json(tags, meta.tag_metas)
    except InvalidAnnotation as e:
        raise e.within("image tags") from e.__cause__


def score_maps(custom_data: Any) -> tuple[dict[str, Any] | None, list[PixelwiseScoresLabel]]:
    """customBigData without the score maps, and the score maps."""
    from supervisely_lib.project.project_meta import ProjectMeta  # imported late, because it imports this package

    if not isinstance(custom_data, Mapping):
        return None, []
    rest = dict(custom_data)
    if not {_F.PROBABILITY_LABELS, _F.PROBABILITY_CLASSES} <= rest.keys():
        return rest, []
    labels, classes = rest.pop(_F.PROBABILITY_LABELS), rest.pop(_F.PROBABILITY_CLASSES)
    meta = ProjectMeta(ObjClassCollection.from_json(classes))
    return rest, [PixelwiseScoresLabel.from_json(label, meta) for label in labels]

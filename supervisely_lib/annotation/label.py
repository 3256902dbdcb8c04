"""Labelled shapes (contract: project_format.md 3, object)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib._utils import take_with_default
from supervisely_lib.annotation.invalid import InvalidAnnotation, UnknownShape, kind_of
from supervisely_lib.annotation.json_geometries_map import GET_GEOMETRY_FROM_STR
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_collection import TagCollection
from supervisely_lib.geometry.any_geometry import AnyGeometry
from supervisely_lib.geometry.constants import (
    BITMAP,
    CLASS_ID,
    CREATED_AT,
    GEOMETRY_SHAPE,
    GEOMETRY_TYPE,
    ID,
    LABELER_LOGIN,
    MULTICHANNEL_BITMAP,
    NODES,
    POINTS,
    UPDATED_AT,
)
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11

    from supervisely_lib.geometry.image_rotator import ImageRotator
    from supervisely_lib.project.project_meta import ProjectMeta


class LabelJsonFields:
    """Keys of an object in an annotation file."""

    OBJ_CLASS_NAME = "classTitle"
    DESCRIPTION = "description"
    TAGS = "tags"


_KNOWN_FIELDS = frozenset(
    {LabelJsonFields.OBJ_CLASS_NAME, LabelJsonFields.DESCRIPTION, LabelJsonFields.TAGS}
    | {BITMAP, MULTICHANNEL_BITMAP, "multichannelBitmap", POINTS, NODES, GEOMETRY_SHAPE, GEOMETRY_TYPE}
    | {ID, CLASS_ID, LABELER_LOGIN, CREATED_AT, UPDATED_AT}
)


class LabelBase:
    """A shape of a class, with tags and a description. Immutable."""

    _unknown_fields: Mapping[str, Any] = {}

    def __init__(
        self,
        geometry: Geometry,
        obj_class: ObjClass,
        tags: TagCollection | Iterable[Tag] | None = None,
        description: str = "",
    ) -> None:
        """RuntimeError if the class has another shape, ValueError if the geometry violates the config of the class."""
        self._geometry = geometry
        self._obj_class = obj_class
        self._description = description
        self._tags = tags if isinstance(tags, TagCollection) else TagCollection(tags)
        self._validate_geometry_type()
        geometry.validate(obj_class.geometry_type.geometry_name(), obj_class._geometry_config)

    def _validate_geometry_type(self) -> None:
        raise NotImplementedError

    @property
    def geometry(self) -> Any:
        """Its geometry, of the shape of its class. The type is Any because type checkers cannot know the shape."""
        return self._geometry

    @property
    def obj_class(self) -> ObjClass:
        """Its class."""
        return self._obj_class

    @property
    def tags(self) -> TagCollection:
        """Its tags."""
        return self._tags

    @property
    def description(self) -> str:
        """A description for people."""
        return self._description

    @property
    def area(self) -> float:
        """Area of the shape in pixels."""
        return self._geometry.area

    def to_json(self) -> dict[str, Any]:
        """Its form in an annotation file, with the fields this SDK does not know."""
        result = {
            LabelJsonFields.OBJ_CLASS_NAME: self._obj_class.name,
            LabelJsonFields.DESCRIPTION: self._description,
            LabelJsonFields.TAGS: self._tags.to_json(),
            **self._geometry.to_json(),
            **self._unknown_fields,
        }
        if self._obj_class.sly_id is not None:
            result[CLASS_ID] = self._obj_class.sly_id
        return result

    @classmethod
    def from_json(cls, data: Mapping[str, Any], project_meta: ProjectMeta) -> Self:
        """Raises InvalidAnnotation (a RuntimeError and ValueError) that names the class and the field."""
        if not isinstance(data, Mapping):
            raise InvalidAnnotation(f"an object must be a JSON object, not {kind_of(data)}.")
        fields = LabelJsonFields
        name = data.get(fields.OBJ_CLASS_NAME)
        if not isinstance(name, str):
            raise InvalidAnnotation(f"field {fields.OBJ_CLASS_NAME!r} must be a string, not {kind_of(name)}.")
        place = f"class {name!r}"
        obj_class = project_meta.get_obj_class(name)
        if obj_class is None:
            raise InvalidAnnotation(
                "Failed to deserialize a Label object from JSON: "
                f"label class name {name!r} was not found in the given project meta."
            )
        if fields.TAGS not in data:
            raise InvalidAnnotation(f"field {fields.TAGS!r} is missing.", place)
        try:
            label = cls(
                _geometry_class(obj_class, data).from_json(data),
                obj_class,
                TagCollection.from_json(data[fields.TAGS], project_meta.tag_metas),
                data.get(fields.DESCRIPTION, ""),
            )
        except InvalidAnnotation as e:
            raise e.within(place) from None
        except (ValueError, TypeError, RuntimeError, OverflowError) as e:
            raise InvalidAnnotation(str(e), place) from e
        if not _KNOWN_FIELDS.issuperset(data):
            label._unknown_fields = {key: value for key, value in data.items() if key not in _KNOWN_FIELDS}
        return label

    def clone(
        self,
        geometry: Geometry | None = None,
        obj_class: ObjClass | None = None,
        tags: TagCollection | Iterable[Tag] | None = None,
        description: str | None = None,
    ) -> Self:
        """A copy with the given parts replaced."""
        result = type(self)(
            geometry=take_with_default(geometry, self._geometry),
            obj_class=take_with_default(obj_class, self._obj_class),
            tags=self._tags if tags is None else tags,
            description=take_with_default(description, self._description),
        )
        if self._unknown_fields:
            result._unknown_fields = self._unknown_fields
        return result

    def add_tag(self, tag: Tag) -> Self:
        """A copy with one more tag."""
        return self.clone(tags=self._tags.add(tag))

    def add_tags(self, tags: Iterable[Tag]) -> Self:
        """A copy with more tags."""
        return self.clone(tags=self._tags.add_items(tags))

    def _with_each(self, geometries: Sequence[Geometry]) -> list[Self]:
        return [self.clone(geometry=geometry) for geometry in geometries]

    def crop(self, rect: Rectangle) -> list[Self]:
        """A label for each part of the shape inside rect; the label itself if the whole shape is inside."""
        if self._geometry._lies_in(rect):
            return [self]
        parts = self._geometry.crop(rect)
        if len(parts) == 1:
            parts[0]._copy_creation_info_inplace(self._geometry)
        return self._with_each(parts)

    def relative_crop(self, rect: Rectangle) -> list[Self]:
        """As crop, in coordinates relative to rect."""
        return self._with_each(self._geometry.relative_crop(rect))

    def rotate(self, rotator: ImageRotator) -> Self:
        """The label in the rotated image."""
        return self.clone(geometry=self._geometry.rotate(rotator))

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Self:
        """The label after an image of in_size (height, width) is resized to out_size."""
        return self.clone(geometry=self._geometry.resize(in_size, out_size))

    def scale(self, factor: float) -> Self:
        """The label with all coordinates multiplied by factor."""
        return self.clone(geometry=self._geometry.scale(factor))

    def translate(self, drow: int, dcol: int) -> Self:
        """The label moved down by drow and right by dcol."""
        return self.clone(geometry=self._geometry.translate(drow, dcol))

    def fliplr(self, img_size: Sequence[int]) -> Self:
        """The label mirrored within an image of (height, width)."""
        return self.clone(geometry=self._geometry.fliplr(img_size))

    def flipud(self, img_size: Sequence[int]) -> Self:
        """The label upside down within an image of (height, width)."""
        return self.clone(geometry=self._geometry.flipud(img_size))

    def draw(self, bitmap: Array, color: Any = None, thickness: int = 1) -> None:
        """Fill the shape on a canvas, in the given colour or else in the colour of its class."""
        ink = self._obj_class.color if color is None else color
        self._geometry.draw(bitmap, ink, thickness, self._obj_class._geometry_config)

    def draw_contour(self, bitmap: Array, color: Any = None, thickness: int = 1) -> None:
        """Draw the outline on a canvas, in the given colour or else in the colour of its class."""
        ink = self._obj_class.color if color is None else color
        self._geometry.draw_contour(bitmap, ink, thickness, self._obj_class._geometry_config)

    def get_mask(self, img_size: tuple[int, int]) -> Array:
        """bool (height, width), true for the pixels of the shape."""
        mask = np.zeros(tuple(img_size), np.bool_)
        self.draw(mask, True)
        return mask

    def convert(self, new_obj_class: ObjClass) -> list[Self]:
        """Labels of another class, with the geometry converted to the shape of that class."""
        shapes = self._geometry.convert(new_obj_class.geometry_type)
        return [self.clone(geometry=shape, obj_class=new_obj_class) for shape in shapes]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._obj_class.name!r}, {self._geometry.geometry_name()})"


def _geometry_class(obj_class: ObjClass, data: Mapping[str, Any]) -> type[Geometry]:
    if obj_class.geometry_type is not AnyGeometry:
        return obj_class.geometry_type
    name = data.get(GEOMETRY_TYPE, data.get(GEOMETRY_SHAPE))
    if name is None:
        raise InvalidAnnotation(f"the class may have any shape, so field {GEOMETRY_TYPE!r} is needed.")
    try:
        shape = GET_GEOMETRY_FROM_STR(name)
    except UnknownShape as e:
        raise InvalidAnnotation(e.problem) from None
    if shape is AnyGeometry:
        raise InvalidAnnotation(f"field {GEOMETRY_TYPE!r} of an object cannot be {name!r}.")
    return shape


class Label(LabelBase):
    """A geometry of the shape of its class."""

    def _validate_geometry_type(self) -> None:
        expected = self._obj_class.geometry_type
        if expected is not AnyGeometry and type(self._geometry) is not expected:
            raise RuntimeError(f"Input geometry type {type(self._geometry)!r} != geometry type of ObjClass {expected}")


class PixelwiseScoresLabel(LabelBase):
    """A score per pixel for a class of any shape."""

    def _validate_geometry_type(self) -> None:
        if type(self._geometry) is not MultichannelBitmap:
            raise RuntimeError(
                f"Input geometry type {type(self._geometry)!r} != geometry type of ObjClass {MultichannelBitmap}"
            )

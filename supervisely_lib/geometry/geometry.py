"""The interface of all shapes (contract: sdk.md 9, geometry)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.geometry.constants import (
    ANY_SHAPE,
    CLASS_ID,
    CREATED_AT,
    GEOMETRY_SHAPE,
    GEOMETRY_TYPE,
    ID,
    LABELER_LOGIN,
    UPDATED_AT,
)
from supervisely_lib.geometry.drawing import Array, as_array
from supervisely_lib.io.json import JsonSerializable

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11

    from supervisely_lib.geometry.image_rotator import ImageRotator
    from supervisely_lib.geometry.rectangle import Rectangle

# Values that a server adds to an object: key in the file → attribute of the geometry.
_INFO = (
    (LABELER_LOGIN, "labeler_login"),
    (UPDATED_AT, "updated_at"),
    (CREATED_AT, "created_at"),
    (ID, "sly_id"),
    (CLASS_ID, "class_id"),
)


class Geometry(JsonSerializable):
    """A shape.

    Immutable: transformations return new shapes, without the values that a server added to the old shape.
    """

    sly_id: int | None = None
    class_id: int | None = None
    labeler_login: str | None = None
    updated_at: str | None = None
    created_at: str | None = None

    def __init__(
        self,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        self.sly_id = sly_id
        self.class_id = class_id
        self.labeler_login = labeler_login
        self.updated_at = updated_at
        self.created_at = created_at

    @staticmethod
    def geometry_name() -> str:
        """The name of the shape in files: "bitmap", "line", …"""
        raise NotImplementedError

    @classmethod
    def name(cls) -> str:
        """Same as geometry_name()."""
        return cls.geometry_name()

    def to_json(self) -> dict[str, Any]:
        """The keys of an annotation object that describe the shape."""
        name = self.geometry_name()
        result = {**self._to_json_impl(), GEOMETRY_SHAPE: name, GEOMETRY_TYPE: name}
        for key, attribute in _INFO:
            value = getattr(self, attribute)
            if value is not None:
                result[key] = value
        return result

    def _to_json_impl(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The shape of an annotation object. Raises ValueError or TypeError that names the field."""
        result = cls._from_json_impl(data)
        for key, attribute in _INFO:
            if key in data:
                setattr(result, attribute, data[key])
        return result

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def _copy_creation_info_inplace(self, g: Geometry) -> None:
        for _, attribute in _INFO:
            value = getattr(g, attribute)
            if value is not None:
                setattr(self, attribute, value)

    def crop(self, rect: Rectangle) -> Sequence[Geometry]:
        """A list of the parts inside rect, in the same coordinates. It may be empty."""
        raise NotImplementedError

    def relative_crop(self, rect: Rectangle) -> list[Geometry]:
        """A list of the parts inside rect, in coordinates relative to rect."""
        return [part.translate(drow=-rect.top, dcol=-rect.left) for part in self.crop(rect)]

    def rotate(self, rotator: ImageRotator) -> Geometry:
        """The shape in the rotated image."""
        raise NotImplementedError

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Geometry:
        """The shape after an image of in_size (height, width) is resized to out_size; one side may be -1."""
        raise NotImplementedError

    def scale(self, factor: float) -> Geometry:
        """The shape with all coordinates multiplied by factor, rounded."""
        raise NotImplementedError

    def translate(self, drow: int, dcol: int) -> Geometry:
        """The shape moved down by drow and right by dcol."""
        raise NotImplementedError

    def fliplr(self, img_size: Sequence[int]) -> Geometry:
        """The shape mirrored within an image of img_size (height, width)."""
        raise NotImplementedError

    def flipud(self, img_size: Sequence[int]) -> Geometry:
        """The shape upside down within an image of img_size (height, width)."""
        raise NotImplementedError

    def draw(self, bitmap: Array, color: Any, thickness: int = 1, config: Any = None) -> None:
        """Fill the shape on a canvas (h, w) or (h, w, c) of bool, integers or floats: an array, or a torch tensor.

        color: one number, or one per channel. thickness, in pixels, matters to lines and points.
        config: the class' geometry_config, for graphs.
        """
        self._draw_impl(as_array(bitmap), color, thickness, config)

    def draw_contour(self, bitmap: Array, color: Any, thickness: int = 1, config: Any = None) -> None:
        """Draw the outline, thickness pixels wide."""
        self._draw_contour_impl(as_array(bitmap), color, thickness, config)

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        raise NotImplementedError

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        raise NotImplementedError

    def get_mask(self, img_size: tuple[int, int]) -> Array:
        """bool (height, width), true for the pixels of the shape."""
        mask = np.zeros(tuple(img_size), np.bool_)
        self.draw(mask, True)
        return mask

    @property
    def area(self) -> float:
        """Area in pixels; 0 for points and lines."""
        raise NotImplementedError

    def to_bbox(self) -> Rectangle:
        """The smallest rectangle around it."""
        raise NotImplementedError

    def _lies_in(self, rect: Rectangle) -> bool:
        """Whether rect contains the smallest rectangle around it."""
        return rect.contains(self.to_bbox())

    def clone(self) -> Self:
        """A copy."""
        return copy.copy(self)

    def validate(self, obj_class_shape: str, settings: Any) -> None:
        """ValueError if a class of that shape with that geometry_config may not have this object."""
        if obj_class_shape not in (ANY_SHAPE, self.geometry_name()):
            raise ValueError(
                "Geometry validation error: shape names are mismatched! "
                f"A class of shape {obj_class_shape!r} cannot hold a {self.geometry_name()!r}."
            )

    @staticmethod
    def config_from_json(config: Any) -> Any:
        """The geometry_config of a class, from its form in a file."""
        return config

    @staticmethod
    def config_to_json(config: Any) -> Any:
        """The form of a class' geometry_config in a file."""
        return config

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        """The shapes to which `convert` can convert this shape."""
        return []

    def convert(
        self, new_geometry: type[Geometry], contour_radius: int = 0, approx_epsilon: float | None = None
    ) -> list[Geometry]:
        """This shape converted to shapes of another kind; NotImplementedError if no such conversion exists."""
        from supervisely_lib.geometry.helpers import convert

        return convert(self, new_geometry, contour_radius, approx_epsilon)

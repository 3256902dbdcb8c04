"""Classes of objects (contract: project_format.md 2, class object)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from supervisely_lib._utils import take_with_default
from supervisely_lib.annotation.invalid import InvalidMeta, kind_of
from supervisely_lib.annotation.json_geometries_map import GET_GEOMETRY_FROM_STR
from supervisely_lib.collection.key_indexed_collection import KeyObject
from supervisely_lib.geometry.any_geometry import AnyGeometry
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.graph import GraphNodes, KeypointsTemplate
from supervisely_lib.imaging.color import _validate_color, random_rgb, read_color, rgb2hex
from supervisely_lib.io.json import JsonSerializable


class ObjClassJsonFields:
    """Keys of a class in meta.json."""

    ID = "id"
    NAME = "title"
    GEOMETRY_TYPE = "shape"
    COLOR = "color"
    GEOMETRY_CONFIG = "geometry_config"
    HOTKEY = "hotkey"
    DESCRIPTION = "description"


_KNOWN_FIELDS = frozenset(value for key, value in vars(ObjClassJsonFields).items() if key.isupper())


class ObjClass(KeyObject, JsonSerializable):
    """A class: its name, the shape of its objects, its colour. Immutable.

    Two classes are equal if name, shape and geometry_config are equal; the colour does not matter.
    """

    def __init__(
        self,
        name: str,
        geometry_type: type[Geometry],
        color: Sequence[int] | None = None,
        geometry_config: Mapping[str, Any] | KeypointsTemplate | None = None,
        sly_id: int | None = None,
        hotkey: str | None = None,
        description: str | None = None,
    ) -> None:
        """color: [R, G, B], random if None. geometry_config: nodes and edges; required for graphs, empty for others."""
        if geometry_type is GraphNodes and geometry_config is None:
            raise ValueError("sly.GraphNodes requires geometry_config to be passed to sly.ObjClass")
        if isinstance(geometry_config, KeypointsTemplate):
            geometry_config = geometry_config.config
        self._name = name
        self._geometry_type = geometry_type
        self._color = random_rgb() if color is None else list(color)
        _validate_color(self._color)
        self._geometry_config: dict[str, Any] = copy.deepcopy(dict(geometry_config or {}))
        self._sly_id = sly_id
        self._hotkey = hotkey
        self._description = description
        self._unknown_fields: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """Its name, unique in a project."""
        return self._name

    def key(self) -> str:
        return self._name

    @property
    def geometry_type(self) -> type[Geometry]:
        """Geometry class of its objects."""
        return self._geometry_type

    @property
    def geometry_config(self) -> dict[str, Any]:
        """Nodes and edges of a graph; {} for other shapes."""
        return copy.deepcopy(self._geometry_config) if self._geometry_config else {}

    @property
    def color(self) -> list[int]:
        """[R, G, B], each 0–255."""
        return self._color.copy()

    @property
    def sly_id(self) -> int | None:
        """The id of the class on a server."""
        return self._sly_id

    @property
    def hotkey(self) -> str:
        """A key for the labelling tool; "" for none."""
        return self._hotkey or ""

    @property
    def description(self) -> str:
        """A description for people; "" for none."""
        return self._description or ""

    def to_json(self) -> dict[str, Any]:
        """Its form in meta.json, with the fields this SDK does not know."""
        fields = ObjClassJsonFields
        result: dict[str, Any] = {
            fields.NAME: self._name,
            fields.GEOMETRY_TYPE: self._geometry_type.geometry_name(),
            fields.COLOR: rgb2hex(self._color),
            fields.GEOMETRY_CONFIG: self._geometry_type.config_to_json(self._geometry_config),
        }
        optional = {
            fields.DESCRIPTION: self._description,
            fields.HOTKEY: self._hotkey,
            fields.ID: self._sly_id,
        }
        result.update((key, value) for key, value in optional.items() if value is not None)
        return {**result, **self._unknown_fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ObjClass:
        """Raises InvalidMeta that names the class and the field."""
        fields = ObjClassJsonFields
        if not isinstance(data, Mapping):
            raise InvalidMeta(f"a class must be an object, not {kind_of(data)}.")
        name = data.get(fields.NAME)
        if not isinstance(name, str):
            raise InvalidMeta(f"field {fields.NAME!r} must be a string, not {kind_of(name)}.")
        place = f"class {name!r}"
        if fields.GEOMETRY_TYPE not in data:
            raise InvalidMeta(f"field {fields.GEOMETRY_TYPE!r} is missing.", place)
        try:
            geometry_type = GET_GEOMETRY_FROM_STR(data[fields.GEOMETRY_TYPE])
        except InvalidMeta as e:
            raise e.within(place) from None
        try:
            color = read_color(data[fields.COLOR])
            config = geometry_type.config_from_json(data.get(fields.GEOMETRY_CONFIG))
            if geometry_type is GraphNodes and config is None:
                raise ValueError(f"a class of graphs needs field {fields.GEOMETRY_CONFIG!r} with nodes and edges.")
            if not isinstance(config, Mapping):
                config = None  # other shapes have none
            result = cls(
                name,
                geometry_type,
                color,
                config,
                sly_id=data.get(fields.ID),
                hotkey=data.get(fields.HOTKEY),
                description=data.get(fields.DESCRIPTION),
            )
        except KeyError as e:
            raise InvalidMeta(f"field {e.args[0]!r} is missing.", place) from None
        except (ValueError, TypeError) as e:
            raise InvalidMeta(str(e), place) from e
        result._unknown_fields = {key: value for key, value in data.items() if key not in _KNOWN_FIELDS}
        return result

    def clone(
        self,
        name: str | None = None,
        geometry_type: type[Geometry] | None = None,
        color: Sequence[int] | None = None,
        geometry_config: Mapping[str, Any] | None = None,
        sly_id: int | None = None,
        hotkey: str | None = None,
        description: str | None = None,
    ) -> ObjClass:
        """A copy with the given parts replaced."""
        result = ObjClass(
            name=take_with_default(name, self._name),
            geometry_type=take_with_default(geometry_type, self._geometry_type),
            color=take_with_default(color, self._color),
            geometry_config=take_with_default(geometry_config, self._geometry_config),
            sly_id=self._sly_id if sly_id is None else sly_id,
            hotkey=self._hotkey if hotkey is None else hotkey,
            description=self._description if description is None else description,
        )
        result._unknown_fields = self._unknown_fields
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjClass):
            return NotImplemented
        shapes = (self._geometry_type, other._geometry_type)
        return (
            self._name == other._name
            and (shapes[0] is shapes[1] or AnyGeometry in shapes)
            and self._geometry_config == other._geometry_config
        )

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"ObjClass({self._name!r}, {self._geometry_type.__name__})"

    def __str__(self) -> str:
        """The text in log lines; padded as in the official SDK, because logs are compared."""
        return (
            f"Name:  {self._name:<10}Shape: {self._geometry_type.__name__:<13}"
            f"Color: {self._color!s:<15}Geom. settings: {self._geometry_config!s:<16}"
        )

    @classmethod
    def get_header_ptable(cls) -> list[str]:
        return ["Name", "Shape", "Color"]

    def get_row_ptable(self) -> list[Any]:
        return [self._name, self._geometry_type.__name__, self._color]

"""Tag metas: names of tags and their possible values (contract: project_format.md 2, tag meta object)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from supervisely_lib._utils import take_with_default
from supervisely_lib.annotation.invalid import InvalidMeta, kind_of
from supervisely_lib.collection.key_indexed_collection import KeyObject
from supervisely_lib.imaging.color import _validate_color, hex2rgb, random_rgb, rgb2hex
from supervisely_lib.io.json import JsonSerializable


class TagValueType:
    """The types of tag values, as plain strings."""

    NONE = "none"
    ANY_NUMBER = "any_number"
    ANY_STRING = "any_string"
    ONEOF_STRING = "oneof_string"


class TagMetaJsonFields:
    """Keys of a tag in meta.json."""

    ID = "id"
    NAME = "name"
    VALUE_TYPE = "value_type"
    VALUES = "values"
    COLOR = "color"
    # Since 2020; kept with the fields this SDK does not use.
    APPLICABLE_TYPE = "applicable_type"
    APPLICABLE_CLASSES = "classes"
    HOTKEY = "hotkey"


class TagApplicableTo:
    """What a tag may be put on."""

    ALL = "all"
    IMAGES_ONLY = "imagesOnly"
    OBJECTS_ONLY = "objectsOnly"


SUPPORTED_APPLICABLE_TO = [TagApplicableTo.ALL, TagApplicableTo.IMAGES_ONLY, TagApplicableTo.OBJECTS_ONLY]
SUPPORTED_TAG_VALUE_TYPES = [
    TagValueType.NONE,
    TagValueType.ANY_NUMBER,
    TagValueType.ANY_STRING,
    TagValueType.ONEOF_STRING,
]
# Fields of the SDK of 2026 that are kept as they are, but checked as it does.
_ALLOWED = {
    "applicable_type": ("all", "imagesOnly", "objectsOnly"),
    "target_type": ("all", "framesOnly", "entitiesOnly"),
}
_F = TagMetaJsonFields
_KNOWN_FIELDS = frozenset({_F.ID, _F.NAME, _F.VALUE_TYPE, _F.VALUES, _F.COLOR})


class TagMeta(KeyObject, JsonSerializable):
    """A tag meta: the name of a tag and the values that it may have. Immutable.

    Two metas are equal if name, value type and possible values are equal; the colour does not matter.
    """

    def __init__(
        self,
        name: str,
        value_type: str,
        possible_values: Sequence[str] | None = None,
        color: Sequence[int] | None = None,
        sly_id: int | None = None,
        hotkey: str | None = None,
        applicable_to: str | None = None,
        applicable_classes: Sequence[str] | None = None,
    ) -> None:
        """possible_values: required for "oneof_string", forbidden otherwise. color: [R, G, B], random if None."""
        if applicable_to not in (None, *SUPPORTED_APPLICABLE_TO):
            raise ValueError(
                f"applicable_to = {applicable_to!r} is unknown, should be one of {SUPPORTED_APPLICABLE_TO}"
            )
        if value_type not in SUPPORTED_TAG_VALUE_TYPES:
            raise ValueError(f"value_type = {value_type!r} is unknown, should be one of {SUPPORTED_TAG_VALUE_TYPES}")
        if value_type == TagValueType.ONEOF_STRING:
            if possible_values is None:
                raise ValueError("TagValueType is ONEOF_STRING. List of possible values have to be defined.")
            if isinstance(possible_values, (str, Mapping)) or not all(isinstance(v, str) for v in possible_values):
                raise ValueError("TagValueType is ONEOF_STRING. All possible values have to be strings")
        elif possible_values is not None:
            raise ValueError(f"TagValueType is {value_type!r}. possible_values variable have to be None")
        self._name = name
        self._value_type = value_type
        self._possible_values = None if possible_values is None else list(possible_values)
        self._color = random_rgb() if color is None else list(color)
        _validate_color(self._color)
        self._sly_id = sly_id
        later = {_F.HOTKEY: hotkey, _F.APPLICABLE_TYPE: applicable_to, _F.APPLICABLE_CLASSES: applicable_classes}
        self._unknown_fields: dict[str, Any] = {key: value for key, value in later.items() if value is not None}

    @property
    def name(self) -> str:
        """Its name, unique in a project."""
        return self._name

    def key(self) -> str:
        return self._name

    @property
    def value_type(self) -> str:
        """A string of TagValueType."""
        return self._value_type

    @property
    def possible_values(self) -> list[str] | None:
        """Allowed values of "oneof_string"; None for the other types."""
        return None if self._possible_values is None else self._possible_values.copy()

    @property
    def color(self) -> list[int]:
        """[R, G, B], each 0–255."""
        return self._color.copy()

    @property
    def sly_id(self) -> int | None:
        """The id of the tag meta on a server."""
        return self._sly_id

    @property
    def hotkey(self) -> str:
        """The key that chooses it in the labelling tool; empty if there is none."""
        return str(self._unknown_fields.get(_F.HOTKEY) or "")

    @property
    def applicable_to(self) -> str:
        """A string of TagApplicableTo."""
        return str(self._unknown_fields.get(_F.APPLICABLE_TYPE) or TagApplicableTo.ALL)

    @property
    def applicable_classes(self) -> list[str]:
        """The classes whose objects may have it; empty for all classes."""
        return list(self._unknown_fields.get(_F.APPLICABLE_CLASSES) or ())

    def is_valid_value(self, value: object) -> bool:
        """Whether a tag with this meta may have the value; None means no value."""
        if self._value_type == TagValueType.NONE:
            return value is None
        if self._value_type == TagValueType.ANY_NUMBER:
            return isinstance(value, (int, float))
        if self._value_type == TagValueType.ANY_STRING:
            return isinstance(value, str)
        return isinstance(value, str) and value in (self._possible_values or ())

    def add_possible_value(self, value: str) -> TagMeta:
        """A copy with one more allowed value.

        ValueError if the type is not "oneof_string" or the value is allowed already.
        """
        if self._possible_values is None:
            raise ValueError(
                f"Tag {self._name!r} has type {self._value_type!r}. Possible value can be added only to oneof_string"
            )
        if value in self._possible_values:
            raise ValueError(f"Value {value} already exists for tag {self._name}")
        return self.clone(possible_values=[*self._possible_values, value])

    def is_compatible(self, other: TagMeta) -> bool:
        """Whether both metas have the same name and allow the same values, in any order."""
        return (
            isinstance(other, TagMeta)
            and self._name == other._name
            and self._value_type == other._value_type
            and sorted(self._possible_values or ()) == sorted(other._possible_values or ())
        )

    def to_json(self) -> dict[str, Any]:
        """Its form in meta.json, with the fields this SDK does not know."""
        fields = TagMetaJsonFields
        result: dict[str, Any] = {
            fields.NAME: self._name,
            fields.VALUE_TYPE: self._value_type,
            fields.COLOR: rgb2hex(self._color),
        }
        if self._possible_values is not None:
            result[fields.VALUES] = self._possible_values.copy()
        if self._sly_id is not None:
            result[fields.ID] = self._sly_id
        return {**result, **self._unknown_fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> TagMeta:
        """`data` is an object, or only the name of a tag without value. Raises InvalidMeta that names tag and field."""
        if isinstance(data, str):
            return cls(data, TagValueType.NONE)
        if not isinstance(data, Mapping):
            raise InvalidMeta(f"Tags must be dict or str types, not {kind_of(data)}.")
        fields = TagMetaJsonFields
        name = data.get(fields.NAME)
        if not isinstance(name, str):
            raise InvalidMeta(f"field {fields.NAME!r} must be a string, not {kind_of(name)}.")
        if fields.VALUE_TYPE not in data:
            raise InvalidMeta(f"field {fields.VALUE_TYPE!r} is missing.", f"tag {name!r}")
        try:
            color = None if data.get(fields.COLOR) is None else hex2rgb(data[fields.COLOR])
            for field, allowed in _ALLOWED.items():
                if data.get(field) is not None and data[field] not in allowed:
                    raise ValueError(f"field {field!r} is {data[field]!r}; it must be one of {', '.join(allowed)}.")
            result = cls(name, data[fields.VALUE_TYPE], data.get(fields.VALUES), color, data.get(fields.ID))
        except (ValueError, TypeError) as e:
            raise InvalidMeta(str(e), f"tag {name!r}") from e
        result._unknown_fields = {key: value for key, value in data.items() if key not in _KNOWN_FIELDS}
        return result

    def clone(
        self,
        name: str | None = None,
        value_type: str | None = None,
        possible_values: Sequence[str] | None = None,
        color: Sequence[int] | None = None,
        sly_id: int | None = None,
        hotkey: str | None = None,
        applicable_to: str | None = None,
        applicable_classes: Sequence[str] | None = None,
    ) -> TagMeta:
        """A copy with the given parts replaced."""
        result = TagMeta(
            name=take_with_default(name, self._name),
            value_type=take_with_default(value_type, self._value_type),
            possible_values=self._possible_values if possible_values is None else possible_values,
            color=take_with_default(color, self._color),
            sly_id=self._sly_id if sly_id is None else sly_id,
            hotkey=hotkey,
            applicable_to=applicable_to,
            applicable_classes=applicable_classes,
        )
        result._unknown_fields = {**self._unknown_fields, **result._unknown_fields}
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TagMeta):
            return NotImplemented
        return (
            self._name == other._name
            and self._value_type == other._value_type
            and self._possible_values == other._possible_values
        )

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"TagMeta({self._name!r}, {self._value_type!r})"

    def __str__(self) -> str:
        """The text in log lines, with the blanks of the official SDK."""
        values = str(self._possible_values)
        return f"Name:  {self._name:<24} Value type:{self._value_type:<13} Possible values:{values:<10}"

    @classmethod
    def get_header_ptable(cls) -> list[str]:
        return ["Name", "Value type", "Possible values"]

    def get_row_ptable(self) -> list[Any]:
        return [self._name, self._value_type, self._possible_values]

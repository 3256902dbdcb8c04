"""Tags of images and objects (contract: project_format.md 3, tags)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from supervisely_lib._utils import take_with_default
from supervisely_lib.annotation.invalid import InvalidAnnotation, kind_of
from supervisely_lib.annotation.tag_meta import TagMeta, TagValueType
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.collection.key_indexed_collection import KeyObject

TagValue = Union[str, int, float, None]


class TagJsonFields:
    """Keys of a tag in an annotation file."""

    TAG_NAME = "name"
    VALUE = "value"


class Tag(KeyObject):
    """A tag with its value, which is None if its meta allows no value. Immutable."""

    def __init__(self, meta: TagMeta, value: TagValue = None) -> None:
        """ValueError for a value that the meta does not allow, and for a missing meta."""
        if meta is None:
            raise ValueError("TagMeta is None")
        if not meta.is_valid_value(value):
            raise ValueError(f"Tag {meta.name} can not have value {value!r} (type {meta.value_type}).")
        self._meta = meta
        self._value = value
        self._unknown_fields: dict[str, Any] = {}

    @property
    def meta(self) -> TagMeta:
        """Its TagMeta."""
        return self._meta

    @property
    def value(self) -> TagValue:
        """Its value."""
        return self._value

    @property
    def name(self) -> str:
        """The name of its meta."""
        return self._meta.name

    def key(self) -> str:
        return self._meta.name

    def to_json(self) -> dict[str, Any]:
        """`{"name": …}`, with a `value` if the meta allows values."""
        result: dict[str, Any] = {TagJsonFields.TAG_NAME: self.name}
        if self._meta.value_type != TagValueType.NONE:
            result[TagJsonFields.VALUE] = self._value
        return {**result, **self._unknown_fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str, tag_meta_collection: TagMetaCollection) -> Tag:
        """`data` is an object, or only the name. Raises InvalidAnnotation (a ValueError) that names the tag."""
        fields: Mapping[str, Any] = {TagJsonFields.TAG_NAME: data} if isinstance(data, str) else data
        name = fields.get(TagJsonFields.TAG_NAME) if isinstance(fields, Mapping) else None
        if not isinstance(name, str):
            raise InvalidAnnotation(f"a tag must be a name or an object with a name, not {kind_of(data)}.")
        meta = tag_meta_collection.get(name)
        if meta is None:
            raise InvalidAnnotation(f"TagMeta is None: tag {name!r} is not in meta.json.")
        try:
            tag = cls(meta, fields.get(TagJsonFields.VALUE))
        except ValueError as e:
            raise InvalidAnnotation(str(e)) from None
        tag._unknown_fields = {
            k: v for k, v in fields.items() if k not in (TagJsonFields.TAG_NAME, TagJsonFields.VALUE)
        }
        return tag

    def clone(self, meta: TagMeta | None = None, value: TagValue = None) -> Tag:
        """A copy with the given parts replaced."""
        result = Tag(take_with_default(meta, self._meta), self._value if value is None else value)
        result._unknown_fields = self._unknown_fields
        return result

    def get_compact_str(self) -> str:
        """ "name:value", or only the name if the tag has no value."""
        has_value = self._meta.value_type != TagValueType.NONE and str(self._value)
        return f"{self.name}:{self._value}" if has_value else self.name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tag):
            return NotImplemented
        return self._meta == other._meta and self._value == other._value

    def __hash__(self) -> int:
        return hash((self.name, self._value))

    def __repr__(self) -> str:
        return f"Tag({self.name!r}, {self._value!r})"

    def __str__(self) -> str:
        """The text in log lines, with the blanks of the official SDK."""
        return f"Name:  {self.name:<10}Value type: {self._meta.value_type:<13}Value:  {self._value!s:<10}"

    @classmethod
    def get_header_ptable(cls) -> list[str]:
        return ["Name", "Value type", "Value"]

    def get_row_ptable(self) -> list[Any]:
        return [self.name, self._meta.value_type, self._value]

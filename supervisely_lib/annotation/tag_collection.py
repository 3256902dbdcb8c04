"""Tags of an image or object, by name."""

from __future__ import annotations

from typing import Any

from supervisely_lib.annotation.invalid import InvalidAnnotation, kind_of
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.collection.key_indexed_collection import MultiKeyIndexedCollection


class TagCollection(MultiKeyIndexedCollection[Tag]):
    """Tags by name. A tag may occur several times, with equal or other values; tags of a name stand together."""

    item_type = Tag

    def __str__(self) -> str:
        return f"Tags:\n{super().__str__()}"

    @classmethod
    def from_json(cls, data: Any, tag_meta_collection: TagMetaCollection) -> TagCollection:
        """Raises InvalidAnnotation that names the tag. An empty text or object counts as an empty list."""
        if data in ("", {}):
            return cls()
        if not isinstance(data, (list, tuple)):
            raise InvalidAnnotation(f"field 'tags' must be a list, not {kind_of(data)}.")
        if not data:
            return cls()
        return cls([Tag.from_json(item, tag_meta_collection) for item in data])

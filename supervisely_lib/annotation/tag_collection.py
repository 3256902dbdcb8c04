"""Tags of one image or object, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from supervisely_lib.annotation.invalid import DuplicateTag, InvalidAnnotation, kind_of
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError, KeyIndexedCollection


class TagCollection(KeyIndexedCollection[Tag]):
    """Tags by name, in order. One of each kind."""

    item_type = Tag

    @classmethod
    def from_json(
        cls, data: Sequence[Mapping[str, Any] | str], tag_meta_collection: TagMetaCollection
    ) -> TagCollection:
        """InvalidAnnotation naming the tag; DuplicateTag for two of one kind."""
        if not isinstance(data, (list, tuple)):
            raise InvalidAnnotation(f"field 'tags' must be a list, not {kind_of(data)}.")
        if not data:
            return cls()
        try:
            return cls([Tag.from_json(item, tag_meta_collection) for item in data])
        except DuplicateKeyError as e:
            raise DuplicateTag(f"{e} among the tags.") from None

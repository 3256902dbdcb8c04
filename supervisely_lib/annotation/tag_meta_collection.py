"""Tag metas by name."""

from __future__ import annotations

from typing import Any

from supervisely_lib.annotation.invalid import DuplicateName, InvalidMeta, kind_of
from supervisely_lib.annotation.renamer import Renamer
from supervisely_lib.annotation.tag_meta import TagMeta
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError, KeyIndexedCollection
from supervisely_lib.io.json import JsonSerializable


class TagMetaCollection(KeyIndexedCollection[TagMeta], JsonSerializable):
    """Tag metas by name, in order."""

    item_type = TagMeta

    @classmethod
    def from_json(cls, data: Any) -> TagMetaCollection:
        """Raises InvalidMeta that names the tag and the field, DuplicateName for a repeated name.

        An empty text or object counts as an empty list.
        """
        if data in ("", {}):
            return cls()
        if not isinstance(data, (list, tuple)):
            raise InvalidMeta(f"field 'tags' must be a list, not {kind_of(data)}.")
        metas = []
        for i, item in enumerate(data):
            try:
                metas.append(TagMeta.from_json(item))
            except InvalidMeta as e:
                raise e.within(f"tags[{i}]") from e.__cause__
        try:
            return cls(metas)
        except DuplicateKeyError as e:
            raise DuplicateName(f"{e} among the tags.") from None


def make_renamed_tag_metas(
    src_tag_metas: TagMetaCollection, renamer: Renamer, skip_missing: bool = False
) -> TagMetaCollection:
    """The tag metas that the renamer keeps, under their new names. KeyError if it drops one, unless skip_missing."""
    renamed = []
    for tag_meta in src_tag_metas:
        name = renamer.rename(tag_meta.name)
        if name is not None:
            renamed.append(tag_meta.clone(name=name))
        elif not skip_missing:
            raise KeyError(f"Tag meta named {tag_meta.name} could not be mapped to a destination name.")
    return TagMetaCollection(renamed)

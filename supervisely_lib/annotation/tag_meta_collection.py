"""Kinds of tags by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from supervisely_lib.annotation.invalid import DuplicateName, InvalidMeta, kind_of
from supervisely_lib.annotation.renamer import Renamer
from supervisely_lib.annotation.tag_meta import TagMeta
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError, KeyIndexedCollection
from supervisely_lib.io.json import JsonSerializable


class TagMetaCollection(KeyIndexedCollection[TagMeta], JsonSerializable):
    """Kinds of tags by name, in order."""

    item_type = TagMeta

    @classmethod
    def from_json(cls, data: Sequence[dict[str, Any] | str]) -> TagMetaCollection:
        """InvalidMeta naming the tag and the field; DuplicateName for two of one name."""
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
    """The tags the renamer keeps, under their new names. KeyError if it drops one, unless skip_missing."""
    renamed = []
    for tag_meta in src_tag_metas:
        name = renamer.rename(tag_meta.name)
        if name is not None:
            renamed.append(tag_meta.clone(name=name))
        elif not skip_missing:
            raise KeyError(f"Tag meta named {tag_meta.name} could not be mapped to a destination name.")
    return TagMetaCollection(renamed)

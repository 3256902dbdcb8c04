"""From a model's tags to those of a project."""

from __future__ import annotations

from collections.abc import Iterable

from supervisely_lib.annotation.renamer import Renamer
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_collection import TagCollection
from supervisely_lib.annotation.tag_meta import TagMeta
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection


class TagMetaMapper:
    """Maps a tag meta to another tag meta, or to None."""

    def map(self, src: TagMeta) -> TagMeta | None:
        """The tag meta to use instead of src; None to drop its tags."""
        raise NotImplementedError


class RenamingTagMetaMapper(TagMetaMapper):
    """Maps a tag meta to the destination's tag meta with the renamed name."""

    def __init__(self, dest_tag_meta_dict: TagMetaCollection, renamer: Renamer) -> None:
        self._dest_tag_meta_dict = dest_tag_meta_dict
        self._renamer = renamer

    def map(self, src: TagMeta) -> TagMeta | None:
        name = self._renamer.rename(src.name)
        found: TagMeta | None = None if name is None else self._dest_tag_meta_dict.get(name)
        return found


def make_renamed_tags(tags: Iterable[Tag], tag_meta_mapper: TagMetaMapper, skip_missing: bool = True) -> TagCollection:
    """The tags that the mapper keeps, with their new metas. KeyError if it drops a tag, unless skip_missing."""
    renamed = []
    for tag in tags:
        meta = tag_meta_mapper.map(tag.meta)
        if meta is not None:
            renamed.append(tag.clone(meta=meta))
        elif not skip_missing:
            raise KeyError(f"Tag named {tag.meta.name} could not be mapped to a destination name.")
    return TagCollection(renamed)

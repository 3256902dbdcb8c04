"""From a model's classes to those of a project."""

from __future__ import annotations

from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.renamer import Renamer


class ObjClassMapper:
    """Maps a class to another class, or to None."""

    def map(self, src: ObjClass) -> ObjClass | None:
        """The class to use instead of src; None to drop its objects."""
        raise NotImplementedError


class RenamingObjClassMapper(ObjClassMapper):
    """Maps a class to the destination's class with the renamed name."""

    def __init__(self, dest_obj_classes: ObjClassCollection, renamer: Renamer) -> None:
        self._dest_obj_classes = dest_obj_classes
        self._renamer = renamer

    def map(self, src: ObjClass) -> ObjClass | None:
        name = self._renamer.rename(src.name)
        found: ObjClass | None = None if name is None else self._dest_obj_classes.get(name)
        return found

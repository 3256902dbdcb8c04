"""Classes by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from supervisely_lib.annotation.invalid import DuplicateName, InvalidMeta, kind_of
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.renamer import Renamer
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError, KeyIndexedCollection
from supervisely_lib.imaging.color import rgb2hex
from supervisely_lib.io.json import JsonSerializable


class ObjClassCollection(KeyIndexedCollection[ObjClass], JsonSerializable):
    """Classes by name, in order."""

    item_type = ObjClass

    @classmethod
    def from_json(cls, data: Any) -> ObjClassCollection:
        """Raises InvalidMeta that names the class and the field, DuplicateName for a repeated name.

        An empty text or object counts as an empty list.
        """
        if data in ("", {}):
            return cls()
        if not isinstance(data, (list, tuple)):
            raise InvalidMeta(f"field 'classes' must be a list, not {kind_of(data)}.")
        classes = []
        for i, item in enumerate(data):
            try:
                classes.append(ObjClass.from_json(item))
            except InvalidMeta as e:
                raise e.within(f"classes[{i}]") from e.__cause__
        try:
            return cls(classes)
        except DuplicateKeyError as e:
            raise DuplicateName(f"{e} among the classes.") from None

    def validate_classes_colors(self, logger: Any = None) -> str | None:
        """A text that names classes with the same colour, also logged as warnings; None if all colours differ."""
        names = defaultdict(list)
        for obj_class in self:
            names[rgb2hex(obj_class.color)].append(obj_class.name)
        warnings = [
            f"Classes {same!r} have the same RGB color {color}" for color, same in names.items() if len(same) > 1
        ]
        for warning in warnings:
            if logger is not None:
                logger.warning(warning)
        return "\n\n".join(warnings) or None


def make_renamed_classes(
    src_obj_classes: ObjClassCollection, renamer: Renamer, skip_missing: bool = False
) -> ObjClassCollection:
    """The classes that the renamer keeps, under their new names. KeyError if it drops a class, unless skip_missing."""
    renamed = []
    for obj_class in src_obj_classes:
        name = renamer.rename(obj_class.name)
        if name is not None:
            renamed.append(obj_class.clone(name=name))
        elif not skip_missing:
            raise KeyError(f"Object class name {obj_class.name} could not be mapped to a destination name.")
    return ObjClassCollection(renamed)

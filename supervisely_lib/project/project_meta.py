"""The classes and tags of a project: meta.json (contract: project_format.md 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from supervisely_lib.annotation.invalid import InvalidMeta, kind_of
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.tag_meta import TagMeta
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.io.json import InvalidJson, JsonSerializable, load_json_file


class ProjectMetaJsonFields:
    """Keys of meta.json."""

    OBJ_CLASSES = "classes"
    TAGS = "tags"
    IMG_TAGS = "tags_images"  # legacy, with OBJ_TAGS: read where TAGS is empty
    OBJ_TAGS = "tags_objects"
    PROJECT_TYPE = "projectType"  # since 2020; kept with the fields this SDK does not use


_F = ProjectMetaJsonFields
_KNOWN_FIELDS = frozenset({_F.OBJ_CLASSES, _F.TAGS, _F.IMG_TAGS, _F.OBJ_TAGS})


class ProjectMeta(JsonSerializable):
    """Classes and tags. Immutable. Two metas are equal if their classes and tags are equal."""

    def __init__(
        self,
        obj_classes: ObjClassCollection | Iterable[ObjClass] | None = None,
        tag_metas: TagMetaCollection | Iterable[TagMeta] | None = None,
    ) -> None:
        if not isinstance(obj_classes, ObjClassCollection):
            obj_classes = ObjClassCollection(obj_classes)
        if not isinstance(tag_metas, TagMetaCollection):
            tag_metas = TagMetaCollection(tag_metas)
        self._obj_classes = obj_classes
        self._tag_metas = tag_metas
        self._unknown_fields: dict[str, Any] = {}

    @property
    def obj_classes(self) -> ObjClassCollection:
        """Classes by name."""
        return self._obj_classes

    @property
    def tag_metas(self) -> TagMetaCollection:
        """Tags by name."""
        return self._tag_metas

    @property
    def project_type(self) -> str | None:
        """ "images", "videos", …; None in files of the 2019 generation."""
        value: str | None = self._unknown_fields.get(_F.PROJECT_TYPE)
        return value

    def to_json(self) -> dict[str, Any]:
        """The content of meta.json, with the fields this SDK does not know."""
        return {_F.OBJ_CLASSES: self._obj_classes.to_json(), _F.TAGS: self._tag_metas.to_json(), **self._unknown_fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProjectMeta:
        """Raises InvalidMeta (a RuntimeError and ValueError) that names the class or tag, and the field."""
        if not isinstance(data, Mapping):
            raise InvalidMeta(f"a project meta must be a JSON object, not {kind_of(data)}.")
        if _F.OBJ_CLASSES not in data:
            raise InvalidMeta(f"field {_F.OBJ_CLASSES!r} is missing.")
        result = cls(ObjClassCollection.from_json(data[_F.OBJ_CLASSES]), _tag_metas(data))
        result._unknown_fields = {key: value for key, value in data.items() if key not in _KNOWN_FIELDS}
        return result

    @classmethod
    def load_json_file(cls, path: str | PathLike[str]) -> ProjectMeta:
        """As from_json, for a file. Errors name the file. Raises FileNotFoundError too."""
        try:
            return cls.from_json(load_json_file(path))
        except InvalidMeta as e:
            raise e.within(str(path)) from e.__cause__
        except InvalidJson as e:
            raise InvalidMeta(str(e)) from e

    def clone(
        self,
        obj_classes: ObjClassCollection | Iterable[ObjClass] | None = None,
        tag_metas: TagMetaCollection | Iterable[TagMeta] | None = None,
    ) -> ProjectMeta:
        """A copy with other classes or tags."""
        result = ProjectMeta(
            self._obj_classes if obj_classes is None else obj_classes,
            self._tag_metas if tag_metas is None else tag_metas,
        )
        result._unknown_fields = self._unknown_fields
        return result

    def merge(self, other: ProjectMeta) -> ProjectMeta:
        """Classes and tags of both metas. ValueError if classes or tags of the same name differ."""
        return self.clone(self._obj_classes.merge(other._obj_classes), self._tag_metas.merge(other._tag_metas))

    @staticmethod
    def merge_list(metas: Iterable[ProjectMeta]) -> ProjectMeta:
        """Classes and tags of all metas. ValueError if classes or tags of the same name differ."""
        result = ProjectMeta()
        for meta in metas:
            result = result.merge(meta)
        return result

    def add_obj_class(self, new_obj_class: ObjClass) -> ProjectMeta:
        """A copy with one more class. DuplicateKeyError if the name exists."""
        return self.add_obj_classes([new_obj_class])

    def add_obj_classes(self, new_obj_classes: Iterable[ObjClass]) -> ProjectMeta:
        """A copy with more classes."""
        return self.clone(obj_classes=self._obj_classes.add_items(new_obj_classes))

    def add_tag_meta(self, new_tag_meta: TagMeta) -> ProjectMeta:
        """A copy with one more tag. DuplicateKeyError if the name exists."""
        return self.add_tag_metas([new_tag_meta])

    def add_tag_metas(self, new_tag_metas: Iterable[TagMeta]) -> ProjectMeta:
        """A copy with more tags."""
        return self.clone(tag_metas=self._tag_metas.add_items(new_tag_metas))

    def delete_obj_class(self, obj_class_name: str) -> ProjectMeta:
        """A copy without the class of that name."""
        return self.delete_obj_classes([obj_class_name])

    def delete_obj_classes(self, obj_class_names: Iterable[str]) -> ProjectMeta:
        """A copy without the classes of these names."""
        return self.clone(obj_classes=self._obj_classes.remove_items(obj_class_names))

    def delete_tag_meta(self, tag_name: str) -> ProjectMeta:
        """A copy without the tag of that name."""
        return self.delete_tag_metas([tag_name])

    def delete_tag_metas(self, tag_names: Iterable[str]) -> ProjectMeta:
        """A copy without the tags of these names."""
        return self.clone(tag_metas=self._tag_metas.remove_items(tag_names))

    def get_obj_class(self, obj_class_name: str) -> ObjClass | None:
        """The class of that name."""
        found: ObjClass | None = self._obj_classes.get(obj_class_name)
        return found

    def get_tag_meta(self, tag_name: str) -> TagMeta | None:
        """The tag of that name."""
        found: TagMeta | None = self._tag_metas.get(tag_name)
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProjectMeta):
            return NotImplemented
        return self._obj_classes == other._obj_classes and self._tag_metas == other._tag_metas

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"ProjectMeta:\nObject Classes\n{self._obj_classes}\nTags\n{self._tag_metas}\n"


def _tag_metas(data: Mapping[str, Any]) -> TagMetaCollection:
    """Tags in either form: a single list, or a list for images and a list for objects."""
    tags: Sequence[Any] = data.get(_F.TAGS, [])
    of_images = data.get(_F.IMG_TAGS, [])
    of_objects = data.get(_F.OBJ_TAGS, [])
    for field, value in ((_F.TAGS, tags), (_F.IMG_TAGS, of_images), (_F.OBJ_TAGS, of_objects)):
        if not isinstance(value, (list, tuple)) and value not in ("", {}):
            raise InvalidMeta(f"field {field!r} must be a list, not {kind_of(value)}.")
    if tags:
        if of_images or of_objects:
            raise InvalidMeta(f"has both {_F.TAGS!r} and the legacy {_F.IMG_TAGS!r} or {_F.OBJ_TAGS!r}; keep one form.")
        return TagMetaCollection.from_json(tags)
    merged = TagMetaCollection.from_json(of_images)
    for tag_meta in TagMetaCollection.from_json(of_objects):
        same = merged.get(tag_meta.name)
        if same is None:
            merged = merged.add(tag_meta)
        elif not same.is_compatible(tag_meta):
            raise InvalidMeta(f"tag {tag_meta.name!r} is defined differently for images and objects; rename one.")
    return merged

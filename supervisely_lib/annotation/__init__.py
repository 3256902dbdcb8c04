"""Annotations: labelled shapes and tags of an image; the classes and tags of a project."""

from supervisely_lib._lazy import lazy

_MODULES = (
    "annotation annotation_transforms invalid json_geometries_map label obj_class obj_class_collection "
    "obj_class_mapper reading renamer tag tag_collection tag_meta tag_meta_collection tag_meta_mapper"
)
__getattr__, __dir__ = lazy(__name__, {name: f"annotation.{name}" for name in _MODULES.split()})

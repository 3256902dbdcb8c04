"""Collections of named objects."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {"key_indexed_collection": "collection.key_indexed_collection", "str_enum": "collection.str_enum"},
)

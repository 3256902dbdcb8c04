"""Immutable collections of objects that have a name (contract: sdk.md 9, collections)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11


class DuplicateKeyError(KeyError):
    """Two different members of a collection have the same name."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class KeyObject:
    """A base of objects that a collection can hold."""

    def key(self) -> str:
        """The name under which a collection finds it."""
        raise NotImplementedError

    @classmethod
    def get_header_ptable(cls) -> list[str]:
        """Column titles of the table that `str(collection)` prints."""
        return ["Name"]

    def get_row_ptable(self) -> list[Any]:
        """This object's row in that table."""
        return [self.key()]


K = TypeVar("K", bound=KeyObject)


class KeyIndexedCollection(Generic[K]):
    """Members by name, in the given order. A method that changes members returns a new collection."""

    item_type: type[KeyObject] = KeyObject

    def __init__(self, items: Iterable[K] | None = None) -> None:
        """DuplicateKeyError for a repeated name, TypeError for an item of another type."""
        self._collection: dict[str, K] = {}
        for item in items or ():
            if not isinstance(item, self.item_type):
                raise TypeError(f"Item type ({type(item).__name__!r}) != {self.item_type.__name__!r}")
            key = item.key()
            if key in self._collection:
                raise DuplicateKeyError(f"Key {key!r} already exists")
            self._collection[key] = item

    def clone(self, items: Iterable[K] | None = None) -> Self:
        """A collection of the same type, with other items if given."""
        return type(self)(self.items() if items is None else items)

    def add(self, item: K) -> Self:
        """A copy with one more item at the end."""
        return self.clone([*self, item])

    def add_items(self, items: Iterable[K]) -> Self:
        """A copy with more items at the end."""
        return self.clone([*self, *items])

    def remove_items(self, keys: Iterable[str]) -> Self:
        """A copy without the items of these names."""
        names = set(keys)
        return self.clone([item for item in self if item.key() not in names])

    def get(self, key: str, default: Any = None) -> Any:
        """The item of this name, or the default.

        The type is Any, because callers usually know that the name exists and should not need a check for None.
        """
        return self._collection.get(key, default)

    def has_key(self, key: str) -> bool:
        """Whether an item of this name exists."""
        return key in self._collection

    def keys(self) -> list[str]:
        """All names, in order."""
        return list(self._collection)

    def items(self) -> list[K]:
        """All items, in order."""
        return list(self._collection.values())

    def __iter__(self) -> Iterator[K]:
        return iter(self._collection.values())

    def __len__(self) -> int:
        return len(self._collection)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, KeyObject) and item == self._collection.get(item.key())

    def intersection(self, other: Iterable[K]) -> Self:
        """Items that both collections have. ValueError if items of the same name differ."""
        common = []
        for item in other:
            ours = self.get(item.key())
            if ours is None:
                continue
            if ours != item:
                raise ValueError(f"Different values for the same key {item.key()!r}")
            common.append(ours)
        return self.clone(common)

    def difference(self, other: Iterable[K]) -> Self:
        """Items that `other` does not have."""
        others = list(other)
        return self.clone([item for item in self if item not in others])

    def merge(self, other: KeyIndexedCollection[K]) -> Self:
        """The items that only `other` has, then all items of this collection.

        ValueError if items of the same name differ.
        """
        new = []
        for item in other:
            ours = self.get(item.key())
            if ours is None:
                new.append(item)
            elif ours != item:
                raise ValueError(f"Error during merge for key {item.key()!r}: values are different")
        return self.clone([*new, *self])

    def to_json(self) -> list[Any]:
        """JSON forms of all items, in order."""
        return [item.to_json() for item in self]  # type: ignore[attr-defined]

    def __eq__(self, other: object) -> bool:
        """Equal items under equal names; the order does not matter."""
        return isinstance(other, KeyIndexedCollection) and self._collection == other._collection

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        rows = [self.item_type.get_header_ptable(), *(item.get_row_ptable() for item in self)]
        return _table([[str(cell) for cell in row] for row in rows])


class MultiKeyIndexedCollection(KeyIndexedCollection[K]):
    """Members of which several may have the same name; members of a name stand together, in the order of the names."""

    def __init__(self, items: Iterable[K] | None = None) -> None:
        """TypeError for an item of another type."""
        self._lists: dict[str, list[K]] = {}
        for item in items or ():
            if not isinstance(item, self.item_type):
                raise TypeError(f"Item type ({type(item).__name__!r}) != {self.item_type.__name__!r}")
            self._lists.setdefault(item.key(), []).append(item)
        self._collection = {key: same[0] for key, same in self._lists.items()}  # for `get`: the first of each name

    def get_all(self, key: str, default: Any = ()) -> list[K]:
        """All items of this name."""
        return list(self._lists.get(key, default))

    def items(self) -> list[K]:
        """All items, those of a name together."""
        return [item for same in self._lists.values() for item in same]

    def __iter__(self) -> Iterator[K]:
        return iter(self.items())

    def __len__(self) -> int:
        return sum(map(len, self._lists.values()))

    def __contains__(self, item: object) -> bool:
        return isinstance(item, KeyObject) and item in self._lists.get(item.key(), ())

    def intersection(self, other: Iterable[K]) -> Self:
        """Items that both collections have, once for each equal item of `other`."""
        return self.clone([ours for item in other for ours in self.get_all(item.key()) if ours == item])

    def merge(self, other: KeyIndexedCollection[K]) -> Self:
        """All items of both collections."""
        return self.clone([*self, *other])

    def merge_without_duplicates(self, other: KeyIndexedCollection[K]) -> Self:
        """The items of names that only `other` has, then all items of this collection.

        ValueError if the first items of the same name differ.
        """
        return super().merge(other)

    def __eq__(self, other: object) -> bool:
        """The same items under the same names."""
        return isinstance(other, MultiKeyIndexedCollection) and self._lists == other._lists

    __hash__ = None


def _table(rows: list[list[str]]) -> str:
    """Rows as text in a frame; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    ruler = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = ["|" + "|".join(f" {cell.center(width)} " for cell, width in zip(row, widths)) + "|" for row in rows]
    return "\n".join([ruler, lines[0], ruler, *lines[1:], ruler])

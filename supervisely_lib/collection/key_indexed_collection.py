"""Immutable collections of things that have a name (contract: sdk.md 9, collections)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, Self, TypeVar


class DuplicateKeyError(KeyError):
    """Two different members of a collection have one name."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class KeyObject:
    """Something that a collection can hold."""

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
    """Members by name, in the order given. Methods that would change it return a new collection."""

    item_type: type[KeyObject] = KeyObject

    def __init__(self, items: Iterable[K] | None = None) -> None:
        """DuplicateKeyError for a repeated name, TypeError for something of another type."""
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
        """With one more item, at the end."""
        return self.clone([*self, item])

    def add_items(self, items: Iterable[K]) -> Self:
        """With more items, at the end."""
        return self.clone([*self, *items])

    def remove_items(self, keys: Iterable[str]) -> Self:
        """Without the items of these names."""
        names = set(keys)
        return self.clone([item for item in self if item.key() not in names])

    def get(self, key: str, default: Any = None) -> Any:
        """The item of this name, or the default.

        Any, because callers as a rule know that the name is there and should not have to say so.
        """
        return self._collection.get(key, default)

    def has_key(self, key: str) -> bool:
        """Whether there is an item of this name."""
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
        """Items that both have. ValueError if they differ under one name."""
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
        """Items that other has not."""
        others = list(other)
        return self.clone([item for item in self if item not in others])

    def merge(self, other: KeyIndexedCollection[K]) -> Self:
        """The other's new items, then all of these. ValueError if they differ under one name."""
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


def _table(rows: list[list[str]]) -> str:
    """Rows as text in a frame; the first one is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ruler = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "|" + "|".join(f" {cell.center(width)} " for cell, width in zip(row, widths, strict=True)) + "|" for row in rows
    ]
    return "\n".join([ruler, lines[0], ruler, *lines[1:], ruler])

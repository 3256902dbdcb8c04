"""The cache of images of a deployed model."""

from __future__ import annotations

from typing import Any

from supervisely_lib._lazy import lazy


class SimpleCache:
    """Images by hash; the cache is emptied when it holds `item_cnt_limit` images."""

    def __init__(self, item_cnt_limit: int) -> None:
        self._items: dict[str, Any] = {}
        self._limit = item_cnt_limit

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def add(self, key: str, value: Any) -> None:
        if len(self._items) >= self._limit:
            self._items.clear()
        self._items[key] = value


__getattr__, _ = lazy(__name__, {})  # names of the official module say why they are left out

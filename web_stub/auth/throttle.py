"""Slows down guesses of tokens. No address is locked out: a guess waits for its turn, and turns come back with time.

Pure except for its memory. One event loop uses it, so it needs no lock.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from cachetools import LRUCache

BURST = 20  # guesses an address may make at once: a person mistyping never notices
EVERY_S = 0.5  # then a guess each half second, a hundred and seventy thousand a day
LINE = 10  # guesses that may wait for their turn; further guesses are refused for now
_ADDRESSES = 10_000  # remembered; the address seen longest ago is forgotten first


class Throttle:
    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # source → when all its guesses will have had their turn
        self._free_at: LRUCache[str, float] = LRUCache(_ADDRESSES)

    def turn(self, address: str) -> float | None:
        """Take the next turn of an address; seconds until it comes, None when too many wait already."""
        now, source = self._now(), source_of(address)
        free_at = max(now, self._free_at.get(source, now)) + EVERY_S
        wait_s = free_at - now - BURST * EVERY_S
        if wait_s > LINE * EVERY_S:
            return None
        self._free_at[source] = free_at
        return max(0.0, wait_s)

    def return_turn(self, address: str) -> None:
        """The last turn of an address was used by a right token, which does not count as a guess."""
        source = source_of(address)
        if source in self._free_at:
            self._free_at[source] -= EVERY_S


def source_of(address: str) -> str:
    """An address whose guesses count together: of IPv6 the whole /64 network, for a host chooses freely within it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)

"""Slowing down whoever guesses tokens. Nobody is locked out: a guess waits for its turn, an address's turns come back.

Pure but for its memory. Used by one event loop, so it needs no lock.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

BURST = 20  # guesses an address may make at once: a person mistyping never notices
EVERY_S = 0.5  # then one each half second, a hundred and seventy thousand a day
LINE = 10  # guesses that may wait for their turn; further ones are told to come back
_ADDRESSES = 10_000


class Throttle:
    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._free_at: dict[str, float] = {}  # source → when all its guesses will have had their turn

    def turn(self, address: str) -> float | None:
        """Take the next turn of an address; seconds until it comes, None when too many wait already."""
        now, source = self._now(), source_of(address)
        free_at = max(now, self._free_at.get(source, now)) + EVERY_S
        wait_s = free_at - now - BURST * EVERY_S
        if wait_s > LINE * EVERY_S:
            return None
        self._free_at.pop(source, None)  # to the end: the first ones are those seen longest ago
        self._free_at[source] = free_at
        if len(self._free_at) > _ADDRESSES:
            del self._free_at[next(iter(self._free_at))]
        return max(0.0, wait_s)

    def give_back(self, address: str) -> None:
        """It was no guess."""
        source = source_of(address)
        if source in self._free_at:
            self._free_at[source] -= EVERY_S


def source_of(address: str) -> str:
    """Who stands behind an address: of IPv6 the network, for one host has as many addresses as it likes."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)

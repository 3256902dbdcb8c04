"""Which agents are silent: heartbeats watched by the clock of the one who watches. Pure.

Clocks of two machines are never compared. A heartbeat is a value that changes; whoever has looked at it for the length
of a lease, while the store answered all that time, and has seen no change, calls its agent silent. (The leader
election of client-go does the same.) A store that did not answer tells nothing about agents: the watch begins anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping


class Heartbeats:
    """The heartbeats that one process watches. Times are seconds of its own monotonic clock.

    One thread looks; any thread may read what it has found.
    """

    def __init__(self, lease_s: float, gap_s: float) -> None:
        """`gap_s` is the longest time between two looks in which the store is taken to have answered."""
        self._lease_s = lease_s
        self._gap_s = gap_s
        self._looked = float("-inf")
        self._seen: dict[str, tuple[Hashable, float]] = {}  # agent → its heartbeat, and since when it is the same
        self.silent: frozenset[str] = frozenset()
        self.beating: frozenset[str] = frozenset()  # those whose heartbeat was seen to change

    def look(self, beats: Mapping[str, Hashable], now: float) -> None:
        """Take note of every agent's heartbeat, as the store has it now."""
        if now - self._looked > self._gap_s:
            self.lose_sight()
        changed = {agent for agent, beat in beats.items() if agent in self._seen and self._seen[agent][0] != beat}
        self._seen = {
            agent: (beat, now if agent in changed or agent not in self._seen else self._seen[agent][1])
            for agent, beat in beats.items()
        }
        self._looked = now
        self.silent = frozenset(agent for agent, (_, since) in self._seen.items() if now - since >= self._lease_s)
        self.beating = ((self.beating & self._seen.keys()) | changed) - self.silent

    def lose_sight(self) -> None:
        """The store did not answer: what it had told before is no ground for calling anybody silent."""
        self._seen.clear()
        self.silent = self.beating = frozenset()

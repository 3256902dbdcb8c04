"""How long an ordinary task's lines and an ordinary client's request take, measured while others do what they do."""

from __future__ import annotations

import http.client
import statistics
import time
from dataclasses import dataclass, field

from agent.store import Store

TICK = "tick "  # then the time at which the line was printed


@dataclass
class Latencies:
    """Seconds."""

    lines: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)

    def text(self) -> str:
        return f"lines {_spread(self.lines)}, health {_spread(self.health)}"


def slow(samples: list[float]) -> float:
    """The duration below which nineteen of twenty samples are; infinite without samples."""
    return statistics.quantiles(samples, n=20)[-1] if len(samples) > 1 else float("inf")


def _spread(samples: list[float]) -> str:
    if len(samples) < 2:
        return "none"
    return f"{1000 * statistics.median(samples):.0f} ms (95 %: {1000 * slow(samples):.0f} ms, {len(samples)} samples)"


def measure(store: Store, task_id: int, port: int, seconds: float) -> Latencies:
    """Follow a task that prints ticks, and ask for the web's health four times a second.

    A line's latency is the time from its printing until another process can read it in the store.
    """
    found, end, asked = Latencies(), time.monotonic() + seconds, 0.0
    seq = store.events.last_seq(task_id)
    while time.monotonic() < end:
        now_s = time.time()
        for event in store.events.after(task_id, seq):
            seq = event.seq
            if event.raw.startswith(TICK):
                found.lines.append(now_s - float(event.raw.removeprefix(TICK)))
        if time.monotonic() - asked > 0.25:
            asked = time.monotonic()
            if _is_healthy(port):
                found.health.append(time.monotonic() - asked)
        store.wait_for_change(0.05)
    return found


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

"""How often calls are tried, how long apart, and with which timeouts (contract: agent_rpc.md 1)."""

from __future__ import annotations

import json
from typing import NamedTuple

from supervisely_lib.worker_api.connection import AgentNotConnected, ConnectionFailed, Timeouts

UNARY, DATA_IN, DATA_OUT, ENDLESS = "__simple_request", "__data_stream_in", "__data_stream_out", "__endless_stream_in"


class Retries(NamedTuple):
    """A call is tried `tries` times, with pauses that double from `first_wait_s` to `max_wait_s`."""

    tries: int
    first_wait_s: float
    max_wait_s: float
    timeouts: Timeouts
    after_any_error: bool = False  # otherwise only if the server could not be reached, or waits for its agent
    gives_up_silently: bool = False

    def helps(self, error: Exception) -> bool:
        """Whether another try may succeed after this error."""
        return self.after_any_error or isinstance(error, (ConnectionFailed, AgentNotConnected))

    def pause_s(self, failures: int) -> float:
        """Seconds until the next try, after so many failed ones."""
        return min(self.max_wait_s, self.first_wait_s * 2.0 ** min(failures - 1, 30))


# Call, or kind of calls → how it is tried
_RULES = {
    UNARY: Retries(1000, 1, 4, Timeouts(4, 60)),
    DATA_IN: Retries(100, 2, 4, Timeouts(4, 60)),
    DATA_OUT: Retries(100, 2, 4, Timeouts(4, 60)),
    ENDLESS: Retries(1000, 2, 4, Timeouts(4, 15), after_any_error=True),
    "Log": Retries(1000, 1, 1, Timeouts(4, 4), after_any_error=True, gives_up_silently=True),
    "AgentConnected": Retries(1_000_000_000, 2, 20, Timeouts(4, 10), after_any_error=True),
    "AgentPing": Retries(1000, 1, 4, Timeouts(4, 10), after_any_error=True),
}


def rules(cfg_path: str | None = None) -> dict[str, Retries]:
    """Call, or kind of calls → how it is tried: the official values, or those of a file in the official form.

    The file has, for each name, `{"class": "RetrierAlways…" or "RetrierConnTO…", "params": {"retry_cnt",
    "wait_sec_first", "wait_sec_max", "timeout": [connect, read], "swallow_exc"}}`.
    """
    if not cfg_path:
        return dict(_RULES)
    with open(cfg_path, encoding="utf-8") as file:
        return {name: _of_file(item["class"], **item["params"]) for name, item in json.load(file).items()}


def _of_file(
    kind: str,
    retry_cnt: int,
    wait_sec_first: float,
    wait_sec_max: float,
    timeout: float | list[float],
    swallow_exc: bool = False,
) -> Retries:
    timeouts = Timeouts(*timeout) if isinstance(timeout, list) else Timeouts(timeout, timeout)
    always = kind.startswith("RetrierAlways")
    return Retries(int(retry_cnt), wait_sec_first, wait_sec_max, timeouts, always, swallow_exc)

"""Clients that ask a deployed model without a pause, whatever is killed meanwhile; what came of each question."""

from __future__ import annotations

import io
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import httpx2
from PIL import Image

LIMIT_S = 25.0  # of a question; a model that was killed is loaded again within it
LATE_S = 5.0  # beyond the limit
REFUSALS = frozenset({"timed_out", "interrupted", "not_deployed", "too_many"})  # gone: no, the task must not end


def _image(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "png")
    return out.getvalue()


class Clients:
    """They ask one question after the other, each about an image whose size nobody else has at the time."""

    def __init__(
        self, infer: str, token: str, count: int, *, may_be_cut_off: Callable[[], bool], late_s: float = LATE_S
    ) -> None:
        """`infer` is the address of the questions. Only while `may_be_cut_off`, a question may end without a word.

        Beyond its limit of time and `late_s`, a question counts as open for ever.
        """
        self.outcomes: Counter[str] = Counter()
        self.took_s: list[float] = []  # of the answers
        self.problems: list[str] = []
        self._infer, self._token, self._may_be_cut_off = infer, token, may_be_cut_off
        self._wait_s = LIMIT_S + late_s
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def answered(self) -> int:
        return self.outcomes["answered"]

    def text(self) -> str:
        """What came of the questions, and how long the answers took."""
        said = (
            ", ".join(f"{times} {outcome}" for outcome, times in sorted(self.outcomes.items())) or "nothing was asked"
        )
        if len(self.took_s) < 2:
            return said
        return (
            f"{said}; an answer took {median(self.took_s):.3f} s at the median, "
            f"{quantiles(self.took_s, n=20)[-1]:.3f} s for nineteen of twenty, {max(self.took_s):.1f} s at most"
        )

    def _ask(self, number: int) -> None:
        with httpx2.Client(headers={"x-api-key": self._token}, timeout=self._wait_s) as client:
            for height in itertools.cycle(range(8, 40)):
                if self._done.is_set():
                    return
                asked = time.monotonic()
                try:
                    said = self._one(client, 8 + number, height)
                except httpx2.TimeoutException:
                    said = "for ever open"
                    self.problems.append("a question had neither answer nor refusal")
                except httpx2.TransportError as error:
                    said = "cut off"
                    self._done.wait(0.1)  # until the next web listens
                    if not self._may_be_cut_off():
                        self.problems.append(f"cut off by a web that lives: {error!r}")
                if said == "answered":
                    self.took_s.append(time.monotonic() - asked)
                self.outcomes[said] += 1

    def _one(self, client: httpx2.Client, width: int, height: int) -> str:
        """Problems of the answer are noted; its kind in a word."""
        form: Any = {"image": ("a.png", _image(width, height)), "limit_s": (None, str(LIMIT_S))}
        response = client.post(self._infer, files=form)
        said = response.json()
        if response.status_code == 200:
            if said["annotation"]["size"] != {"width": width, "height": height}:
                self.problems.append(f"an answer reached another asker: {said['annotation']['size']}")
            return "answered"
        reason = str(said["details"].get("reason"))
        if reason not in REFUSALS or not said["error"]:
            self.problems.append(f"{response.status_code}: {said}")
        self._done.wait(0.05)
        return reason

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(self._wait_s + 5)
            if thread.is_alive():
                self.problems.append("a client waits for ever")

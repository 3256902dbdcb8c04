"""The settings of Hypothesis, the limits of an example, and random damage to valid input.

No other module has settings of Hypothesis. A run is of one of three kinds:

- with CI set, each run tries the same examples, so that a change fails only because of its own faults;
- without CI, each run tries different examples, and three times as many;
- FUZZ_EXAMPLES=20000 tries that many examples per test, different examples in each run, and measures memory too.

A failed example outside CI is kept in `.hypothesis/` and tried first in the next run.
"""

from __future__ import annotations

import contextlib
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
IS_CI = bool(os.environ.get("CI"))
_TIMES = 1 if IS_CI else 3  # factor for the number of examples of a test
LIMIT_S = 5.0  # processor time of an example; the slowest examples take milliseconds
MEMORY_BYTES = 64 << 20  # per example


def set_up_hypothesis() -> None:
    """Register the settings of all property tests; `tests/conftest.py` calls it before pytest imports a test.

    They have no deadline and no check for slowness, because the time of an example depends on the load of the machine.
    """
    shared: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("ci", max_examples=100, derandomize=True, database=None, print_blob=True, **shared)
    settings.register_profile("random", max_examples=EXAMPLES or 300, **shared)
    settings.load_profile("ci" if IS_CI and not EXAMPLES else "random")


def fuzz(examples: int, **more: Any) -> Callable[[Any], Any]:
    """The settings of a slow test, or of a test with odd input; `examples` is the number of examples in CI."""
    return settings(max_examples=EXAMPLES or _TIMES * examples, suppress_health_check=list(HealthCheck), **more)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    started = time.process_time()
    if EXAMPLES:  # measuring memory makes a run ten times slower
        tracemalloc.start()
    try:
        yield
        if EXAMPLES:
            assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < LIMIT_S


@st.composite
def spoilt(draw: st.DrawFn, seeds: list[bytes], *, words: list[bytes] | None = None) -> bytes:
    """A seed of which a part is overwritten, cut, repeated, or replaced by a word."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.integers(0, 4))  # no `match`: the tests of the SDK run on Python 3.8 too
        if kind == 0:
            data[at : at + 1] = draw(st.binary(max_size=3))
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            end = draw(st.integers(at, min(len(data), at + 1024)))
            data[at:at] = data[at:end]
        elif kind == 3 and words:
            word = draw(st.sampled_from(words))
            data[at : at + len(word)] = word
        else:
            data[at : at + draw(st.integers(0, 64))] = b""
    return bytes(data)


# Words that break readers of JSON, or programs that show the values.
JSON_WORDS = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b"9" * 5000,
    b'"\\ud800"',
    b'"\\u0000"',
    b"null",
    b"{}",
    b"[]",
    b"true",
    b"[" * 200,
    b"{" * 200,
    b'"tensor(1.5)"',
    b'"tensor(((((("',
    b'"event_type"',
    b'"EventType.METRICS"',
    b"\x1b[2J",
    b"</script>",
    b"\xe2\x80\xae",
    b'"../../etc"',
    b'"/"',
    b"\r",
    b"\n",
    b"-0",
    b"18446744073709551616",
]

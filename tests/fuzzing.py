"""What the fuzz tests share: how long to look, what an example may take, and spoiling what is good.

An ordinary run is small and always the same. FUZZ_EXAMPLES=20000 looks longer, at other examples each time, and
measures memory too.
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
LIMIT_S = 5.0  # processor time of one example; the slowest take milliseconds
MEMORY_BYTES = 64 << 20  # of one example


def fuzz(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    started = time.process_time()
    if EXAMPLES:  # measuring memory makes all of it ten times slower
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
    """One of the seeds with some of it overwritten, cut, repeated, or replaced by a word."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(max_size=3))
            case 1:
                del data[at:]
            case 2:
                end = draw(st.integers(at, min(len(data), at + 1024)))
                data[at:at] = data[at:end]
            case 3 if words:
                word = draw(st.sampled_from(words))
                data[at : at + len(word)] = word
            case _:
                data[at : at + draw(st.integers(0, 64))] = b""
    return bytes(data)


# What breaks readers of JSON, or those who show what they read.
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

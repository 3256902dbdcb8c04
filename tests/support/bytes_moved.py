"""How many bytes this process reads and writes, as the kernel counts them: no layer above can hide a copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_IO = Path("/proc/self/io")


@dataclass
class Moved:
    read_bytes: int = 0
    written_bytes: int = 0


@contextmanager
def bytes_moved() -> Iterator[Moved]:
    """Count inside the block, all threads and files together; skips the test where the kernel does not count."""
    if not _IO.exists():
        pytest.skip("this kernel does not count the bytes of a process")
    moved = Moved()
    before = _counts()
    yield moved
    after = _counts()
    moved.read_bytes, moved.written_bytes = after["rchar"] - before["rchar"], after["wchar"] - before["wchar"]


def _counts() -> dict[str, int]:
    return {name: int(count) for name, count in (line.split(": ") for line in _IO.read_text().splitlines())}

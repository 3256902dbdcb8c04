"""Another process that exchanges two names as fast as the kernel can, as a hostile plugin does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SWAP = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
one, other = map(os.fsencode, sys.argv[1:])
print("swapping", flush=True)
count = 0
while not ended.is_set():
    for _ in range(100):
        count += libc.renameat2(-100, one, -100, other, 2) == 0  # RENAME_EXCHANGE
print(count)
"""


class Swaps:
    """The number of exchanges, known after the block."""

    count = 0


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[Swaps]:
    """Exchange `one` and `other` in a process of its own while the block runs."""
    swaps = Swaps()
    with subprocess.Popen(
        [sys.executable, "-c", _SWAP, str(one), str(other)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "swapping\n"
            yield swaps
        finally:
            process.stdin.close()
            swaps.count = int(process.stdout.read() or 0)

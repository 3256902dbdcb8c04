"""Tests that failed among many are run once more, one after another, and each that passes then is named.

    python -m tests.support.second_try PATHS... [pytest's options]    after a run of pytest over the same paths

A test among thousands, on a machine that is busy with its neighbours, can fail for a reason of its own: a click in a
page whose layout is moving, a port that somebody else took. That is a fault, of the test or of the product, and the
list at the end says so; but it is no reason to throw away a change that has nothing to do with it. More than `FEW`
failures are no accident, and are not tried again.

Exit status: 0 all passed the second time, 1 otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

FEW = 5
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")  # what pytest itself keeps


def among(failed: Iterable[str], paths: Iterable[str]) -> list[str]:
    """The failed tests, or files that could not be collected, in these files and folders."""
    folders = tuple(path.rstrip("/") for path in paths)
    return sorted(
        test for test in failed if any(test.startswith((f"{one}/", f"{one}::")) or test == one for one in folders)
    )


def main(arguments: list[str]) -> int:
    paths = [one for one in arguments if Path(one).exists()]
    failed = among(json.loads(LAST_FAILED.read_text()), paths) if LAST_FAILED.exists() else []
    if not 0 < len(failed) <= FEW:
        return 1
    print(f"\n== {len(failed)} failed and are tried once more, by themselves", flush=True)
    status = subprocess.call([sys.executable, "-m", "pytest", *failed, *(one for one in arguments if one not in paths)])
    left = among(json.loads(LAST_FAILED.read_text()), paths) if LAST_FAILED.exists() else []
    for test in failed:
        if test not in left:
            print(f"unsteady: {test} failed among the others and passed by itself; mend it, or what it tests")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

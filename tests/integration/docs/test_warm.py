"""A script in a forked process is a script in a process of its own: arguments, streams, environment, exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.warm import Warm


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    made = Warm(sys.executable, ["decimal"], {**os.environ, "SHARED": "by all"})
    yield made
    made.close()


def script(folder: Path, *lines: str) -> Path:
    file = folder / "script.py"
    file.write_text("\n".join(lines))
    return file


def test_a_script_gets_its_own_and_says_its_own(warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = __name__")
    file = script(
        tmp_path,
        "import atexit, os, sys",
        "assert 'decimal' in sys.modules",
        "import beside",
        "os.environ['LEFT'] = sys.modules['decimal'].left = 'by the first'",
        "print(sys.argv[1:], sys.stdin.read(), os.environ['SHARED'], os.environ['OWN'], beside.NAME, __name__)",
        "print('é', file=sys.stderr)",
        "atexit.register(print, 'bye')",
        "sys.exit(3)",
    )
    done = warm.run(file, "a b", stdin="hällo", OWN="mine")
    assert done.returncode == 3
    assert done.stdout.splitlines() == ["['a b'] hällo by all mine beside __main__", "bye"]
    assert done.stderr == "é\n"
    again = script(tmp_path, "import decimal, os", "print(hasattr(decimal, 'left'), os.environ.get('LEFT'))")
    assert warm.run(again).stdout.split() == ["False", "None"]


def test_an_exception_ends_a_script_as_it_ends_python(warm: Warm, tmp_path: Path) -> None:
    done = warm.run(script(tmp_path, "raise ValueError('of the script')"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "ValueError: of the script"


def test_a_script_that_takes_too_long_is_killed_and_the_next_one_runs(warm: Warm, tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(script(tmp_path, "import signal", "signal.pause()"), timeout_s=0.1)
    assert warm.run(script(tmp_path, "print('next')")).stdout == "next\n"


def test_a_test_that_is_ended_meanwhile_leaves_nothing_to_the_next(warm: Warm, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            warm.run(script(tmp_path, "import signal", "signal.pause()"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert warm.run(script(tmp_path, "print('next')")).stdout == "next\n"

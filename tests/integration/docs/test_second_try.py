"""What `make test` does with the few tests that failed among many."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.second_try import FEW

ROOT = Path(__file__).parents[3]
STEADY = "def test_steady(): pass\n"
UNSTEADY = """
from pathlib import Path
def test_unsteady():
    seen = Path(__file__).with_suffix(".seen")
    was_seen = seen.exists()
    seen.touch()
    assert was_seen
"""


@pytest.fixture
def tries(tmp_path):
    """Run the tests of this text, then the second try: its exit status and what it printed."""

    def run(text: str) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "room").mkdir()
        (tmp_path / "room/test_some.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "room"]
        environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        again = [sys.executable, "-m", "tests.support.second_try", "room", "-q"]
        done = subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_test_that_passes_by_itself_is_named_and_does_not_fail_the_run(tries):
    status, output = tries(STEADY + UNSTEADY)

    assert status == 0
    assert "unsteady: room/test_some.py::test_unsteady failed among the others and passed by itself" in output
    assert "1 passed" in output


def test_a_test_that_fails_twice_fails_the_run(tries):
    status, output = tries(UNSTEADY + "def test_wrong(): assert False\n")

    assert status == 1
    assert "unsteady: room/test_some.py::test_unsteady" in output
    assert "unsteady: room/test_some.py::test_wrong" not in output


def test_many_failures_are_not_tried_again(tries):
    assert tries("".join(f"def test_{i}(): assert False\n" for i in range(FEW + 1))) == (1, "")


def test_a_file_that_cannot_be_collected_fails_the_run(tries):
    assert tries("import nothing_of_this_name\n")[0] == 1

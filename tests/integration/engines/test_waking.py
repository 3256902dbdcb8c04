"""What wakes the reader of files that another process writes."""

from __future__ import annotations

from pathlib import Path

from agent.engines.waking import woken_by_changes


def test_a_change_wakes_and_reading_does_not(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with woken_by_changes(tmp_path) as changed:
        for _ in range(50):
            lock.read_bytes()
        assert not changed.wait(0.1)

        (tmp_path / "output").write_bytes(b"a line\n")
        assert changed.wait(10)

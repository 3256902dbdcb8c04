"""fs/spreading.py: folders that have nothing to do with each other lie apart, where a file system can be told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.domain import TaskType
from agent.formats.task_dir import TaskDir


def flags(folder: Path) -> str:
    """As `lsattr` prints them."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=True).stdout
    if kind.strip() != "ext2/ext3":  # ext4 has the same number
        pytest.skip(f"{kind.strip()} is not told")
    return subprocess.run(["lsattr", "-d", str(folder)], capture_output=True, text=True, check=True).stdout.split()[0]


def test_the_folder_of_all_tasks_says_that_they_are_apart(tmp_path: Path) -> None:
    root = tmp_path / "tasks"
    for task in ("1", "2"):
        TaskDir(root / task).create(TaskType.TRAIN)
    assert "T" in flags(root)
    assert "T" not in flags(root / "1")


def test_a_folder_that_cannot_be_told_is_left_as_it_is(tmp_path: Path) -> None:
    from agent.fs.spreading import spread

    spread(tmp_path / "missing")
    spread(Path("/proc"))

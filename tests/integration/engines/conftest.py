from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support.engine_contract", "tests.support.output")


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "image.png").write_bytes(b"pixels")
    return folder

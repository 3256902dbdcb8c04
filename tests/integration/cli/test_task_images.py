"""`agent task images` lists what a task logged, and writes it as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.domain import NewTaskImage
from agent.store import open_store
from tests.support.inputs import Cli
from tests.support.training import Training


@pytest.fixture
def task_id(tmp_path: Path) -> int:
    """A task that logged images of odd names."""
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        training = Training(store, artifacts)
        named = [
            ("val/0", 1.0), ("val/0", 2.5), ("val/0", 2.5), ("VAL_0", 1.0), ("../../etc/x", None), ("curve.png", None),
            (".", None), ("ä" * 300, 1e21), ("\x1b[31mred\n", None),
        ]  # fmt: skip
        rows = []
        for seq, (name, step) in enumerate(named):
            blob = artifacts.put_bytes(f"{seq}".encode())
            rows.append(NewTaskImage(seq, name, step, "a", blob.sha256, 1, 8, 6, "image/png", "IoU 0.5"))
        store.task_images.add(training.id, rows)
        return training.id


def test_images_are_listed_by_step_and_name(tmp_path: Path, task_id: int) -> None:
    cli = Cli(tmp_path, {})

    rows = [line.split() for line in cli.run("task", "images", task_id).stdout.splitlines()]
    assert rows[0] == ["ID", "STEP", "NAME", "PIXELS", "SIZE", "CAPTION"]
    assert rows[2] == ["2", "2.5", "val/0", "8×6", "1", "B", "IoU", "0.5"]
    assert "\x1b" not in cli.run("task", "images", task_id).stdout
    assert [one["id"] for one in cli.json("task", "images", task_id, "--name", "val/0", "--step", 2.5, "--json")] == [
        2,
        3,
    ]
    assert cli.run("task", "images", 99, code=None).returncode != 0


def test_images_are_written_as_files_of_their_names_and_steps(tmp_path: Path, task_id: int) -> None:
    cli = Cli(tmp_path, {})
    folder = tmp_path / "out" / "images"

    done = cli.run("task", "images", task_id, "--save", folder)

    assert done.stdout == f"9 images in {folder}\n"
    written = {file.name: file.read_text() for file in folder.iterdir()}
    long = "ä" * 75
    assert written == {
        "val_0_step_1.png": "0", "val_0_step_2.5.png": "1", "val_0_step_2.5_001.png": "2", "VAL_0_step_1_001.png": "3",
        "_.._etc_x.png": "4", "curve.png": "5", "image.png": "6", f"{long}_step_1e+21.png": "7", "__31mred_.png": "8",
    }  # fmt: skip
    refused = cli.run("task", "images", task_id, "--save", folder, code=None)
    assert refused.returncode != 0
    assert "not an empty folder" in refused.stderr
    (folder / "curve.png").write_text("mine")  # a copy, not the library's own file

"""A run in a container or as a process, recorded and played in another installation: the same task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.inputs import ODD, Cli, write_model, write_project
from tests.support.replayed import opened, story, verdict


def submit(cli: Cli, tmp_path: Path, command: str, behaviour: str, code: int) -> int:
    inputs = ("--project", write_project(tmp_path / "fruit"), "--model", write_model(tmp_path / "start"))
    said = ("--plugin", ODD, "--set", f"behaviour={behaviour}", "--name", "result", "--json")
    return json.loads(cli.run(command, *inputs, *said, code=code).stdout)["id"]


@pytest.mark.parametrize(
    ("command", "behaviour", "code"), [("submit-train", "train", 0), ("submit-train", "kill", 1)],
)  # fmt: skip
def test_a_replay_equals_what_was_recorded(cli: Cli, tmp_path: Path, command: str, behaviour: str, code: int) -> None:
    number = submit(cli, tmp_path, command, behaviour, code)
    file = tmp_path / "one.recording.zip"
    cli.run("task", "record", number, "-o", file, "--with-files")
    elsewhere = Cli(tmp_path / "elsewhere", {"AGENT_ENGINE": "docker"})  # which nobody asks
    played = json.loads(elsewhere.run("replay", file, "--speed", "max", "--json", code=code).stdout)["id"]
    with opened(cli.home) as there, opened(elsewhere.home) as here:
        original, replay = there.store.tasks.get(number), here.store.tasks.get(played)
        assert verdict(replay) == verdict(original)
        assert story(here.store, replay) == story(there.store, original)
        assert (replay.engine, replay.tags) == ("replay", ("replay",))
        assert f"Replay of task {number}" in replay.notes

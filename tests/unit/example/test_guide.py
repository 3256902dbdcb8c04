"""The plugin guide's pieces are well-formed, and the commands it shows exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from tests.support.example_runs import DETECTION, presets

GUIDE = (Path(__file__).parents[3] / "docs" / "write-a-plugin.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"\*\*`([\w./]+)`\*\*\n\n```\w+\n(.*?)```", GUIDE, flags=re.DOTALL))
COMMANDS = re.findall(r"^(agent .*)$", GUIDE, flags=re.MULTILINE)


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, flags=re.DOTALL | re.MULTILINE)
    assert match is not None, pattern
    return match[1]


def chapter(heading: str) -> str:
    return found(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE)


def test_the_guide_gives_every_file_of_a_plugin():
    metadata = {"VERSION", "plugin_info.json", "predefined_run_configs.json", "README.md"}
    image = {"requirements.txt", "Dockerfile"}
    sources = {"src/model.py", "src/dataset.py", "src/train.py", "src/inference.py"}

    assert set(FILES) == metadata | image | sources


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".json")])
def test_json_in_the_guide_is_json(path):
    json.loads(FILES[path])


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".py")])
def test_python_in_the_guide_compiles_and_fits_the_line(path):
    ast.parse(FILES[path])

    assert max(map(len, FILES[path].splitlines())) <= 120


def test_the_preset_is_what_the_code_falls_back_to():
    preset = json.loads(FILES["predefined_run_configs.json"])[0]["config"]
    defaults = found(r"return (\{.*?\n        \})", FILES["src/train.py"])

    assert ast.literal_eval(defaults.replace("TRANSFER_LEARNING", '"transfer_learning"')) == preset


def test_lines_without_the_sdk_are_what_the_agent_understands():
    from agent.events.model import Stream
    from agent.events.parse import parse_line

    lines = found(r"```json\n(.*?)```", chapter("Without the SDK")).splitlines()
    events = [parse_line(line, Stream.STDOUT, 0) for line in lines]

    assert len(events) == 5
    assert [event.message for event in events if event.body is None or event.parse_error] == []


@pytest.mark.parametrize("at", range(4))
def test_what_the_guide_shows_of_the_detector_is_the_detectors(at):
    pieces = re.findall(r"```python\n(.*?)```", chapter("Boxes instead of masks"), flags=re.DOTALL)
    sources = [file.read_text(encoding="utf-8") for file in (DETECTION / "src").glob("*.py")]

    assert len(pieces) == 4
    assert any(pieces[at] in source for source in sources)


def test_the_suppression_the_guide_shows_is_the_detectors_preset():
    (shown,) = re.findall(r"```json\n(.*?)```", chapter("Boxes instead of masks"), flags=re.DOTALL)
    preset = presets(DETECTION, "inference")["Inference: sliding window"]

    assert json.loads(shown) == preset["mode"]["nms_after"]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_in_the_guide_exist_with_their_options(line):
    from agent.cli.app import app

    command = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]

    assert command.params, "the command itself, not a group of them"
    command.make_context(command.name, words)  # raises on an unknown option, a missing or a surplus argument

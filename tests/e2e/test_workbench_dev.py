"""`agent dev`: a plugin runs, its author breaks it and mends it, and only the last runs are kept."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.inputs import Cli

BROKEN, WHOLE = "sm_odel.scores(", "model.scores("


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


@pytest.fixture
def net(cli: Cli, tmp_path: Path) -> Path:
    """A plugin that starts in a moment, and the project beside it."""
    return Path(cli.json("plugin", "new", tmp_path / "net", "--kind", "bare", "--sample")["folder"])


@pytest.fixture
def dev(cli: Cli, net: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], list[str]]]]:
    """The running loop, and what reads its lines up to one that holds a text."""
    process = cli.start("dev", net)
    assert process.stdout is not None

    def until(text: str) -> list[str]:
        lines: list[str] = []
        while not (lines and text in lines[-1]):
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"{text!r} did not come: {lines} {process.stderr and process.stderr.read()}"
            lines.append(line.rstrip("\n"))
        return lines

    yield process, until
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_each_save_is_a_run_and_an_error_stays_on_top_until_it_is_mended(cli: Cli, net: Path, dev):
    _, until = dev
    train = net / "src" / "train.py"
    text = train.read_text()
    first = "\n".join(until("waiting for a save"))
    assert "Net  run 1" in first
    assert "shorter: epochs 6 → 1, val_every 2 → 1" in first
    assert "val  epoch 1  loss" in first

    train.write_text(text.replace(WHOLE, BROKEN))
    broken = "\n".join(until("error: the plugin ended"))
    assert "run 2  saved src/train.py" in broken
    assert "NameError: name 'sm_odel' is not defined" in broken
    assert f'File "{train}"' in broken  # where the author edits it

    train.write_text(text)
    mended = until("waiting for a save")
    assert mended[0] == "the run before failed:"
    assert any("run 3  saved src/train.py" in line for line in mended)

    (net / "plugin_info.json").write_text("{")
    until("is not JSON")


def test_a_save_ends_the_run_in_progress_and_older_runs_are_forgotten(cli: Cli, net: Path, dev):
    _, until = dev
    train = net / "src" / "train.py"
    text = train.read_text()
    until("waiting for a save")
    train.write_text(
        text.replace("def main():", "def main():\n    import time\n    say('asleep')\n    time.sleep(600)")
    )
    until("asleep")
    train.write_text(text)
    assert any(line.strip() == "stopped" for line in until("waiting for a save"))
    for turn in range(4):
        train.write_text(f"{text}# {turn}\n")
        until("waiting for a save")

    tasks = cli.json("task", "list")
    assert len(tasks) <= 6
    assert {tuple(task["tags"]) for task in tasks} == {("dev",)}
    names = {project["name"]: project["images_count"] for project in cli.json("project", "list")}
    assert names["net-sample (8 for dev)"] == 8
    assert names["net-sample"] == 24


def test_once_gives_the_exit_code_of_the_run(cli: Cli, net: Path):
    done = cli.run("dev", net, "--once", "--images", "4")
    assert re.search(r"first line after \d", done.stdout)
    (net / "src" / "train.py").write_text("raise SystemExit(3)")
    cli.run("dev", net, "--once", code=1)
    assert "--project" in cli.run("dev", net.rename(net.with_name("other")), "--once", code=2).stderr
    assert "agent plugin new" in cli.run("dev", net, code=2).stderr


def test_a_shell_opens_in_the_folder_of_a_task_with_its_environment(cli: Cli, net: Path):
    cli.run("dev", net, "--once", "--images", "4")
    said = cli.run("task", "shell", "1", "--", "python3", "-c", "import task, os; print(task.TASK, os.listdir('.'))")
    assert str(cli.home / "tasks" / "1") in said.stdout
    assert "task_config.json" in said.stdout


def test_an_exception_opens_pdb_in_the_terminal(cli: Cli, net: Path):
    train = net / "src" / "train.py"
    train.write_text(train.read_text().replace(WHOLE.replace("scores", "step"), "modle.step("))
    ours, its = pty.openpty()
    env = {**cli.clean_env(), **cli.env, "AGENT_HOME": str(cli.home)}
    loop = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "dev", net, "--pdb", "--once"], stdin=its, stdout=its, stderr=its, env=env
    )
    os.close(its)
    said = b""

    def until(text: bytes) -> None:
        nonlocal said
        while text not in said:
            read = os.read(ours, 65536)
            assert read, said.decode()
            said += read

    until(b"(Pdb) ")
    os.write(ours, b"p 'lr is', config['lr']\n")
    until(b"('lr is', 2.0)")
    os.write(ours, b"q\n")
    until(b"the plugin ended with exit code 1")
    assert loop.wait(60) == 1
    os.close(ours)

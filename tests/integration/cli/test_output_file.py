"""`-o FILE` of the commands that write one: refused before work begins, or written whole; `-` is standard output."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.inputs import Cli, write_model


@pytest.fixture
def agent(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path / "home", {})
    cli.run("model", "add", write_model(tmp_path / "start"), "--name", "start")
    return cli


@pytest.fixture(params=["pack", "export"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    return ("model", "pack", str(tmp_path / "start")) if request.param == "pack" else ("model", "export", "start")


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_a_file_that_exists_stays_unless_forced(agent: Cli, command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    file.write_text("mine")
    assert "exists; choose another name or pass --force" in agent.run(*command, "-o", file, code=2).stderr
    assert file.read_text() == "mine"
    agent.run(*command, "-o", file, "--force")
    assert "config.json" in names(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    assert "exists" in agent.run(*command, "-o", file, code=2).stderr


def test_a_folder_is_no_file_and_a_missing_one_is_made(agent: Cli, command: tuple[str, ...], tmp_path: Path) -> None:
    assert "is a folder; name a file in it" in agent.run(*command, "-o", tmp_path, "--force", code=2).stderr
    agent.run(*command, "-o", tmp_path / "new" / "deep" / "x.tar")
    assert os.listdir(tmp_path / "new" / "deep") == ["x.tar"]


def test_a_place_that_takes_no_file_is_refused_in_one_sentence(
    agent: Cli, command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    refused = agent.run(*command, "-o", tmp_path / "file" / "x.tar", code=None)
    assert refused.returncode != 0
    assert "no file can be written to the folder" in refused.stderr
    refused = agent.run(*command, "-o", "/proc/self/x.tar", code=None)
    assert refused.returncode != 0
    assert len(refused.stderr.splitlines()) == 1


def piped(agent: Cli, *command: object) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "agent.cli", *map(str, command)]
    env = {**agent.clean_env(), "AGENT_HOME": str(agent.home)}
    return subprocess.run(words, env=env, capture_output=True, timeout=240, check=False)


def test_standard_output_has_the_bytes_and_nothing_else(agent: Cli, command: tuple[str, ...], tmp_path: Path) -> None:
    done = piped(agent, *command, "-o", "-")
    assert done.returncode == 0, done.stderr
    agent.run(*command, "-o", tmp_path / "x.tar")
    assert done.stdout == (tmp_path / "x.tar").read_bytes()
    assert b"standard output (" in done.stderr
    assert os.listdir(agent.home / "half") == []


def test_a_bundle_and_its_json_do_not_share_standard_output(agent: Cli) -> None:
    refused = agent.run("diagnose", 1, "-o", "-", "--json", code=2)
    assert "both need standard output" in refused.stderr

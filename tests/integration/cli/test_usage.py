"""Usage of the command line: mistakes, help, version, and completion in a shell."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
import typer

from agent.cli.app import app
from tests.support.inputs import Cli


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task", "list", "--nope"], "No such option: --nope"),
        (["task", "frobnicate"], "No such command 'frobnicate'"),
        (["task", "list", "--limit", "many"], "Invalid value for '--limit'"),
        (["project", "show"], "Missing argument"),
    ],
)
def test_a_mistyped_command_is_explained(tmp_path, words, said):
    done = Cli(tmp_path / "home", {}).run(*words, code=2)

    assert said in done.stderr


def test_the_version_is_that_of_the_installed_package(tmp_path):
    done = Cli(tmp_path / "home", {}).run("--version")

    assert done.stdout == f"supervisely-local {metadata.version('supervisely-local')}\n"
    assert not (tmp_path / "home").exists()


def commands(group, *path):
    """Every command below the group, and the groups, as words."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_explains_itself_by_the_short_option_too(path, capsys):
    for option in ("-h", "--help"):
        typer.main.get_command(app).main([*path, option], prog_name="agent", standalone_mode=False)
        said = capsys.readouterr().out

        assert said.startswith(" ".join(["Usage: agent", *path]))
        assert "-h, --help" in said


@pytest.mark.parametrize(
    ("typed", "offered"), [("sub", {"submit-train", "submit-inference"}), ("model exp", {"export"})]
)
def test_a_shell_completes_commands(tmp_path, typed, offered):
    words = f"agent {typed}"
    completing = {"_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = Cli(tmp_path / "home", completing).run()

    assert set(done.stdout.split()) == offered


def test_completion_is_installed_for_the_shell_that_asks(tmp_path):
    command = f"{sys.executable} -m agent.cli --install-completion; exit $?"
    env = {**Cli.clean_env(), "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", command], env=env, check=True, capture_output=True)

    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_AGENT_COMPLETE=complete_bash" in script.read_text()
    assert script.name in (tmp_path / ".bashrc").read_text()

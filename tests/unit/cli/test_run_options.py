"""Options that commands share: each command has all of them, with the same words, and gets their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from agent.cli import submit, tune
from agent.cli.run_options import RunOptions, Source, with_shared_options
from agent.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Size:
    width: Annotated[int, typer.Option(min=1)] = 1
    height: int = 2


def options_of(command: Callable[..., None]) -> dict[str | None, Any]:
    app = typer.Typer()
    app.command()(command)
    return {option.name: option for option in get_command(app).params}


def test_each_command_has_every_shared_option_in_the_same_words() -> None:
    commands = [options_of(command) for command in (submit.submit_train, submit.submit_inference, tune.tune)]

    for field in (*fields(Source), *fields(RunOptions)):
        said = [(one.opts, one.help, one.metavar, one.default) for one in (options[field.name] for options in commands)]
        assert said == [said[0]] * 3


def test_a_command_gets_its_shared_options_as_one_value_among_its_own() -> None:
    seen: list[Any] = []

    @with_shared_options
    def draw(*, name: str, size: Size, quick: bool = False) -> None:
        """Draw."""
        seen.append((name, size, quick))

    app = typer.Typer()
    app.command()(draw)

    assert list(options_of(draw))[:4] == ["name", "width", "height", "quick"]
    assert CliRunner().invoke(app, ["--name", "a", "--height", "7", "--quick"]).exit_code == 2, "name is an argument"
    assert CliRunner().invoke(app, ["a", "--height", "7", "--quick"], catch_exceptions=False).exit_code == 0
    assert CliRunner().invoke(app, ["a", "--width", "0"]).exit_code == 2
    assert seen == [("a", Size(width=1, height=7), True)]


def test_run_options_become_a_request() -> None:
    asked = RunOptions(engine="process", env=["A=1"], memory="2G", base=["x=y"], hardened=True, stop_grace=3.0)

    made = asked.requested()

    assert (made.engine, made.env, made.memory_bytes) == ("process", {"A": "1"}, 2 * 2**30)
    assert (made.hardened, made.stop_grace_s, asked.bases) == (True, 3.0, {"x": "y"})
    assert RunOptions().requested().hardened is None, "then the settings decide"
    with pytest.raises(BadInput, match="--memory: "):
        RunOptions(memory="much").requested()

"""`agent` itself: its options, and the run of a command."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from agent import DISTRIBUTION, version
from agent.cli import INTERRUPTED
from agent.cli.tree import Commands

# The root of the exceptions for a wrong command line: of the click inside newer typers, else of the package click.
USAGE_ERROR: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="agent",
    cls=Commands,
    help="Run Supervisely neural-network plugins on this machine, and keep every line and checkpoint.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every command below, too
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback: short, complete, and safe to paste
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"{DISTRIBUTION} {version()}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The options of `agent` itself."""


def run(commands: typer.Typer) -> int:
    """Run the command line and give the exit code. `failures.guarded` handles every failure but a mistyped command."""
    try:
        # The name is given, so that `python -m agent.cli` is called as in the help, and completes as installed.
        code = typer.main.get_command(commands).main(prog_name="agent", standalone_mode=False)
    except USAGE_ERROR as error:
        error.show()
        return 2
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0

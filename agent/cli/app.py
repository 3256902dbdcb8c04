"""The tree of commands, and the one place where failures become sentences and exit codes."""

from __future__ import annotations

import sys
from typing import Any

import orjson
import typer

from agent.cli import (
    INTERRUPTED,
    backup,
    clean,
    doctor,
    keeping,
    library,
    plugin,
    retention,
    serve,
    show,
    submit,
    task,
    token,
)
from agent.errors import AgentError, Invalid

# Everything that is wrong with a command line. Newer typers raise exceptions of a click of their own, older ones
# those of the package; this class is the root of either.
ASKED_WRONGLY: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="agent",
    help="Run Supervisely neural-network plugins on this machine, and keep every line and checkpoint.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback: short, complete, and safe to paste
    rich_markup_mode=None,
)
app.command("submit-train")(submit.submit_train)
app.command("submit-inference")(submit.submit_inference)
app.command("build")(plugin.build)
app.command("up")(serve.up)
app.command("run")(serve.run)
app.command("doctor")(doctor.doctor)
app.command("diagnose")(doctor.diagnose)
app.command("clean")(clean.clean)
app.command("retention")(retention.retention)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(task.app, name="task", help="Tasks: what ran, what it printed, what it made.")
app.add_typer(library.projects, name="project", help="Projects in the library: images with annotations.")
library.models.command("pin")(keeping.pin)
library.models.command("unpin")(keeping.unpin)
library.models.command("remove")(keeping.remove)
library.models.command("restore")(keeping.restore)
library.models.command("trash")(keeping.trash)
app.add_typer(library.models, name="model", help="Model states in the library: weights with config.json.")
app.add_typer(plugin.app, name="plugin", help="Plugins this installation knows.")
app.add_typer(token.app, name="token", help="Tokens: who may use the web and its API.")


def run(commands: typer.Typer) -> int:
    """Run the command line; give the exit code. Nothing expected escapes as a traceback."""
    as_json = "--json" in sys.argv
    try:
        code = typer.main.get_command(commands).main(standalone_mode=False)
    except ASKED_WRONGLY as error:
        error.show()
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `agent task logs 3 | head`: the reader has seen enough
        sys.stderr.close()
        return 0
    except AgentError as error:
        _say(error, as_json=as_json)
        return error.exit_code
    return code if isinstance(code, int) else 0


def _say(error: AgentError, *, as_json: bool) -> None:
    if as_json:
        problems = [
            {"file": p.file, "place": p.place, "sentence": p.sentence, "remedy": p.remedy}
            for p in (error.problems if isinstance(error, Invalid) else ())
        ]
        body = {"error": str(error), "reason": error.reason, "problems": problems}
        sys.stdout.write(orjson.dumps(body).decode() + "\n")
    sys.stderr.write(f"agent: {show.visible(str(error))}\n")

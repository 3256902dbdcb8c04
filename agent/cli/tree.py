"""The commands by name. Their modules, and all that those import, are loaded when a command is called.

So help and a mistyped name load no command, and a command loads what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_name
from typer.models import CommandInfo


class Place(NamedTuple):
    """Where a command stands: a function, or a group, of a module; and what `agent --help` says of it."""

    module: str
    name: str
    help: str  # short: its line is not wrapped
    hidden: bool = False


COMMANDS = {
    "submit-train": Place("submit", "submit_train", "Train a model on a project with a plugin."),
    "submit-inference": Place("submit", "submit_inference", "Apply a model to a project with a plugin."),
    "deploy": Place("deploy", "deploy", "Let a model answer requests until it is stopped."),
    "infer": Place("infer", "infer", "Ask a deployed model about images."),
    "tune": Place("tune", "app", "Many trainings: a search over parameters."),
    "evaluate": Place("evaluate", "app", "How good predictions are, over a whole project."),
    "dev": Place("dev", "dev", "Run a plugin on a few images, again at each save."),
    "schema": Place("schema", "schema", "JSON Schemas of the files that authors write."),
    "build": Place("plugin", "build", "Build a plugin's image, as the official script does."),
    "up": Place("serve", "up", "Start the web page and an agent on this machine."),
    "run": Place("serve", "run", "Take and run queued tasks until interrupted."),
    "web": Place("serve", "web", "The web of `agent up`.", hidden=True),
    "down": Place("down", "down", "End the agents of this installation; tasks go on."),
    "cluster": Place("cluster", "app", "Clusters that run tasks: is everything there?"),
    "doctor": Place("doctor", "doctor", "Look at everything that a task needs."),
    "diagnose": Place("doctor", "diagnose", "Pack what a report of a bug needs, without secrets."),
    "replay": Place("replay", "replay", "Play the recording of a task."),
    "notify": Place("notify", "notify", "Try the addresses to which messages go."),
    "clean": Place("clean", "clean", "Remove what ended tasks and processes have left."),
    "retention": Place("retention", "retention", "Carry the retention policy out."),
    "backup": Place("backup", "backup", "Write library and tasks to one file."),
    "restore": Place("backup", "restore", "Make an installation of a backup."),
    "task": Place("task", "app", "Tasks: what ran, what it printed, what it made."),
    "project": Place("project", "app", "Projects in the library: images with annotations."),
    "model": Place("model", "app", "Model states: weights with config.json."),
    "plugin": Place("plugin", "app", "Plugins this installation knows."),
    "node": Place("node", "app", "Nodes: the machines whose agents share this store."),
    "token": Place("token", "app", "Tokens: who may use the web and its API."),
}


class Commands(TyperGroup):
    """The group `agent`. It lists its commands by the table, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as the group is asked
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as the group is asked
        """The command as help and completion show it."""
        place = COMMANDS.get(cmd_name)
        return place and TyperCommand(cmd_name, help=place.help, hidden=place.hidden)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(name or "", rest), rest


class _Loaded(Mapping[str, Any]):
    """The commands by name, each loaded when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        return load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def load(name: str, words: Sequence[str] = ()) -> Any:
    """The command of this name, with its parameters; of a group, which the words go on with, what they ask for."""
    place = COMMANDS[name]
    found = getattr(import_module(f"agent.cli.{place.module}"), place.name)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        alone.add_typer(_with_only(found, words), name=name, help=place.help)
    else:
        alone.command(name)(found)
    alone.callback()(_nothing)  # makes it a group, in which the command keeps its name
    group: Any = typer.main.get_command(alone)
    return group.commands[name]


def _with_only(group: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The group with the command that is called. Typer looks at the parameters of every command that there is."""
    called = [command for command in group.registered_commands if words and _name_of(command) == words[0]]
    if not called:  # help, an option of the group, or a mistyped name, for which the names of all are needed
        return group
    smaller = copy(group)
    smaller.registered_commands, smaller.registered_groups = called, []
    return smaller


def _name_of(command: CommandInfo) -> str:
    return command.name or get_command_name(command.callback.__name__) if command.callback else ""


def _nothing() -> None:
    """What a group does before its command."""

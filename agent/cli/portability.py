"""`agent task portability`, `agent plugin portability`, `--strict`: what the original platform would do otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.errors import Invalid, Problem
from agent.fs.names import counted
from agent.fs.paths import given_path

if TYPE_CHECKING:
    from agent.domain import NewTask, Plugin, Task
    from agent.installation import Installation
    from agent.library.portability import Portability
    from agent.portability.model import Difference

# Python's parser takes a while to load, and other commands about tasks and plugins need none: imports come late.

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 where something would break there.")]
_BREAKS = 1  # exit code: as that of a plugin that failed


def of_task(
    task_id: Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")],
    json: Json = False,
    strict: Strict = False,
) -> None:
    """What the original agent, SDK or web would do otherwise with this task, each with its evidence."""
    from agent.library.portability import task_differences

    with open_installation() as installation:
        found = task_differences(installation.store, installation.store.tasks.get(task_id))
    _print(found, json=json)
    _say_left_out(found, json=json)
    if found.lines_read < found.lines and not json:
        show.err.print(f"the first {found.lines_read:,} of {found.lines:,} lines were read, and all checkpoints")
    _end(found, strict=strict)


def of_plugin(
    reference: Annotated[str, typer.Argument(metavar="PLUGIN", help="A plugin folder; or id, title or image.")],
    json: Json = False,
    strict: Strict = False,
) -> None:
    """What the original agent, SDK or web would do otherwise with this plugin, as far as its files say."""
    from agent.library.portability import folder_differences, plugin_differences

    if given_path(reference).is_dir():
        from agent.formats.plugin import read_plugin_folder

        found = folder_differences(given_path(reference), read_plugin_folder(Path(reference)).modes)
    else:
        with open_installation() as installation:
            plugin = library.resolve_plugin(installation.store, reference, installation.settings.registry)
            found = plugin_differences(plugin)
        if not found.is_code_read:
            show.err.print("note: the plugin is known by its image only: its code was not read", markup=False)
    _print(found, json=json)
    _say_left_out(found, json=json)
    _end(found, strict=strict)


def refuse_what_breaks(plugin: Plugin, new: NewTask) -> None:
    """`--strict`, before a task is queued. Invalid names everything that would break on the original platform."""
    from agent.library.portability import request_differences

    if breaks := request_differences(plugin, new.options).breaks:
        raise Invalid("what --strict asks for", [_problem(one) for one in breaks])


def say_what_breaks(installation: Installation, task: Task) -> bool:
    """`--strict`, after a task has ended: whether its run shows something that would break there; it is printed."""
    from agent.library.portability import task_differences

    found = task_differences(installation.store, task).breaks
    if found:
        show.err.print(f"--strict: {counted(len(found), 'thing')} would break on the original platform", markup=False)
    for one in found:
        show.err.print(f"  {_problem(one)} ({one.evidence})", markup=False)
    return bool(found)


def _problem(one: Difference) -> Problem:
    return Problem(one.where, "", f"{one.here} There: {one.there}", one.remedy)


def _print(found: Portability, *, json: bool) -> None:
    if json:
        show.as_json(found)
        return
    show.table(
        ("", "WHERE", "HERE", "THERE", "WHAT TO DO", "EVIDENCE"),
        [_row(one) for one in found.differences],
        empty="Nothing is known that the original platform would do otherwise.",
    )


def _say_left_out(found: Portability, *, json: bool) -> None:
    if found.files_left_out and not json:
        left_out = f"files and parts of folders, {found.files_left_out:,}"
        show.err.print(f"not read of the plugin's code, too large or too many: {left_out}", markup=False)


def _row(one: Difference) -> Sequence[Any]:
    where = one.where if one.count == 1 else f"{one.where} and {one.count - 1} more"
    return (one.level, where, one.here, one.there, one.remedy, f"docs/contract/{one.evidence}")


def _end(found: Portability, *, strict: bool) -> None:
    if strict and found.breaks:
        raise typer.Exit(_BREAKS)

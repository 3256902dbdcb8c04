"""`agent task record`: an ended task as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.errors import BadInput
from agent.fs.disk import size_text
from agent.fs.names import counted

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def record(
    task_id: Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; - for standard output; default: task-ID.recording.zip here."),
    ] = None,
    with_files: Annotated[
        bool,
        typer.Option(
            "--with-files",
            help="With weights and pixels, raw: secrets in them stay. Else they are known by their hashes.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
    json: Json = False,
) -> None:
    """Write an ended task to one file that `agent replay` plays, without secrets."""
    from agent.cli.output_file import STDOUT, output_file  # late: other commands of this group need none of it
    from agent.formats.recording import SUFFIX
    from agent.library.cleaning import cleaner
    from agent.library.recordings import record_task

    path = output or Path(f"task-{task_id}{SUFFIX}")
    if json and str(path) == STDOUT:
        raise BadInput("the recording and --json both need standard output: name a file, or leave --json out")
    with (
        open_installation() as installation,
        output_file(path, installation.artifacts.half_made, force=force) as made,
    ):
        task = installation.store.tasks.get(task_id)
        recorded = record_task(
            installation.store,
            installation.artifacts,
            task,
            made.path,
            clean=cleaner(installation.settings, task, os.environ),
            with_files=with_files,
            replace_file=force,
        )
        if recorded.missing:
            show.err.print(f"note: the artifacts have {counted(recorded.missing, 'file')} no more", markup=False)
    if json:
        show.as_json(recorded)
        return
    made.say(f"{size_text(recorded.size_bytes)}, {counted(recorded.lines, 'line')}, {counted(recorded.files, 'file')}")

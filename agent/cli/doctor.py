"""`agent doctor` and `agent diagnose`: the obstacles to a task, and a bundle for a bug report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.cli.output_file import STDOUT, output_file
from agent.doctor import checks
from agent.doctor.finding import Finding, Verdict
from agent.errors import BadInput
from agent.fs.disk import size_text

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

_COLORS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor(json: Json = False) -> None:
    """Look at everything a task needs: a line each, ok, warn or fail, with the remedy. Exits with 3 when one fails."""
    from agent.configuration import read_configuration
    from agent.doctor.probe import probe, probe_settings, probe_versions  # late: they ask engine, disks and network
    from web_stub.auth.exposure import meaning_of_exposure

    configuration = read_configuration()
    found = list(checks.settings(probe_settings(configuration)))
    if configuration.settings is None:  # without a home
        found += checks.versions(probe_versions())
    else:
        found += checks.examine(probe(configuration.settings, exposure=meaning_of_exposure))
    code = checks.exit_code(found)
    if json:
        show.as_json({"ok": code == 0, "findings": found})
    else:
        for finding in found:
            print_finding(finding)
    raise typer.Exit(code)


def diagnose(
    task_id: Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The tar.gz to write, - for standard output; default: diagnose-task-ID.tar.gz here."
        ),
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
    json: Json = False,
) -> None:
    """Pack what a bug report about a task needs, without secrets. Nothing is sent."""
    from agent.doctor import bundle  # late: as above
    from agent.doctor.probe import probe
    from agent.library.cleaning import cleaner
    from web_stub.auth.exposure import meaning_of_exposure

    path = output or Path(f"diagnose-task-{task_id}.tar.gz")
    if json and str(path) == STDOUT:
        raise BadInput("the archive and --json both need standard output: name a file, or leave --json out")
    with (
        open_installation() as installation,
        output_file(path, installation.artifacts.half_made, force=force) as made,
    ):
        task = installation.store.tasks.get(task_id)
        facts = probe(installation.settings, exposure=meaning_of_exposure)
        clean = cleaner(installation.settings, task, os.environ)
        packed = bundle.pack(
            installation, task, made.path, clean=clean, facts=facts, findings=checks.examine(facts), replace=force
        )
    if json:
        show.as_json(
            {"path": str(made.path), "size_bytes": packed.size_bytes, "members": packed.members, "about": packed.about}
        )
        return
    made.say(size_text(packed.size_bytes))
    show.err.print(packed.about, markup=False)


def print_finding(finding: Finding) -> None:
    show.out.print(f"{finding.verdict.value:4}", style=_COLORS[finding.verdict], end=" ")
    show.out.print(f"{finding.about}: {finding.said}", markup=False)
    if finding.remedy:
        show.out.print(f"     {finding.remedy}", markup=False)

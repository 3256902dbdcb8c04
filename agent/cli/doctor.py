"""`agent doctor` and `agent diagnose`: what stands in a task's way, and a bundle for a bug report."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.house import load_settings, open_house
from agent.doctor.checks import examine, exit_code
from agent.doctor.finding import Finding, Verdict
from agent.errors import Conflict

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

_COLORS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor(json: Json = False) -> None:
    """Look at everything a task needs: a line each, ok, warn or fail, with the remedy. Exits with 3 when one fails."""
    from agent.doctor.look import look  # late: it asks the engine, the disks and the network
    from web_stub.access import meaning_of_exposure

    found = examine(look(load_settings(), exposure=meaning_of_exposure))
    code = exit_code(found)
    if json:
        show.as_json({"ok": code == 0, "findings": found})
    else:
        for finding in found:
            _say(finding)
    raise typer.Exit(code)


def diagnose(
    task_id: Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The tar.gz to write; default: diagnose-task-ID.tar.gz here.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
    json: Json = False,
) -> None:
    """Pack what a bug report about a task needs, without secrets. Nothing is sent."""
    from agent.doctor import bundle  # late: as above
    from agent.doctor.look import look
    from web_stub.access import meaning_of_exposure

    path = output or Path(f"diagnose-task-{task_id}.tar.gz")
    if path.exists() and not force:
        raise Conflict(f"{path} exists; choose another name with --output, or pass --force")
    with open_house() as house:
        task = house.store.tasks.get(task_id)
        facts = look(house.settings, exposure=meaning_of_exposure)
        token = ""
        with suppress(OSError, UnicodeDecodeError):
            token = (house.settings.home / "token").read_text().strip()
        clean = bundle.cleaner(house, task, dict(os.environ), token)
        packed = bundle.pack(house, task, path, clean=clean, facts=facts, findings=examine(facts))
    if json:
        show.as_json(
            {"path": str(path), "size_bytes": packed.size_bytes, "members": packed.members, "about": packed.about}
        )
        return
    show.out.print(f"{path} ({show.size(packed.size_bytes)})", markup=False)
    show.err.print(packed.about, markup=False)


def _say(finding: Finding) -> None:
    show.out.print(f"{finding.verdict.value:4}", style=_COLORS[finding.verdict], end=" ")
    show.out.print(f"{finding.about}: {finding.said}", markup=False)
    if finding.remedy:
        show.out.print(f"     {finding.remedy}", markup=False)

"""`agent doctor` and `agent diagnose`: what stands in a task's way, and a bundle for a bug report."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import show
from agent.cli.house import load_settings
from agent.doctor.checks import Finding, Verdict, examine, exit_code

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


def _say(finding: Finding) -> None:
    show.out.print(f"{finding.verdict.value:4}", style=_COLORS[finding.verdict], end=" ")
    show.out.print(f"{finding.about}: {finding.said}", markup=False)
    if finding.remedy:
        show.out.print(f"     {finding.remedy}", markup=False)

"""`agent notify`: try the addresses to which messages about tasks go."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import load_settings
from agent.errors import BadInput


def notify(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What to say.")] = "A message to try the addresses.",
) -> None:
    """Send a message to every address of AGENT_NOTIFY now. Exits with 1 when one does not take it."""
    from agent.notify import Message, send
    from agent.run.telling import condition_wanted

    settings = load_settings()
    condition_wanted(settings)
    to = settings.notify
    if not to.strip():
        raise BadInput("no addresses are set; for example AGENT_NOTIFY='mailto://user:password@example.org'")
    results = send(to, Message("supervisely-local", text))
    show.table(("ADDRESS", "RESULT"), [(where, wrong or "sent") for where, wrong in results], empty="")
    raise typer.Exit(1 if any(wrong for _, wrong in results) else 0)

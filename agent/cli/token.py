"""`agent token …`: keys to the web for programs and for other people. Each can be revoked by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.errors import BadInput

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whom or what it is for.")],
    for_agent: Annotated[
        bool, typer.Option("--for-agent", help="For an original agent: it takes the tasks of this name, and no more.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a token and show it, once: only its hash is kept. It opens everything the installation's own does.

    With --for-agent it opens the protocol of original agents, and nothing else.
    """
    if not name.strip():
        raise BadInput("a token needs a name, so that you know later whose it is")
    with open_installation() as installation:
        token, secret = installation.store.tokens.create(name, is_agent=for_agent)
    if json:
        show.as_json({"id": token.id, "name": token.name, "token": secret, "created_at": token.created_at})
        return
    show.err.print(f"token {token.id} for {token.name}; it is not shown again:", markup=False)
    show.out.print(secret, markup=False)


@app.command("list")
def list_(json: Json = False) -> None:
    """The tokens of this installation; the one in its folder or in AGENT_TOKEN is not among them."""
    with open_installation() as installation:
        found = installation.store.tokens.list()
    if json:
        show.as_json(found)
        return
    rows = ((t.id, t.name, "agent" if t.is_agent else "", t.created_at, t.last_used_at, t.revoked_at) for t in found)
    columns = ("ID", "NAME", "FOR", "CREATED", "LAST USED", "REVOKED")
    show.table(columns, rows, empty="No tokens but the installation's own; make one with `agent token create NAME`.")


@app.command()
def revoke(token_id: Annotated[int, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Take a token back: calls, sessions and streams that came with it end at once. Twice is fine."""
    with open_installation() as installation:
        token = installation.store.tokens.revoke(token_id)
    if json:
        show.as_json(token)
    else:
        show.out.print(f"token {token.id} ({token.name}) is revoked", markup=False)

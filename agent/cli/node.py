"""`agent node …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.nodes import NodeView, node_views

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """The nodes of this store: homes of agents, each on one machine."""
    with open_installation() as installation:
        found = node_views(installation.store)
    if json:
        show.as_json([as_object(node) for node in found])
        return
    rows = (
        (
            node.name,
            node.short_id,
            len(node.agents),
            _state(node),
            node.running,
            node.engine,
            "?" if node.offers.gpus is None else node.offers.gpus,
            ",".join(f"{name}={value}" for name, value in node.offers.labels.items()),
        )
        for node in found
    )
    heads = ("NAME", "ID", "AGENTS", "STATE", "TASKS", "ENGINE", "GPUS", "LABELS")
    show.table(heads, rows, empty="No nodes yet; `agent up` makes this machine one.")


def as_object(node: NodeView) -> dict[str, Any]:
    """A node as an object for JSON."""
    return {
        "id": node.id,
        "name": node.name,
        "agents": [agent.id for agent in node.agents],
        "alive": node.is_alive,
        "silent_s": None if node.silent_for is None else round(node.silent_for.total_seconds(), 1),
        "tasks": node.running,
        "engine": node.engine,
        "gpus": node.offers.gpus,
        "labels": node.offers.labels,
    }


def _state(node: NodeView) -> str:
    if node.is_alive:
        return "alive"
    if node.silent_for is None:
        return "no agent"
    return f"silent for {int(node.silent_for.total_seconds())} s"


@app.command()
def lost(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Its name, or the beginning of its id.")],
    force: Annotated[bool, typer.Option("--force", help="Although an agent of it is alive.")] = False,
    json: Json = False,
) -> None:
    """Declare that a node does not come back: its running tasks end, or start again elsewhere (--restarts).

    Everything committed and uploaded is kept. When its agents come back all the same, they remove the containers.
    """
    from agent.run.lost_node import declare_lost  # late: it loads what runs tasks

    with open_installation() as installation:
        wanted = installation.store.nodes.find(node)
        view = next(one for one in node_views(installation.store) if one.id == wanted.id)
        declared = declare_lost(installation, view, force=force)
    if json:
        show.as_json({"ended": declared.ended, "queued": declared.queued})
        return
    for task in declared.ended:
        show.out.print(f"task {task.id}: {task.status.value} ({task.reason})", markup=False)
    for task in declared.queued:
        show.out.print(f"task {task.id}: queued for attempt {task.attempt}", markup=False)
    if not declared.ended and not declared.queued:
        show.err.print(f"no task runs on node {view.name}", markup=False)

"""`agent cluster …`"""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from agent.cli import show
from agent.cli.installation import load_settings

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="CLUSTER", help="The cluster: kubernetes or slurm.")],
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the job of the probe.")] = 120,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Look at all that tasks on a cluster need, from here and from inside of a job. Exits with 3 when a check fails."""
    from agent.cli.doctor import print_finding
    from agent.clusters.checks import check_cluster
    from agent.doctor.checks import exit_code

    found = []
    for finding in check_cluster(name, load_settings(), wait_s=wait):
        found.append(finding)
        if not json:
            print_finding(finding)
    code = exit_code(found)
    if json:
        show.as_json({"ok": code == 0, "findings": found})
    raise typer.Exit(code)


@app.command(hidden=True)
def probe() -> None:
    """Print what an agent finds on this machine: the job of `agent cluster check`."""
    from dataclasses import asdict

    from agent.clusters.node_probe import probe_node

    show.out.print(orjson.dumps(asdict(probe_node(load_settings()))).decode(), markup=False, soft_wrap=True)

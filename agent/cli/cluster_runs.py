"""`agent run --cluster` and `agent run --task N --placement K`: both ends of a task on a cluster."""

from __future__ import annotations

from contextlib import closing
from functools import cache

import typer

from agent.cli import show
from agent.cli.installation import load_settings, open_installation
from agent.cli.signals import interruptible
from agent.domain import TaskStatus
from agent.errors import StorageFailed
from agent.logs import log_to_stderr


def place_on(name: str) -> None:
    """Place queued tasks on a cluster until interrupted. Jobs go on then, and the next controller follows them."""
    from agent.clusters.control import run_cluster
    from agent.clusters.open import open_cluster

    with open_installation(waits=True) as installation, interruptible(leaves=True) as shutdown:
        settings = installation.settings
        log_to_stderr(settings.log_level, settings.log_format)
        with closing(open_cluster(name, settings)) as cluster:
            left = run_cluster(installation, cluster, shutdown)
    if left:
        show.err.print(
            f"jobs that go on without a controller: {left}; the next `agent run --cluster {name}` follows them",
            markup=False,
        )


def run_in_job(task_id: int, number: int) -> None:
    """Run the task of a placement, inside of its job; ends with the task's exit code, GIVEN_BACK or BEGINS_ANEW."""
    from agent.clusters import BEGINS_ANEW, GIVEN_BACK
    from agent.clusters.in_job import OwnJob, run_placed, why_job_ends
    from agent.clusters.in_pod import wait_to_begin
    from agent.run.cancellation import Cancelled, Cause
    from agent.run.outcome import exit_code
    from agent.store.urls import load_driver

    job = OwnJob.of()
    why = cache(lambda: why_job_ends(job))
    try:
        load_driver(load_settings(remark=False).store)
        wait_to_begin()
        # A job that is started anew finds its task where it was, so it waits for a store that is away.
        with (
            open_installation(waits=job.restarts > 0) as installation,
            interruptible(leaves=False, why=why) as shutdown,
        ):
            log_to_stderr(installation.settings.log_level, installation.settings.log_format)
            ended = run_placed(installation, task_id, number, job, shutdown)
    except (Cancelled, StorageFailed) as error:  # a fault of the node, or of what it reaches
        if isinstance(error, Cancelled) and error.cause is not Cause.GIVEN_BACK:
            raise
        show.err.print(f"task {task_id} is given back: {error}", markup=False)
        raise typer.Exit(GIVEN_BACK) from None
    if ended.status is TaskStatus.QUEUED:
        show.err.print(f"task {task_id} is queued for attempt {ended.attempt}", markup=False)
        raise typer.Exit(BEGINS_ANEW)
    raise typer.Exit(exit_code(ended))

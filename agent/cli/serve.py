"""`agent up` and `agent run`: an agent that takes queued tasks, with or without the web page."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.children import Child, Signals, parent_watched, wait_to_begin, watch
from agent.cli.installation import load_settings, open_installation
from agent.cli.signals import interruptible
from agent.errors import BadInput
from agent.logs import log_to_stderr

if TYPE_CHECKING:
    from agent.settings import Settings

Parallel = Annotated[int, typer.Option(min=1, max=64, help="How many tasks at the same time.")]
ParentFd = Annotated[int | None, typer.Option(hidden=True)]  # `agent up` gives it to its children


def run(
    parallel: Parallel = 1,
    task: Annotated[
        int | None, typer.Option(help="Run only this task, queued or lost by its agent, and end with its exit code.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Place queued tasks on this cluster (slurm) in place of running them here.")
    ] = None,
    placement: Annotated[int | None, typer.Option(hidden=True)] = None,  # a cluster's job gives it to its agent
    parent_fd: ParentFd = None,
) -> None:
    """Take and run queued tasks until interrupted. Running tasks go on then, and the next agent goes on with them."""
    if cluster is not None:
        if task is not None:
            raise BadInput("--cluster places queued tasks, --task runs one here; give one of them")
        from agent.cli.cluster_runs import place_on  # late: the agent of one task needs no tables for a terminal

        place_on(cluster)
        return
    if placement is not None:
        if task is None:
            raise BadInput("--placement is the placement of a task; give --task too")
        from agent.cli.cluster_runs import run_in_job  # late, as above

        run_in_job(task, placement)
        return
    from agent.run.outcome import exit_code
    from agent.worker.loop import run_forever, run_one  # late: only these two commands run tasks

    with (
        open_installation(waits=True) as installation,
        interruptible(leaves=True) as shutdown,
        parent_watched(parent_fd) as say_ready,
    ):
        log_to_stderr(installation.settings.log_level, installation.settings.log_format)
        if task is None:
            say_ready()
            say_left(run_forever(installation, shutdown, parallel=parallel))
            return
        ended = run_one(installation, task, shutdown, is_patient=True)
    raise typer.Exit(exit_code(ended))


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: loopback.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: any free port.")] = None,
    parallel: Parallel = 1,
    agent: Annotated[bool, typer.Option(help="Also run tasks (--no-agent: the page only).")] = True,
) -> None:
    """Start the web page and an agent on this machine. Running tasks go on when they end; see `agent down`."""
    from agent.configuration import restrict_to_known
    from agent.fs.open_files import raise_open_files_limit
    from web_stub.auth.exposure import meaning_of_exposure
    from web_stub.listener import listen

    changes: dict[str, Any] = {"web_host": host, "web_port": port}
    settings = replace(load_settings(), **{k: v for k, v in changes.items() if v is not None})
    meaning_of_exposure(settings)  # refuses an exposed address before anything starts
    log_to_stderr(settings.log_level, settings.log_format)
    raise_open_files_limit()
    with listen(settings.web_host, settings.web_port) as listener:  # kept open while the web is started again
        if not agent:
            _serve(settings, listener)
            return
        # The agent tells deployed models where the web listens, so it needs the port that was free.
        port = listener.getsockname()[1]
        env = {**restrict_to_known(os.environ), "AGENT_HOME": str(settings.home)}
        env |= {"AGENT_WEB_HOST": settings.web_host, "AGENT_WEB_PORT": str(port)}
        descriptor = listener.fileno()
        children = [
            Child("the agent", ["run", "--parallel", str(parallel)], env, ends_all=True),
            Child("the web", ["web", "--listener-fd", str(descriptor)], env, [descriptor], may_be_killed=True),
        ]
        with Signals() as signals:
            code = watch(children, signals)
    raise typer.Exit(code)


def web(listener_fd: Annotated[int, typer.Option()], parent_fd: ParentFd = None) -> None:
    """Serve the page on a socket that listens already: the web of `agent up`."""
    with socket.socket(fileno=listener_fd) as listener:
        settings = load_settings()
        log_to_stderr(settings.log_level, settings.log_format)
        _serve(settings, listener, parent_fd)


def _serve(settings: Settings, listener: socket.socket, parent_fd: int | None = None) -> None:
    # A library that is interrupted while it is loaded may call that an error of its own.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        from web_stub.server import Served, serve
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    wait_to_begin(parent_fd)

    with (
        open_installation(waits=True) as installation,
        interruptible(leaves=True),
        parent_watched(parent_fd) as say_ready,
    ):
        installation.artifacts.half_made.sweep()

        def ready(served: Served) -> None:
            _tell(f"open {served.login_url}")
            say_ready()

        serve(installation.store, installation.artifacts, settings, listener=listener, ready=ready)


def say_left(tasks: Sequence[int]) -> None:
    """Tell which tasks run on without an agent, if any do."""
    if tasks:
        _tell(
            f"running on without an agent: task {', '.join(map(str, sorted(tasks)))}; "
            "the next `agent up` goes on with them, `agent down --stop-tasks` stops them"
        )


def _tell(text: str) -> None:
    from agent.cli import show  # late: what it needs would take 8 MB of an agent for as long as its tasks run

    show.err.print(text, markup=False)

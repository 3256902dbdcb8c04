"""`agent up` and `agent run`: an agent that takes queued tasks, with or without the web page."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from agent.cli import INTERRUPTED, show
from agent.cli.house import open_house
from agent.logs import log_to_stderr

Parallel = Annotated[int, typer.Option(min=1, max=64, help="How many tasks at the same time.")]


def run(
    parallel: Parallel = 1,
    task: Annotated[
        int | None, typer.Option(help="Run only this task, queued or lost by its agent, and end with its exit code.")
    ] = None,
) -> None:
    """Take and run queued tasks until interrupted; running ones are then stopped and recorded as such."""
    from agent.loop import run_forever, run_one  # late: only these two commands run tasks
    from agent.verdict import exit_code

    with open_house() as house, interruptible() as shutdown:
        log_to_stderr(house.settings.log_level, house.settings.log_format)
        if task is None:
            run_forever(house, shutdown, parallel=parallel)
            return
        ended = run_one(house, task, shutdown)
    raise typer.Exit(exit_code(ended))


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: loopback.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: any free port.")] = None,
    parallel: Parallel = 1,
    agent: Annotated[bool, typer.Option(help="Also run tasks in this process (--no-agent: the page only).")] = True,
) -> None:
    """Start the web page and an agent on this machine."""
    from agent.loop import run_forever
    from web_stub.access import meaning_of_exposure
    from web_stub.server import serve

    with open_house() as house, interruptible() as shutdown:
        log_to_stderr(house.settings.log_level, house.settings.log_format)
        changes = {"web_host": host, "web_port": port}
        settings = house.settings.model_copy(update={k: v for k, v in changes.items() if v is not None})
        meaning_of_exposure(settings)  # refused before an agent has started
        worker = threading.Thread(
            target=run_forever, args=(house, shutdown), kwargs={"parallel": parallel}, name="agent", daemon=True
        )
        if agent:
            worker.start()
        try:
            serve(
                house.store,
                house.artifacts,
                settings,
                ready=lambda served: show.err.print(f"open {served.login_url}", markup=False),
            )
        finally:
            shutdown.set()
            if agent:
                worker.join()


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event set by Ctrl-C or SIGTERM; a second one ends the process at once."""
    event = threading.Event()

    def asked(signum: int, frame: object) -> None:  # noqa: ARG001 - the signal module's signature
        if event.is_set():
            os._exit(INTERRUPTED)
        event.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

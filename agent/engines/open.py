"""Get an engine by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.engines.process import ProcessEngine
from agent.errors import BadInput, EngineUnavailable
from agent.launch import choose_engine

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.settings import Settings

QUICKLY_S = 2  # how long `auto` waits for Docker: where none runs, nobody wants to wait for it


def open_engine(name: str, settings: Settings) -> Engine:
    """The engine a task asks for: docker, process, or auto for Docker where it answers and processes elsewhere.

    `auto` from a task leaves it to the settings. Raises EngineUnavailable, BadInput for a name that is none.
    """
    from agent.engines.docker import DockerEngine  # late: a process engine does not need the SDK's 0.2 s

    chosen, remark = choose_engine(name, settings), ""
    if chosen == "docker":
        return DockerEngine()
    if chosen == "auto":
        try:
            return DockerEngine(answer_within_s=QUICKLY_S)
        except EngineUnavailable:
            remark = "No Docker engine answers, so the plugin runs as a process on this machine."
    elif chosen != "process":
        raise BadInput(f"there is no engine {chosen!r}; write auto, docker or process")
    return ProcessEngine(settings.home / "processes", python=settings.python, remark=remark)

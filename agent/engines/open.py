"""Get an engine by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.engines.process import ProcessEngine
from agent.errors import BadInput, EngineUnavailable

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.settings import Settings

QUICKLY_S = 2  # how long `auto` waits for Docker: a machine without Docker should not wait longer


def open_engine(name: str, settings: Settings) -> Engine:
    """Open docker, process, apptainer, pod, replay, or with auto Docker where it answers and processes elsewhere.

    `name` is the option of a task. Raises EngineUnavailable; BadInput for an unknown name.
    """
    chosen, remark = choose_engine(name, settings), ""
    if chosen in ("docker", "auto"):
        from agent.engines.docker import DockerEngine  # late: the SDK takes 0.2 s and 9 MB, which processes do not need

        if chosen == "docker":
            return DockerEngine()
        try:
            return DockerEngine(answer_within_s=QUICKLY_S)
        except EngineUnavailable as error:
            said = str(error).partition("; ")[0]
            remark = f"The plugin runs as a process on this machine, because {said}."
    elif chosen == "apptainer":
        from agent.engines.apptainer import ApptainerEngine  # late: few machines need it

        return ApptainerEngine(settings.home / "apptainer", settings.apptainer_images)
    elif chosen == "pod":
        from agent.engines.pod import PodEngine  # late: only pods need it
        from agent.engines.pod_script import CONTROL_FOLDER

        return PodEngine(Path(CONTROL_FOLDER), settings.home / "pod")
    elif chosen == "replay":
        from agent.engines.replay import ReplayEngine  # late: only replays need it

        return ReplayEngine(settings.home / "replays")
    elif chosen != "process":
        raise BadInput(f"there is no engine {chosen!r}; write auto, docker, process or apptainer")
    return ProcessEngine(settings.home / "processes", python=settings.python, remark=remark)


def choose_engine(option: str, settings: Settings) -> str:
    """The name of an engine, or `auto`: the option of the task; where that is auto, the setting of this agent."""
    return option if option != "auto" else settings.engine

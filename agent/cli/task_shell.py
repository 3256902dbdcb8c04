"""`agent task shell`: a shell where a task runs, or ran: its container, its image with its folder, or its folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.installation import open_installation
from agent.domain import WORKDIR
from agent.errors import Conflict, CouldNotStart
from agent.formats.build_context import sdk_folder
from agent.formats.task_dir import TaskDir

Words = Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND]", help="Instead of a shell.")]


def shell(
    task_id: Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")], command: Words = None
) -> None:
    """Open a shell in the container of a task, in its image when it has ended, or in its folder."""
    with open_installation() as installation:
        task = installation.store.tasks.get(task_id)
        folder = TaskDir(installation.settings.tasks / str(task.id)).path
        plugin = installation.store.plugins.get_anywhere(task.plugin_id)
        if task.engine is None or task.container_spec is None:
            raise Conflict(f"task {task_id} was not launched yet: there is nothing to open a shell in")
    spec = task.container_spec
    if task.engine == "docker":
        container = None if task.status.is_final else task.container_id
        words = docker_words(spec, container, list(command or ()), is_terminal=sys.stdin.isatty())
        if (program := shutil.which("docker")) is None:
            raise CouldNotStart("a shell in a container is opened by the program docker, which is not here")
        env = {**os.environ, **{str(name): str(value) for name, value in spec["env"].items()}}
        os.execve(program, words, env)  # noqa: S606 - this process becomes the shell
    if task.engine != "process":
        raise Conflict(f"task {task_id} ran on the engine {task.engine}; shells are for docker and process")
    if not folder.is_dir():
        raise Conflict(f"the folder of task {task_id} is not on this machine any more")
    env = {**os.environ, **process_env(spec, folder, plugin.folder)}
    words = list(command or ()) or [os.environ.get("SHELL") or "sh"]
    os.chdir(folder)
    try:
        os.execvpe(words[0], words, env)  # noqa: S606 - as above
    except FileNotFoundError:
        raise CouldNotStart(f"there is no program {words[0]}") from None


def docker_words(
    spec: Mapping[str, Any], container: str | None, command: Sequence[str], *, is_terminal: bool
) -> list[str]:
    """The command line of docker. `container`: one that runs; without it the image, with the task's folder. Pure.

    Values of variables are not on it, where every user of the machine reads them: docker takes them from its own
    environment. What a hardened task may not do, the shell of its image may not do either.
    """
    keys = "-it" if is_terminal else "-i"
    words = list(command) or ["sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"]
    if container is not None:
        return ["docker", "exec", keys, container, *words]
    mounts = [(str(m["source"]), str(m["target"]), bool(m.get("read_only"))) for m in spec["mounts"]]
    options = [f"{source}:{target}{':ro' if read_only else ''}" for source, target, read_only in mounts]
    return [
        *("docker", "run", "--rm", keys, "--workdir", f"{WORKDIR}/src", "--entrypoint", words[0]),
        *(word for option in options for word in ("--volume", option)),
        *(word for name in spec["env"] for word in ("--env", str(name))),
        *_limits(spec),
        *(str(spec["image"]), *words[1:]),
    ]


def _limits(spec: Mapping[str, Any]) -> list[str]:
    """Options of `docker run` for the restrictions that the task had. Pure."""
    options = [("memory", spec["memory_bytes"])] if spec.get("memory_bytes") else []
    if (of := spec.get("hardening")) is not None:
        options += [("user", of["user"]), ("network", of["network"]), ("pids-limit", of["pids"]), ("cpus", of["cpus"])]
        options += [("cap-drop", name) for name in of["drop_capabilities"]]
        options += [("tmpfs", f"{folder}:{how}" if how else folder) for folder, how in of["tmpfs"].items()]
        options += [] if of["new_privileges"] else [("security-opt", "no-new-privileges")]
    words = [word for name, value in options for word in (f"--{name}", str(value))]
    return [*words, "--read-only"] if of is not None and of["read_only_root"] else words


def process_env(spec: Mapping[str, Any], folder: Path, plugin_folder: str | None) -> dict[str, str]:
    """What the plugin of a process finds in its environment, but with the folder itself in place of the mount."""
    sdk = sdk_folder()
    places = [str(sdk.parent)] if sdk is not None else []
    places += [str(Path(plugin_folder, "src"))] if plugin_folder else []
    env = {str(name): str(value) for name, value in spec["env"].items()}
    return {**env, "PYTHONPATH": ":".join(places), "SLY_TASK_DATA": str(folder)}

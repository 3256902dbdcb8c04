"""Plugins as processes on this machine: no engine to install, the quick loop for debugging.

An unmodified plugin finds its hard-coded /sly_task_data and /workdir in a private view of the file system,
wherever the kernel allows one; elsewhere only plugins written with supervisely_lib find their data, by its
environment variable. Output and end are kept on disk by a small watcher (`shim.py`) that outlives the agent.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from agent.domain import TASK_MOUNT, WORKDIR, ContainerSpec
from agent.engines import Container, EngineInfo, ImageInfo, KeptImage
from agent.engines.process_container import RUN_VARIABLE, ProcessContainer
from agent.engines.workdir import copy_plugin
from agent.errors import CouldNotStart
from agent.formats.dockerfile import python_path

SHIM = Path(__file__).with_name("shim.py")
START_S = 60.0  # for the watcher to report that the plugin runs

# The agent's own and its interpreter's: they must not reach into a plugin with another interpreter.
_NOT_PASSED_ON = ("AGENT_", "PYTHON", "VIRTUAL_ENV", "SLY_TASK_DATA", "SLY_WORKDIR")


class ProcessEngine:
    name = "process"

    def __init__(self, state_dir: Path, *, python: str = "", remark: str = "") -> None:
        """`state_dir` keeps a folder per run; `python` is for plugins that bring no interpreter of their own.

        `remark` says why this engine was chosen, if that needs saying.
        """
        self._state_dir = state_dir.absolute()
        self._python = python
        self._remark = remark

    @cached_property
    def no_private_view(self) -> str:
        """Why the kernel does not allow a private view of the file system; empty when it does."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        return _run_shim("--probe", str(self._state_dir))  # covered in the probe's own view only

    def info(self) -> EngineInfo:
        said = [self._remark] if self._remark else []
        if self.no_private_view:
            said.append(
                f"No private /sly_task_data here ({self.no_private_view}): only plugins that use supervisely_lib's "
                "TaskPaths find their data, through the variable SLY_TASK_DATA."
            )
        return EngineInfo(
            name=self.name,
            version=f"{sys.platform} {os.uname().release}",
            has_nvidia=Path("/dev/nvidiactl").exists(),
            can_mount_over=not self.no_private_view,
            remark=" ".join(said),
        )

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:  # noqa: ARG002
        """There are no images here: what runs is the plugin's folder."""
        return ImageInfo(reference, digest="", labels={})

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        task_folder = next((Path(m.source) for m in spec.mounts if m.target == str(TASK_MOUNT)), None)
        if spec.plugin_folder is None:
            raise CouldNotStart(
                f"plugin {spec.image} is known by its image only, but the process engine runs folders; "
                "submit its folder, or use the docker engine"
            )
        if task_folder is not None and not task_folder.is_dir():
            raise CouldNotStart(
                f"there is no task folder {task_folder} on this machine; the process engine runs where the agent "
                "runs, so AGENT_TASKS_HOST_DIR must not be set for it"
            )
        plugin_folder = Path(spec.plugin_folder)
        for leftover in self._named(spec.name):
            leftover.remove()
        run_id = uuid.uuid4().hex
        state = self._state_dir / run_id
        # Its name comes first and at once, so that whatever an agent that dies here leaves is found by it.
        new = self._state_dir / f"{run_id}.new"
        new.mkdir(parents=True)
        (new / "container.json").write_text(json.dumps(asdict(spec)))
        new.rename(state)
        try:
            (state / "root").mkdir()
            (state / "output").touch()
            copy_plugin(plugin_folder, state / "workdir")
            _write_python(state / "bin", self._interpreter(spec, plugin_folder))
            (state / "run.json").write_text(json.dumps(self._run(spec, state, task_folder)))
            if failure := _run_shim(str(state), str(os.getpid())):
                raise CouldNotStart(f"could not start {spec.image} as a process: {failure}")
        except BaseException:
            shutil.rmtree(state, ignore_errors=True)
            raise
        return ProcessContainer(state, spec.labels)

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        self._sweep()
        return [c for c in self._all() if (unstarted or c.was_started) and labels.items() <= c.labels.items()]

    def give_back(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Nothing to give: what a process wrote is its user's, also where that user was root in a view of its own."""

    def images_with(self, label: str) -> list[KeptImage]:  # noqa: ARG002
        return []

    def remove_image(self, name: str) -> None:
        """There are none."""

    def _sweep(self) -> None:
        """Delete what agents that died had begun to delete, or to make."""
        for folder in self._state_dir.glob("*.removed"):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in self._state_dir.glob("*.new"):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > START_S:
                    shutil.rmtree(folder, ignore_errors=True)

    def _named(self, name: str) -> list[ProcessContainer]:
        return [c for c in self._all() if c.name == name]

    def _all(self) -> list[ProcessContainer]:
        found = []
        for file in sorted(self._state_dir.glob("*/container.json")):
            if file.parent.suffix:  # being made or removed
                continue
            try:
                spec = json.loads(file.read_bytes())
            except (OSError, ValueError):  # being removed, or half-written by an agent that died
                continue
            found.append(ProcessContainer(file.parent, spec["labels"], spec["name"]))
        return found

    def _interpreter(self, spec: ContainerSpec, plugin_folder: Path) -> str:
        """The task's choice, the plugin's own environment, the setting, the agent's own. Raises CouldNotStart."""
        own = plugin_folder / ".venv" / "bin" / "python"
        chosen = spec.python or (str(own) if own.exists() else "") or self._python or sys.executable
        found = shutil.which(os.path.expanduser(chosen))  # noqa: PTH111  # also a bare name from PATH
        if found is None:
            raise CouldNotStart(f"there is no Python interpreter at {chosen}")
        return os.path.abspath(found)  # noqa: PTH100  # never resolved: a venv is known by its link's place

    def _run(self, spec: ContainerSpec, state: Path, task_folder: Path | None) -> dict[str, object]:
        """What the shim needs: command, environment, mounts."""
        dockerfile = state / "workdir" / "Dockerfile"
        folders = python_path(dockerfile.read_text(errors="replace") if dockerfile.is_file() else "")
        private, workdir = not self.no_private_view, str(state / "workdir")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_PASSED_ON)}
        env = {
            **inherited,
            "PATH": f"{state / 'bin'}:{inherited.get('PATH', os.defpath)}",
            "PYTHONPATH": ":".join(folders),
            **spec.env,
            RUN_VARIABLE: state.name,
        }
        argv = list(spec.entrypoint)
        if not private:
            argv = [part.replace(f"{WORKDIR}/", f"{shlex.quote(workdir)}/") for part in argv]
            env["PYTHONPATH"] = env["PYTHONPATH"].replace(str(WORKDIR), workdir)
            env |= {"SLY_TASK_DATA": str(task_folder or ""), "SLY_WORKDIR": workdir}
        return {
            "argv": argv,
            "env": env,
            "cwd": f"{WORKDIR if private else workdir}/{'src' if (state / 'workdir' / 'src').is_dir() else ''}",
            "mounts": [*((m.source, m.target, m.read_only) for m in spec.mounts), (workdir, str(WORKDIR), False)],
            "private": private,
        }


def _write_python(folder: Path, interpreter: str) -> None:
    """`python` for a plugin's PATH. A script, not a link: a link would hide the environment it belongs to."""
    folder.mkdir()
    for name in ("python", "python3"):
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(interpreter)} "$@"\n')
        (folder / name).chmod(0o755)


def _run_shim(*arguments: str) -> str:
    """The shim's answer: empty when all went well."""
    command = [sys.executable, "-I", "-S", str(SHIM), *arguments]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout or (done.stderr if done.returncode else "")).strip()

"""Plugins as processes on this machine: no engine to install, and short turns while debugging.

An unmodified plugin finds its hard-coded /sly_task_data and /workdir in a private view of the file system, where
the kernel allows it. Elsewhere only plugins written with supervisely_lib find their data, through an environment
variable. A small watcher (`shim.py`) keeps output and exit code on disk; it outlives the agent.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from agent.domain import TASK_MOUNT, WORKDIR, ContainerSpec, EngineInfo
from agent.engines import Container, ImageInfo, KeptImage, StoredImage
from agent.engines.process_container import RUN_VARIABLE, ProcessContainer
from agent.engines.recorded_runs import RecordedRuns, run_shim
from agent.engines.workdir import copy_plugin
from agent.errors import CouldNotStart
from agent.formats.dockerfile import python_path

# Variables of the agent and of its interpreter: a plugin has an interpreter of its own. The keys to the artifacts and
# to the store are not the plugin's, which prints what it likes.
_NOT_PASSED_ON = ("AGENT_", "AWS_", "PG", "PYTHON", "VIRTUAL_ENV", "SLY_TASK_DATA", "SLY_WORKDIR")


class ProcessEngine:
    name = "process"

    def __init__(self, state_dir: Path, *, python: str = "", remark: str = "") -> None:
        """`state_dir` keeps a folder per run; `python` is the interpreter of plugins without their own.

        `remark` is the reason why this engine was chosen; empty when the user chose it.
        """
        self._runs = RecordedRuns(state_dir)
        self._python = python
        self._remark = remark

    @cached_property
    def no_private_view(self) -> str:
        """Why the kernel does not allow a private view of the file system; empty when it does."""
        with tempfile.TemporaryDirectory() as folder:  # covered in the probe's own view only
            return run_shim("--probe", folder)

    @property
    def obstacle(self) -> str:
        """Why no plugin can be run as a process, with the remedy; empty when plugins can."""
        if ":" in str(self._runs.folder):
            return (
                f"the path {self._runs.folder} holds a colon, which separates the folders in a PATH; "
                "set AGENT_HOME to a folder without"
            )
        if self._python and _found(self._python) is None:
            return f"there is no Python interpreter at {self._python}; set AGENT_PYTHON to one, or unset it"
        return ""

    def info(self) -> EngineInfo:
        remarks = [self._remark] if self._remark else []
        if self.no_private_view:
            remarks.append(
                f"No private /sly_task_data here ({self.no_private_view}): only plugins that use supervisely_lib's "
                "TaskPaths find their data, through the variable SLY_TASK_DATA."
            )
        return EngineInfo(
            name=self.name,
            version=f"{sys.platform} {os.uname().release}",
            has_nvidia=Path("/dev/nvidiactl").exists(),
            can_mount_over=not self.no_private_view,
            remark=" ".join(remarks),
        )

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:  # noqa: ARG002
        """An image without labels: this engine runs the plugin's folder."""
        return ImageInfo(reference, digest="", labels={})

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:  # noqa: ARG002
        return None

    def load_image(self, image: StoredImage) -> ImageInfo:
        raise CouldNotStart(f"plugins run as processes here, from their folders; {image.reference} is an image")

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
        if ":" in str(self._runs.folder):
            raise CouldNotStart(self.obstacle)
        plugin_folder = Path(spec.plugin_folder)
        with self._runs.new(spec) as state:
            copy_plugin(plugin_folder, state / "workdir")
            _write_python(state / "bin", self._interpreter(spec, plugin_folder))
            return self._runs.start(state, spec, self._run(spec, state, task_folder), "as a process")

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        return list(self._runs.find(labels, unstarted=unstarted))

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Do nothing: the files of a process belong to the agent's user, also where it was root in a private view."""

    def images_with(self, label: str) -> list[KeptImage]:  # noqa: ARG002
        return []

    def remove_image(self, name: str) -> None:
        """Do nothing: this engine has no images."""

    def _interpreter(self, spec: ContainerSpec, plugin_folder: Path) -> str:
        """The interpreter of the task, else of the plugin's .venv, else of the settings, else the agent's own.

        Raises CouldNotStart.
        """
        own = plugin_folder / ".venv" / "bin" / "python"
        chosen = spec.python or (str(own) if own.exists() else "") or self._python or sys.executable
        found = _found(chosen)
        if found is None:
            raise CouldNotStart(f"there is no Python interpreter at {chosen}")
        return os.path.abspath(found)  # noqa: PTH100  # never resolved: the place of the link tells the venv

    def _run(self, spec: ContainerSpec, state: Path, task_folder: Path | None) -> dict[str, object]:
        """The run for the shim: command, environment, mounts."""
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
            places = ((WORKDIR, workdir), (TASK_MOUNT, str(task_folder or "")))
            for place, here in places:
                argv = [part.replace(f"{place}/", f"{shlex.quote(here)}/") for part in argv]
            env["PYTHONPATH"] = env["PYTHONPATH"].replace(str(WORKDIR), workdir)
            env |= {"SLY_TASK_DATA": str(task_folder or ""), "SLY_WORKDIR": workdir}
        return {
            "argv": argv,
            "env": env,
            "cwd": f"{WORKDIR if private else workdir}/{'src' if (state / 'workdir' / 'src').is_dir() else ''}",
            "mounts": [*((m.source, m.target, m.read_only) for m in spec.mounts), (workdir, str(WORKDIR), False)],
            "private": private,
        }


def _found(interpreter: str) -> str | None:
    """The file of an interpreter that is given by its path or by its bare name; None where there is none."""
    return shutil.which(os.path.expanduser(interpreter))  # noqa: PTH111


def _write_python(folder: Path, interpreter: str) -> None:
    """Write `python` for a plugin's PATH: a script, because a link would hide the environment it belongs to."""
    folder.mkdir()
    for name in ("python", "python3"):
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(interpreter)} "$@"\n')
        (folder / name).chmod(0o755)

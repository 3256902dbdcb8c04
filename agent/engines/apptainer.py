"""Plugins in containers without a daemon and without rights: Apptainer, on machines of clusters that have no Docker.

`shim.py` watches `apptainer exec` as it watches a plugin that runs as a process. So output, exit code, the agent's
crash and restart, stopping and what is left over are the process engine's; what Apptainer is asked for is in
`apptainer_command.py`, its images are in `apptainer_images.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from agent.domain import TASK_MOUNT, ContainerSpec, EngineInfo
from agent.engines import Container, ImageInfo, KeptImage, StoredImage
from agent.engines.apptainer_command import (
    REMEDY,
    could_not_start,
    job_limits_memory,
    run_command,
    run_environment,
)
from agent.engines.apptainer_images import ApptainerImages, ask
from agent.engines.process_container import RUN_VARIABLE, ProcessContainer
from agent.engines.recorded_runs import RecordedRuns
from agent.errors import CouldNotStart, EngineUnavailable
from agent.fs.half_made import HALF, HalfMade

ANSWER_S = 60.0  # for `apptainer --version`, on a busy machine whose programs come from a shared disk
TRY_S = 600.0  # for a container that does nothing: a SIF is unpacked where no squashfuse is installed
GPU_DEVICE = "/dev/nvidiactl"
IMAGE_FILE = "image"  # in the folder of a run: the sandbox that it uses
LAYER = "layer"  # ... and what the plugin writes into it


class ApptainerEngine:
    name = "apptainer"

    def __init__(self, home: Path, images: Path | None) -> None:
        """`home` lies in that of an installation, for runs and images of registries; `images` is the person's folder.

        Raises EngineUnavailable.
        """
        program = shutil.which("apptainer")
        if program is None:
            raise EngineUnavailable(f"there is no program `apptainer` in the PATH of this agent; {REMEDY}")
        self._program = program
        self._runs = RecordedRuns(home / "runs")
        self._images = ApptainerImages(
            program, images, home.absolute() / "images", self._used_images, HalfMade(home.absolute().parent / HALF)
        )
        self._has_layers: dict[
            Path, bool | CouldNotStart
        ] = {}  # of images that were tried, or why they cannot be started
        self._paths = [str(path) for path in (home.absolute(), images) if path is not None]

    def info(self) -> EngineInfo:
        try:
            told = ask([self._program, "--version"], within_s=ANSWER_S)
        except subprocess.TimeoutExpired as error:
            raise EngineUnavailable(f"{self._program} does not answer: {error}") from error
        if told.returncode != 0:
            raise EngineUnavailable(f"{self._program} does not work: {told.stderr.strip()[-300:]}")
        return EngineInfo(
            name=self.name,
            version=told.stdout.strip().removeprefix("apptainer version "),
            has_nvidia=Path(GPU_DEVICE).exists(),
            can_mount_over=True,
            memory_bytes=psutil.virtual_memory().total,
            cpus=os.cpu_count() or 0,
        )

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        """As `engines.Engine.image`, and a container of the image that does nothing is made.

        So a machine that cannot make containers is told before anything of a task is launched on it. What is wrong with
        the image only is told by `start`. Raises EngineUnavailable, CouldNotStart.
        """
        self._refuse_odd_paths()
        found = self._images.have(reference, pull)
        with self._runs.trial() as folder:
            with self._images.chosen(reference) as image:
                (folder / IMAGE_FILE).write_bytes(os.fsencode(image))
            spec, env = _nothing_of(reference), run_environment(os.environ, {})
            try:
                self._has_layers[image] = self._try_both(spec, image, folder, env, memory_bytes=None)
            except EngineUnavailable:
                raise
            except CouldNotStart as error:
                self._has_layers[image] = error
        return found

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        name = self._images.image_here(digest, reference)
        return None if name is None else self.image(name, "never")

    def load_image(self, image: StoredImage) -> ImageInfo:
        self._refuse_odd_paths()
        return self.image(self._images.load(image), "never")

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        self._refuse_what_cannot_be(spec)
        with self._runs.new(spec) as state:
            with self._images.chosen(spec.image) as image:
                (state / IMAGE_FILE).write_bytes(os.fsencode(image))
            env = run_environment(os.environ, self._plugins_env(spec, state)) | {RUN_VARIABLE: state.name}
            run = {
                "argv": self._command(spec, image, state, env),
                "env": env,
                "cwd": "/",
                "mounts": [],
                "private": False,
                "contained": True,
            }
            return self._runs.start(state, spec, run, "in a container of Apptainer")

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        return list(self._runs.find(labels, unstarted=unstarted))

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Do nothing: what a plugin writes belongs to the agent's user, who the plugin is."""

    def images_with(self, label: str) -> list[KeptImage]:  # noqa: ARG002
        return []

    def remove_image(self, name: str) -> None:
        """Do nothing: no image is built here."""

    def _used_images(self) -> list[Path]:
        used = []
        for file in self._runs.folder.glob(f"*/{IMAGE_FILE}"):
            with suppress(OSError):
                used.append(Path(os.fsdecode(file.read_bytes())))
        return used

    def _refuse_what_cannot_be(self, spec: ContainerSpec) -> None:
        """Raises CouldNotStart."""
        if spec.hardening is not None:
            raise CouldNotStart(
                "Apptainer cannot run a task hardened; leave --hardened and AGENT_HARDENED out, or use --engine docker"
            )
        task_folder = next((Path(m.source) for m in spec.mounts if m.target == str(TASK_MOUNT)), None)
        if task_folder is not None and not task_folder.is_dir():
            raise CouldNotStart(
                f"there is no task folder {task_folder} on this machine; Apptainer runs where the agent runs, so "
                "AGENT_TASKS_HOST_DIR must not be set for it"
            )
        self._refuse_odd_paths()
        if missing := next((mount.source for mount in spec.mounts if not Path(mount.source).exists()), None):
            raise CouldNotStart(f"mount source {missing} doesn't exist on this machine")
        if spec.gpus and not Path(GPU_DEVICE).exists():
            raise CouldNotStart("the task asks for GPUs, and this machine has no NVIDIA GPU; use --gpus none")

    def _refuse_odd_paths(self) -> None:
        """Raises CouldNotStart."""
        if odd := next((path for path in self._paths if set(path) & set(':,"\n\r')), None):
            raise CouldNotStart(
                f"the path {odd!r} holds a colon, a comma, a quote or a line break, which Apptainer does not read as "
                "part of a path; set AGENT_HOME and AGENT_APPTAINER_IMAGES to folders without"
            )

    def _command(self, spec: ContainerSpec, image: Path, state: Path, env: Mapping[str, str]) -> list[str]:
        """The command of the plugin. Raises CouldNotStart.

        A container like it that does nothing is made before, unless `image` has made one and nothing else is asked for.
        """
        memory_bytes = None if job_limits_memory(os.environ) else spec.memory_bytes
        has_layers = self._has_layers.get(image)
        if isinstance(has_layers, CouldNotStart):
            raise has_layers
        if has_layers is None or memory_bytes is not None:
            has_layers = self._try_both(spec, image, state, env, memory_bytes=memory_bytes)
        (layer := state / LAYER).mkdir(exist_ok=True)
        return run_command(self._program, spec, image, layer=layer if has_layers else None, memory_bytes=memory_bytes)

    def _try_both(
        self, spec: ContainerSpec, image: Path, folder: Path, env: Mapping[str, str], *, memory_bytes: int | None
    ) -> bool:
        """Whether what a plugin writes into its image can go to a folder, where the kernel allows that; else to memory.

        Raises CouldNotStart when neither can be.
        """
        (layer := folder / LAYER).mkdir()
        does_nothing, complaint = replace(spec, entrypoint=("sh", "-c", ":")), ""
        for place in (layer, None):
            command = run_command(self._program, does_nothing, image, layer=place, memory_bytes=memory_bytes)
            complaint = self._try(command, env) or ""
            if not complaint:
                return place is not None
            if "overlay" not in complaint:
                break
        raise could_not_start(spec.image, complaint, memory=memory_bytes is not None)

    def _plugins_env(self, spec: ContainerSpec, state: Path) -> dict[str, str]:
        """The plugin's variables. One that gets all GPUs gets those that the agent was given by a job."""
        given = os.environ.get("CUDA_VISIBLE_DEVICES")
        of_job = {"CUDA_VISIBLE_DEVICES": given} if spec.gpus == "all" and given is not None else {}
        return {**of_job, **spec.env, RUN_VARIABLE: state.name}

    @staticmethod
    def _try(command: list[str], env: Mapping[str, str]) -> str | None:
        """What Apptainer says when the container cannot be made; None when it can."""
        try:
            done = ask(command, within_s=TRY_S, env=env, cwd="/")
        except EngineUnavailable as error:
            if isinstance(error.__cause__, (FileNotFoundError, PermissionError)):
                raise
            return str(error.__cause__)  # of this container, as an argument that is too long
        except subprocess.TimeoutExpired:
            return f"a container that does nothing had not ended after {TRY_S:.0f} s"
        return None if done.returncode == 0 else done.stderr or f"it ended with exit code {done.returncode}"


def _nothing_of(reference: str) -> ContainerSpec:
    """What is asked for when only the image is tried."""
    return ContainerSpec(
        image=reference, entrypoint=(), name="", env={}, labels={}, mounts=(), shm_bytes=0, gpus=None, runtime=None
    )

"""The plugin in a container of its own, beside the agent's, in a pod of Kubernetes.

Kubernetes has created both containers; the plugin's one waits, as `pod_script.py` says, until the agent has staged the
task. So this engine starts one plugin, once. What docker decides when it creates a container (memory, GPUs, mounts) is
the pod's matter, decided before the agent ran.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from agent.domain import ContainerSpec, EngineInfo
from agent.engines import Container, ImageInfo, KeptImage, StoredImage
from agent.engines.ownership import has_foreign_files, restore_ownership_as_root
from agent.engines.pod_container import OUTPUT_FILE, SPEC_FILE, STARTED_FILE, PodContainer, read_spec
from agent.engines.pod_control import Control
from agent.engines.pod_output import STREAMS, file_id
from agent.engines.pod_script import END, EXIT, READY, START, STARTED
from agent.engines.waking import LOOK_AGAIN_S, woken_by_changes
from agent.errors import AgentError, CouldNotStart
from agent.fs.disk import writing

READY_S = 1800.0  # for Kubernetes to pull the plugin's image
START_S = 60.0  # for the script, which waits, to start the plugin


class PodEngine:
    name = "pod"

    def __init__(
        self, control: Path, state: Path, *, ready_within_s: float = READY_S, start_within_s: float = START_S
    ) -> None:
        """`control` is the folder that both containers share; `state` is the agent's own."""
        self._control = Control(control)
        self._state_dir = state.absolute()
        self._ready_within_s = ready_within_s
        self._start_within_s = start_within_s

    def info(self) -> EngineInfo:
        """`has_nvidia` says that nothing is to be said about GPUs: the pod asked for them before the agent ran."""
        return EngineInfo(
            name=self.name,
            version=f"{sys.platform} {os.uname().release}",
            has_nvidia=True,
            can_mount_over=False,
            is_local=False,  # the GPUs are the other container's
        )

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:  # noqa: ARG002 - the kubelet has pulled it
        """The image of the other container, once that container waits. Raises CouldNotStart."""
        self._wait_until_ready()
        return ImageInfo(reference, digest="", labels={})

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:  # noqa: ARG002 - the kubelet has pulled it
        return self.image(reference)

    def load_image(self, image: StoredImage) -> ImageInfo:
        raise CouldNotStart(f"the image {image.reference} of a pod is Kubernetes' matter; push it to a registry")

    def start(self, spec: ContainerSpec) -> PodContainer:
        if spec.hardening is not None:
            raise CouldNotStart(
                "a plugin in a pod cannot be hardened by the agent, because its container runs before the agent starts "
                "it; leave --hardened and AGENT_HARDENED out"
            )
        if covered := next((mount.target for mount in spec.mounts if mount.read_only), None):
            raise CouldNotStart(f"{covered} cannot be mounted read-only in a pod: its container runs already")
        self._wait_until_ready()
        for leftover in self._all():
            if leftover.name == spec.name:
                leftover.remove()
        self._require_unused()
        with writing("the state of the plugin's container"):
            container = self._record(spec)
        try:
            self._control.write_start(spec)
            self._say_start()
            (self._state_dir / container.id / STARTED_FILE).touch()
        except BaseException:
            self._control.send(END)
            container.forget()
            raise
        return container

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        return [c for c in self._all() if (unstarted or c.was_started) and labels.items() <= c.labels.items()]

    def end(self) -> None:
        """End the other container where no plugin was started in it, so that the pod can end. Idempotent."""
        self._control.send(END)

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:  # noqa: ARG002
        folder = Path(folder_on_host)
        if os.geteuid() == 0:
            restore_ownership_as_root(folder)
        elif has_foreign_files(folder, os.geteuid()):
            raise AgentError(f"some files in {folder} belong to another user; they are deleted with the pod")

    def images_with(self, label: str) -> list[KeptImage]:  # noqa: ARG002
        return []

    def remove_image(self, name: str) -> None:
        """Do nothing: images are the node's."""

    def _wait_until_ready(self) -> None:
        if not self._control.is_there():
            raise CouldNotStart(
                f"there is no folder {self._control.folder}, so this is no pod of a task; AGENT_ENGINE=pod is set by "
                "`agent run --cluster kubernetes` in its pods, set docker or process elsewhere"
            )
        if not self._waits(lambda: self._control.has(READY) or self._control.has(EXIT), self._ready_within_s):
            raise CouldNotStart(
                f"the plugin's container of the pod is not there after {self._ready_within_s:.0f} s; "
                "`kubectl describe pod` says what it waits for, often its image"
            )

    def _require_unused(self) -> None:
        if not (self._control.has(STARTED) or self._control.has(EXIT)):
            return
        end = self._control.end()
        why = f" ({end.error})" if end and end.error else ""
        raise CouldNotStart(
            f"the plugin's container of this pod has ended or was used before{why}; a new pod is needed"
        )

    def _record(self, spec: ContainerSpec) -> PodContainer:
        """Write the specification; its folder appears complete, so that a dying agent leaves all or nothing."""
        files = {}
        for stream, name in STREAMS.items():
            with self._control.open(name) as file:
                files[str(stream)] = file_id(file)
        self._sweep()
        run_id = uuid.uuid4().hex
        new, state = self._state_dir / f"{run_id}.new", self._state_dir / run_id
        new.mkdir(parents=True)
        recorded = asdict(spec) | {"files": files}
        (new / SPEC_FILE).write_text(json.dumps(recorded))
        (new / OUTPUT_FILE).touch(0o600)
        new.rename(state)
        return PodContainer(self._control, state, recorded)

    def _say_start(self) -> None:
        """Raises CouldNotStart. The word is said again, for a script that Kubernetes starts anew meanwhile."""

        def has_started() -> bool:
            return self._control.has(STARTED) or self._control.has(EXIT)

        if not self._waits(has_started, self._start_within_s, lambda: self._control.send(START)):
            raise CouldNotStart(
                f"the plugin's container of the pod did not start the plugin within {self._start_within_s:.0f} s; "
                "`kubectl logs` and `kubectl describe pod` say more"
            )
        end = self._control.end()
        if end is not None and not self._control.has(STARTED):
            raise CouldNotStart(f"the plugin's container of the pod ended before the plugin started: {end.error}")

    def _waits(self, done: Callable[[], bool], seconds: float, say: Callable[[], object] = lambda: None) -> bool:
        """Wait until it is done, at most so long; `say` is called now and then."""
        deadline = time.monotonic() + seconds
        with woken_by_changes(self._control.folder) as changed:
            said_s = 0.0
            while not done():
                now = time.monotonic()
                if now >= deadline:
                    return False
                if now - said_s >= LOOK_AGAIN_S:
                    say()
                    said_s = now
                changed.wait(min(LOOK_AGAIN_S, deadline - now))
                changed.clear()
        return True

    def _sweep(self) -> None:
        """Delete folders that a dead agent had begun to make or to delete."""
        for pattern in ("*.new", "*.removed"):
            for folder in self._state_dir.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)

    def _all(self) -> list[PodContainer]:
        files = [file for file in sorted(self._state_dir.glob(f"*/{SPEC_FILE}")) if not file.parent.suffix]
        specs = [(file.parent, read_spec(file)) for file in files]
        return [PodContainer(self._control, state, spec) for state, spec in specs if spec is not None]

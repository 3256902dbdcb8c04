"""Pods without Kubernetes: a folder and a process of the plugin's container each, started as a kubelet starts it.

The script is the first process of a PID namespace where the kernel allows one, as in a container; else it is a
process of this machine, in a session of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from agent.domain import ContainerSpec, EngineInfo
from agent.engines import Container, ImageInfo, KeptImage, StoredImage
from agent.engines.pod import PodEngine
from agent.engines.pod_script import SCRIPT

_OWN_PIDS = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


@cache
def own_pids() -> tuple[str, ...]:
    """The words before a command that make it the first process of a namespace; none where that is not allowed."""
    with suppress(OSError):
        if subprocess.run([*_OWN_PIDS, "true"], capture_output=True, check=False).returncode == 0:
            return _OWN_PIDS
    return ()


def _as_in_a_container() -> None:
    """No signal is ignored, as it may be for what a shell has started in its background."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Pod:
    def __init__(self, folder: Path, *, shell: Sequence[str] = ("/bin/sh",), is_first: bool = True) -> None:
        self.control = folder / "control"
        self.state = folder / "state"
        self.control.mkdir(parents=True, exist_ok=True)
        self.control.chmod(0o777)
        self.engine = PodEngine(self.control, self.state, ready_within_s=30, start_within_s=30)
        self._argv = [*(own_pids() if is_first else ()), *shell, "-c", SCRIPT, "sh", str(self.control)]
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> subprocess.Popen[bytes]:
        """Start the plugin's container, or start it once more."""
        with (self.control.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_as_in_a_container,
            )
        return self.process

    def log(self) -> bytes:
        """What `kubectl logs` shows."""
        return (self.control.parent / "log").read_bytes()

    def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Pods:
    """An engine whose every start is in a new pod, to hold pods to the contract of engines."""

    name = "pod"

    def __init__(self, root: Path, *, shell: Sequence[str] = ("/bin/sh",), is_first: bool = True) -> None:
        self._root = root
        self._shell = shell
        self._is_first = is_first
        self.pods: list[Pod] = []

    def info(self) -> EngineInfo:
        return PodEngine(self._root, self._root).info()

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        return ImageInfo(reference, digest="", labels={})

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        return self.image(reference)

    def load_image(self, image: StoredImage) -> ImageInfo:
        return PodEngine(self._root, self._root).load_image(image)

    def start(self, spec: ContainerSpec) -> Container:
        for old in self.find(spec.labels, unstarted=True):
            if getattr(old, "name", "") == spec.name:
                old.remove()
        pod = Pod(self._root / uuid.uuid4().hex, shell=self._shell, is_first=self._is_first)
        self.pods.append(pod)
        pod.run()
        return pod.engine.start(spec)

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        engines = [PodEngine(folder / "control", folder / "state") for folder in sorted(self._root.glob("*"))]
        return [container for engine in engines for container in engine.find(labels, unstarted=unstarted)]

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        PodEngine(self._root, self._root).restore_ownership(folder_on_host, labels)

    def images_with(self, label: str) -> list[KeptImage]:
        return []

    def remove_image(self, name: str) -> None:
        pass

    def stop(self) -> None:
        for pod in self.pods:
            pod.stop()

"""A plugin that runs, or ran, in the container beside the agent's in a pod."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

from agent.domain import TASK_MOUNT, ExitResult
from agent.engines import Frame, task_of
from agent.engines.ownership import restore_ownership_as_root
from agent.engines.pod_control import Control, FileId
from agent.engines.pod_output import Merged, Streams
from agent.engines.pod_script import END, EXIT, KILL, STARTED, TERM
from agent.engines.usage import Usage
from agent.engines.waking import LOOK_AGAIN_S, woken_by_changes

KILL_S = 30.0  # for the script to end every process

SPEC_FILE, OUTPUT_FILE, STARTED_FILE, GIVEN_UP_FILE = "container.json", "output", "started", "given_up"

log = logging.getLogger("agent.engines.pod")


class PodContainer:
    trouble = ""  # this engine is always there

    def __init__(self, control: Control, state: Path, spec: Mapping[str, Any]) -> None:
        """`state` is a folder of the agent's own; `spec` is what its `SPEC_FILE` holds."""
        self._control = control
        self._state = state
        self._spec = spec
        self._lost = ""

    @property
    def id(self) -> str:
        return self._state.name

    @property
    def name(self) -> str:
        return str(self._spec["name"])

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return dict(self._spec["labels"])

    @property
    def task_id(self) -> int | None:
        return task_of(self.labels)

    @property
    def was_started(self) -> bool:
        if (self._state / STARTED_FILE).exists():
            return True
        return self._state.exists() and (self._control.has(STARTED) or self._control.has(EXIT))

    def is_over(self) -> bool:
        return self._control.has(EXIT) or (self._state / GIVEN_UP_FILE).exists() or not self._state.exists()

    def output(self) -> Iterator[Sequence[Frame]]:
        """As `engines.Container.output`; a change in the folder of both containers wakes the reader."""
        streams = Streams(self._control, self._files)
        try:
            merged = Merged(self._state / OUTPUT_FILE, streams)
        except FileNotFoundError:  # removed
            return
        with merged, woken_by_changes(self._control.folder) as changed:
            while True:
                changed.clear()
                ended = self.is_over()  # asked before reading, so that the last bytes are read
                yield from merged.more()
                self._lost = self._lost or streams.lost
                if ended:
                    return
                if not changed.wait(LOOK_AGAIN_S):
                    self._end_a_new_life()
                    yield ()

    @property
    def _files(self) -> dict[int, FileId]:
        return {int(stream): (device, inode) for stream, (device, inode) in self._spec["files"].items()}

    def _end_a_new_life(self) -> None:
        """End a script that waits for a start again: Kubernetes has replaced the container, and its mark is gone."""
        if not self._control.has(STARTED):
            self._control.send(END)

    def usage(self, *, with_pids: bool = False) -> Usage | None:  # noqa: ARG002
        """None: the processes of another container are not seen from here."""
        return None

    def wait(self) -> ExitResult:
        if not self.is_over():
            with woken_by_changes(self._control.folder) as changed:
                while not self.is_over():
                    if not changed.wait(LOOK_AGAIN_S):
                        self._end_a_new_life()
                    changed.clear()
        self._restore_ownership()
        end = self._control.end()
        if end is None:
            return ExitResult(
                137, error="the plugin's container did not answer, and ends with its pod", lost=self._lost
            )
        return ExitResult(end.exit_code, end.out_of_memory, end.error, end.remark, end.lost or self._lost)

    def kill(self, grace_s: float = 0.0) -> None:
        if self.is_over() or not self.was_started:
            return
        with woken_by_changes(self._control.folder) as changed:
            if grace_s > 0 and self._control.send(TERM) and self._ends_within(grace_s, changed):
                return
            deadline = time.monotonic() + KILL_S
            while time.monotonic() < deadline:
                self._end_a_new_life()
                self._control.send(KILL)
                if self._ends_within(min(LOOK_AGAIN_S, KILL_S), changed):
                    return
        log.warning("the plugin's container of the pod does not answer; it ends with its pod")
        with suppress(FileNotFoundError):
            (self._state / GIVEN_UP_FILE).touch()

    def _ends_within(self, seconds: float, changed: Event) -> bool:
        deadline = time.monotonic() + seconds
        while not self.is_over():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            changed.wait(min(left_s, LOOK_AGAIN_S))
            changed.clear()
        return True

    def remove(self) -> None:
        was_started = self.was_started
        self.kill()
        self._restore_ownership()
        if was_started:  # else the script waits for its start
            self._control.send(KILL)  # a plugin may have written its end itself, and gone on
            self._control.remove()
        self.forget()

    def forget(self) -> None:
        """Delete the agent's own state."""
        removed = self._state.with_suffix(".removed")  # a folder removed in part is not found again, but swept
        with suppress(FileNotFoundError):
            self._state.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)

    def _restore_ownership(self) -> None:
        """Give the task folder's files to its owner, where the agent may. A failure is logged."""
        source = next((mount[0] for mount in self._mounts if mount[1] == str(TASK_MOUNT)), None)
        if source is None or os.geteuid() != 0:
            return
        try:
            restore_ownership_as_root(Path(source))
        except OSError as error:
            log.warning("some files of container %s still belong to its user: %s", self.id, error.strerror)

    @property
    def _mounts(self) -> list[tuple[str, str]]:
        return [(mount["source"], mount["target"]) for mount in self._spec["mounts"]]


def read_spec(file: Path) -> Mapping[str, Any] | None:
    """What a `SPEC_FILE` holds; None while it is being removed."""
    try:
        spec: Mapping[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return spec

"""The runs of an engine that watches its plugins itself: a folder of state each, under `shim.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.domain import ContainerSpec
from agent.engines.process_container import ProcessContainer
from agent.errors import CouldNotStart
from agent.fs.disk import remove_tree

SHIM = Path(__file__).with_name("shim.py")
START_S = 60.0  # for the watcher to report that the plugin runs
TRIAL_S = 3600.0  # after which a trial is that of a dead agent


class RecordedRuns:
    def __init__(self, folder: Path, kind: type[ProcessContainer] = ProcessContainer) -> None:
        """`kind` reads what a run of this engine leaves in its folder."""
        self.folder = folder.absolute()
        self._kind = kind

    @contextmanager
    def new(self, spec: ContainerSpec) -> Iterator[Path]:
        """A folder for a new run, which is ended and removed again when the block fails, as are runs of the same name.

        The specification is written first, and its folder appears complete, so that the state which a dying agent
        leaves behind is found by the container's name.
        """
        for leftover in self._all():
            if leftover.name == spec.name:
                leftover.remove()
        run_id = uuid.uuid4().hex
        new, state = self.folder / f"{run_id}.new", self.folder / run_id
        new.mkdir(parents=True)
        _write_private(new / "container.json", json.dumps(asdict(spec)))
        new.rename(state)
        try:
            (state / "root").mkdir()
            (state / "output").touch()
            yield state
        except BaseException:
            # A watcher that answers too late may have a plugin already. One that finds no run begins none.
            (state / "run.json").unlink(missing_ok=True)
            self._kind(state, spec.labels).remove()
            raise

    def start(self, state: Path, spec: ContainerSpec, run: Mapping[str, Any], what: str) -> ProcessContainer:
        """Start what `run` describes under a watcher. Raises CouldNotStart."""
        _write_private(state / "run.json", json.dumps(run))
        if failure := run_shim(str(state), str(os.getpid())):
            raise CouldNotStart(f"could not start {spec.image} {what}: {failure}")
        return self._kind(state, spec.labels)

    @contextmanager
    def trial(self) -> Iterator[Path]:
        """A folder for what is tried before a run, and removed after the block. No run is found in it."""
        folder = self.folder / f"{uuid.uuid4().hex}.trial"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove_tree(folder)

    def find(self, labels: Mapping[str, str], *, unstarted: bool) -> list[ProcessContainer]:
        self._sweep()
        return [run for run in self._all() if (unstarted or run.was_started) and labels.items() <= run.labels.items()]

    def _sweep(self) -> None:
        """Delete the folders that dead agents had begun to delete, or to create, or tried something in."""
        for folder in self.folder.glob("*.removed"):
            remove_tree(folder)
        for pattern, age_s in (("*.new", START_S), ("*.trial", TRIAL_S)):
            for folder in self.folder.glob(pattern):
                with suppress(OSError):
                    if time.time() - folder.stat().st_mtime > age_s:
                        remove_tree(folder)

    def _all(self) -> list[ProcessContainer]:
        found = []
        for file in sorted(self.folder.glob("*/container.json")):
            if file.parent.suffix:  # being made or removed
                continue
            try:
                spec = json.loads(file.read_bytes())
            except (OSError, ValueError):  # being removed, or half-written by an agent that died
                continue
            found.append(self._kind(file.parent, spec["labels"], spec["name"]))
        return found


def _write_private(file: Path, text: str) -> None:
    """Write a new file for the user alone: the environment of a plugin may hold what nobody else may know."""
    file.touch(mode=0o600)
    file.write_text(text)


def run_shim(*arguments: str) -> str:
    """The shim's complaint; empty when it succeeded."""
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

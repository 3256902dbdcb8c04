"""Acts against a real Slurm: its daemons, its nodes, its jobs. Both nodes are this machine, with a home each."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from agent.domain import Task
from agent.store import Placement
from tests.chaos.audit import end_runs_of
from tests.chaos.clusters.field import Field, Met
from tests.chaos.clusters.judge import Left
from tests.chaos.clusters.plan import Act
from tests.support.farm import Farm
from tests.support.gate import Gate
from tests.support.postgres import PostgresServer

RESUME_S = 5.0
LIVE_STATES = "--states=PENDING,RUNNING,SUSPENDED,COMPLETING,CONFIGURING,REQUEUED"


class SlurmField(Field):
    def __init__(
        self, farm: Farm, keys: dict[str, str], postgres: PostgresServer, gates: dict[str, Gate], folder: Path
    ) -> None:
        settings = farm.installation.settings
        agent = folder / "agent"  # nodes of one machine have one disk; each is to have a home of its own
        # A job has no variables of the controller's shell; keys to an object store come from the node. Without keys
        # a client would look for those of the machine itself.
        exported = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in keys.items())
        agent.write_text(
            f'#!/bin/sh\n{exported}export AGENT_HOME="$AGENT_HOME/$SLURMD_NODENAME"\n'
            f'exec {sys.executable} -m agent.cli "$@"\n'
        )
        agent.chmod(0o755)
        env = {
            **keys,
            **farm.slurm.env,
            "AGENT_ENGINE": "process",
            "AGENT_STORE_URL": str(settings.store_url),
            "AGENT_ARTIFACTS_URL": settings.artifacts,
            "AGENT_ARTIFACTS_ENDPOINT": settings.artifacts_endpoint,
            "AGENT_SLURM_AGENT": str(agent),
            "AGENT_SLURM_HOME": settings.slurm_home,
            "AGENT_SLURM_CPUS": "1",
            "AGENT_SLURM_POLL": "0.5",
        }
        super().__init__(farm, "slurm", env, postgres, gates, folder)
        self._farm = farm
        self._resumed_at = time.monotonic()
        self.acts |= {
            "kill slurmctld": self._kill_slurmctld,
            "kill slurmd": self._kill_slurmd,
            "kill a node": self._kill_a_node,
            "kill a plugin": self._kill_a_plugin,
            "cancel a job": self._to_a_job("scancel"),
            "requeue a job": self._to_a_job("scontrol", "requeue"),
        }

    def submit(self, overrides: tuple[str, ...], restarts: int) -> Task:
        return self._farm.queue(*overrides, restarts=restarts)

    def revive(self) -> None:
        for part in ("controller", *self._farm.slurm.nodes):
            self._farm.slurm.revive(part)
        super().revive()

    def watch(self) -> None:
        """Nodes that Slurm has taken out of use are given back, as an administrator does who has looked at them.

        A slurmctld that was killed has forgotten its newest jobs, and gives their numbers to others.
        """
        super().watch()
        if time.monotonic() - self._resumed_at >= RESUME_S:
            self._resumed_at = time.monotonic()
            for node in self._farm.slurm.nodes:
                with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):  # it is in use, or Slurm away
                    state = self._farm.slurm.call("sinfo", "--noheader", f"--nodes={node}", "--format=%t")
                    if "drain" in state or "drng" in state:
                        self._farm.slurm.call("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def tidy(self) -> None:
        """As the epilog of Slurm does on a node whose agent was killed."""
        for node in self._farm.slurm.nodes:
            words = [sys.executable, "-m", "agent.cli", "clean"]
            subprocess.run(
                words, env={**self._env, "AGENT_HOME": str(self._home(node))}, check=True, capture_output=True
            )

    def left(self) -> list[Left]:
        jobs = self._farm.slurm.call("squeue", "--noheader", "--all", LIVE_STATES, "--format=%i %T").splitlines()
        found = [*super().left(), Left("job", jobs)]
        for node in self._farm.slurm.nodes:
            folder = self._home(node) / "processes"
            names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            found.append(Left(f"container on {node}", names))
            found.append(Left(f"process on {node}", [str(pid) for pid in _processes_of(node)]))
        return found

    @contextmanager
    def kept_logs(self) -> Iterator[Callable[[], None]]:
        yield lambda: None  # they stay by themselves

    def _home(self, node: str) -> Path:
        return Path(self._farm.installation.settings.slurm_home) / node

    def _of_node(self, node: str) -> set[int]:
        with suppress(Exception):  # a store that is away
            return {task.id for placement, task in self.running() if placement.node == node}
        return set()

    # ---------------------------------------------------------------- daemons and nodes

    def _kill_slurmctld(self, act: Act) -> Met | None:
        self._farm.slurm.kill("controller")
        return Met(act.way, mend=partial(self._farm.slurm.revive, "controller"))

    def _node(self, act: Act) -> str:
        return self._farm.slurm.nodes[act.choice % 2]

    def _kill_slurmd(self, act: Act) -> Met | None:
        node = self._node(act)
        met = Met(act.way, self._of_node(node), node, about=node)
        self._farm.slurm.kill(node)
        met.mend = partial(self._mend_node, met, node)
        return met

    def _kill_a_node(self, act: Act) -> Met | None:
        """Its daemon, all that its jobs run, and its disk."""
        node = self._node(act)
        met = Met(act.way, self._of_node(node), node, about=node)
        self._farm.slurm.kill(node)
        for _ in range(20):
            if not (pids := _processes_of(node)):
                break
            for word in (signal.SIGSTOP, signal.SIGKILL):  # all at once: no agent sees its plugin die before it dies
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, word)
        end_runs_of(self._home(node))
        shutil.rmtree(self._home(node), ignore_errors=True)
        met.mend = partial(self._mend_node, met, node)
        return met

    def _mend_node(self, met: Met, node: str) -> None:
        met.tasks |= self._of_node(node)
        self._farm.slurm.revive(node)

    # ---------------------------------------------------------------- jobs

    def _kill_a_plugin(self, act: Act) -> Met | None:
        found = [(task, folder) for placement, task in self.running() if (folder := self._run_of(placement, task))]
        if not found:
            return None
        task, folder = found[act.choice % len(found)]
        with suppress(OSError, ValueError, psutil.Error):
            watcher = psutil.Process(int((folder / "pid").read_text()))
            plugins = watcher.children(recursive=True)
            for plugin in plugins:
                plugin.kill()
            return Met(act.way, {task.id}, about=f"of task {task.id}") if plugins else None
        return None

    def _run_of(self, placement: Placement, task: Task) -> Path | None:
        folder = self._home(placement.node or "") / "processes" / str(task.container_id)
        return folder if folder.is_dir() else None

    def _to_a_job(self, *command: str) -> Callable[[Act], Met | None]:
        def act_on(act: Act) -> Met | None:
            running = self.running()
            if not running:
                return None
            placement, task = running[act.choice % len(running)]
            try:
                self._farm.slurm.call(*command, str(placement.job))
            except subprocess.CalledProcessError:  # it has ended, or Slurm does not answer
                return None
            return Met(act.way, {task.id}, about=f"of task {task.id}")

        return act_on


def _processes_of(node: str) -> set[int]:
    """What jobs run there, by their control groups; and by their variables, where there are none."""
    pids = set()
    for group in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}"):
        for file in group.rglob("cgroup.procs"):
            with suppress(OSError):
                pids |= set(map(int, file.read_text().split()))
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURMD_NODENAME") == node:
                pids.add(process.pid)
    return pids

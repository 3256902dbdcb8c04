"""The parts that both clusters have: the controller, a database and an object store behind doors, the tasks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from agent.domain import Task
from agent.errors import StorageFailed
from agent.store import Placement
from tests.chaos.clusters.judge import Left
from tests.chaos.clusters.plan import REST_S, Act, Order, Way
from tests.support.gate import Gate
from tests.support.inputs import Cli
from tests.support.placed_tasks import PlacedTasks
from tests.support.postgres import PostgresServer

REFUSED = "places the tasks of this installation on"
REFUSED_WITHIN_S = 60.0
FIRST_KILL_S = 300.0  # for the agent that is to be kept away to begin at all


@dataclass
class Met:
    """An act that was done, and what it met: these tasks, and all that this node has until it is mended."""

    way: Way
    tasks: set[int] = field(default_factory=set)
    node: str | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    until: datetime | None = None
    mend: Callable[[], None] = lambda: None
    about: str = ""


class Field:
    """A cluster with an installation on it. An act gives what it met, or None where nothing was there to meet."""

    def __init__(
        self,
        placed: PlacedTasks,
        cluster: str,
        env: Mapping[str, str],
        postgres: PostgresServer,
        gates: Mapping[str, Gate],
        folder: Path,
    ) -> None:
        """`env` are the variables of a controller; `gates` are the doors of `store` and `objects`."""
        self.placed = placed
        self.findings: list[str] = []
        self.folder = folder
        self._cluster = cluster
        self._env = {**Cli.clean_env(), **env, "AGENT_HOME": str(placed.installation.settings.home)}
        self._postgres = postgres
        self._gates = gates
        self._controller: subprocess.Popen[bytes] | None = None
        self._controller_lock = threading.Lock()
        self._rivals: list[threading.Thread] = []
        self.kept_away = 0  # kills of the agent that is kept away
        self._rival_at = float("-inf")  # time.monotonic() when one was there last
        self.acts: dict[str, Callable[[Act], Met | None]] = {
            "kill the controller": self._kill_the_controller,
            "start a second controller": self._start_a_second_controller,
            "cut the store off": self._shut("store"),
            "cut the objects off": self._shut("objects"),
            "crash the store": self._crash_the_store,
            "kill an agent": self._kill_an_agent,
            "keep an agent away": self._keep_an_agent_away,
        }

    def do(self, act: Act) -> Met | None:
        return self.acts[act.way.name](act)

    def queue(self, order: Order) -> Task:
        """Submit a training that counts as ordered, and counts on after a loss."""
        asked = (
            f"lines={order.lines}",
            f"pause={order.pause_s}",
            f"checkpoint_every={order.checkpoint_every}",
            f"checkpoint_eighths={order.checkpoint_eighths}",
            "continues=1",
        )
        return self.submit(asked, order.restarts)

    def submit(self, overrides: tuple[str, ...], restarts: int) -> Task:
        raise NotImplementedError

    def revive(self) -> None:
        """Mend everything, whatever was done."""
        with suppress(subprocess.CalledProcessError):  # it runs
            self._postgres.start()
        for gate in self._gates.values():
            gate.open()
        self.start_controller()

    def tidy(self) -> None:
        """What the documents ask of whoever runs such a cluster, once tasks have ended."""

    def left(self) -> list[Left]:
        """What is there still of tasks that have ended."""
        return [Left("agent", [f"{process.pid} of task {task}" for process, task in self.agents()])]

    def stop(self) -> None:
        """End the controller and wait for its rivals."""
        if self._controller is not None:
            self._controller.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._controller.wait(60)
            self._controller.kill()
        for rival in self._rivals:
            rival.join()

    # ---------------------------------------------------------------- the controller

    def start_controller(self) -> None:
        with self._controller_lock:
            if self._controller is None or self._controller.poll() is not None:
                self._controller = self._run_controller(self.folder / "controller.log")

    def watch(self) -> None:
        """What is looked after meanwhile."""
        self.watch_controller()

    def watch_controller(self) -> None:
        """A controller that nobody has killed is there still."""
        with self._controller_lock:
            ended = self._controller is not None and self._controller.poll() not in (None, -9)
            if self._controller is not None and ended:
                if time.monotonic() - self._rival_at > REST_S:  # else it was refused, because the other had come first
                    self.findings.append(f"the controller ended by itself with exit code {self._controller.returncode}")
                self._controller = None
        if ended:
            self.start_controller()

    def _run_controller(self, log: Path) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "agent.cli", "run", "--cluster", self._cluster]
        with log.open("ab") as file:
            return subprocess.Popen(words, env=self._env, stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def _kill_the_controller(self, act: Act) -> Met | None:
        with self._controller_lock:
            if self._controller is None or self._controller.poll() is not None:
                return None
            self._controller.kill()
            self._controller.wait()
        return Met(act.way, mend=self.start_controller)

    def _start_a_second_controller(self, act: Act) -> Met | None:
        with self._controller_lock:
            first = self._controller
        if first is None or first.poll() is not None or any(rival.is_alive() for rival in self._rivals):
            return None
        self._rivals.append(threading.Thread(target=self._is_refused, args=(first,)))
        self._rivals[-1].start()
        return Met(act.way)

    def _is_refused(self, first: subprocess.Popen[bytes]) -> None:
        log = self.folder / f"rival-{len(self._rivals)}.log"
        rival = self._run_controller(log)
        end = time.monotonic() + REFUSED_WITHIN_S
        # Where the first is killed meanwhile the other may come in its place; then it is ended, too.
        while rival.poll() is None and first.poll() is None and time.monotonic() < end:
            self._rival_at = time.monotonic()
            time.sleep(0.2)
        is_refused = rival.poll() is not None and rival.returncode != 0
        if not is_refused and first.poll() is None and REFUSED not in log.read_text():
            self.findings.append(f"a second controller was not refused within {REFUSED_WITHIN_S:.0f} s")
        rival.kill()
        rival.wait()
        self._rival_at = time.monotonic()

    # ---------------------------------------------------------------- the servers

    def _shut(self, name: str) -> Callable[[Act], Met | None]:
        def shut(act: Act) -> Met | None:
            self._gates[name].shut()
            return Met(act.way, mend=self._gates[name].open)

        return shut

    def _crash_the_store(self, act: Act) -> Met | None:
        self._postgres.stop("immediate")
        return Met(act.way, mend=self._postgres.start)

    # ---------------------------------------------------------------- agents and jobs

    def running(self) -> list[tuple[Placement, Task]]:
        """The placements whose job is known and has not ended."""
        found = self.placed.store.placements.unsettled(self._cluster)
        return [(placement, task) for placement, task in found if placement.job is not None]

    def agents(self) -> list[tuple[psutil.Process, int]]:
        """The agents of this installation on nodes, which are processes of this machine, with their tasks."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if words[-5:-3] != ["run", "--task"] or words[-2] != "--placement" or "sh" in Path(words[0]).name:
                continue
            with suppress(psutil.Error):
                if process.environ().get("AGENT_STORE_URL") == self.placed.installation.settings.store_url:
                    found.append((process, int(words[-3])))
        return sorted(found, key=lambda one: one[0].pid)

    def _kill_an_agent(self, act: Act) -> Met | None:
        found = self.agents()
        if not found:
            return None
        process, task_id = found[act.choice % len(found)]
        with suppress(psutil.Error):
            process.kill()
        return Met(act.way, {task_id}, about=f"of task {task_id}")

    def _keep_an_agent_away(self, act: Act) -> Met | None:
        """Kill the agent of a long task whenever it is started anew, so long from the first time on."""
        order = Order(int(act.away_s * 10) + 300, 0.1, 100, 1, 0)
        task = self.queue(order)  # whose plugin prints for longer than that

        def keep_away() -> None:
            end, is_first = time.monotonic() + act.away_s + FIRST_KILL_S, True
            while time.monotonic() < end:
                time.sleep(0.2)
                for process, task_id in self.agents():
                    with suppress(psutil.Error, StorageFailed):
                        if task_id == task.id and self.placed.get(task).lines_read > 20:
                            process.kill()
                            self.kept_away += 1
                            end, is_first = (time.monotonic() + act.away_s if is_first else end), False

        keeper = threading.Thread(target=keep_away, daemon=True)
        keeper.start()
        return Met(act.way, {task.id}, mend=keeper.join, about=f"of task {task.id}")

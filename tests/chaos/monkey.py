"""Keeps tasks running among hostile neighbours, and kills the processes and connections that run them; then counts."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import FINAL, Plugin, Task, TaskStatus
from agent.engines import Engine
from agent.engines.docker import DockerEngine
from agent.errors import EngineUnavailable
from agent.installation import Installation
from agent.maintenance.housekeeping import Housekeeping
from agent.settings import Settings
from agent.store import open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import MOST_RESTARTS, RequestedOptions
from tests.chaos.asking import Clients
from tests.chaos.audit import Count, audit
from tests.chaos.latency import Latencies, measure, slow
from tests.chaos.proxy import Proxy
from tests.support.inputs import COUNTED, HOSTILE, ROOT, SERVED, Cli, write_model, write_project

HOSTILE_WAYS = ("deep", "links", "flood", "checkpoints")
QUIET_S = (5.0, 12.0)  # without kills, alone and among hostile neighbours; less in a short run
LATE_LINE_S, LATE_ANSWER_S = 5.0, 3.0  # for nineteen of twenty, on a machine with other work
OURS = {"internal_error", "storage_failed", "store_busy", "disk_full", "container_lost"}  # whatever a plugin does
TOKEN = "the-token-of-the-monkey"
AGENTS = 2  # agents that take any queued task; foreground tasks have further agents
TASKS = 5  # running at the same time, beside the deployed model
ASKING = 3  # clients of the deployed model
LATE_S = 30.0  # after its limit a refusal may come so late: a web that begins among hostile clients takes its time
SETTLE_S = 240.0  # for the last tasks to end
BASE_IMAGE = "supervisely-local/base:0.1.0"


@dataclass
class Report:
    seed: int
    seconds: float = 0
    engines: tuple[str, ...] = ()
    actions: Counter[str] = field(default_factory=Counter)
    count: Count = field(default_factory=Count)
    hostile: Counter[str] = field(default_factory=Counter)  # ends of hostile tasks
    alone: Latencies = field(default_factory=Latencies)
    among_hostile: Latencies = field(default_factory=Latencies)
    asked: str = "nobody"  # of the deployed model
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.actions.values())

    def text(self) -> str:
        ends = "\n".join(f"  {times:5} {end}" for end, times in sorted(self.count.ends.items()))
        actions = "\n".join(f"  {times:5} {action}" for action, times in sorted(self.actions.items()))
        found = "\n".join(f"  {problem}" for problem in self.problems) or "  nothing lost, nothing twice, nothing left"
        return (
            f"chaos: seed {self.seed}, {self.seconds:.0f} s, engines {', '.join(self.engines)}\n"
            f"an ordinary task and client, alone: {self.alone.text()}\n"
            f"among hostile neighbours: {self.among_hostile.text()}\n"
            f"{self.kills} times something was killed:\n{actions}\n"
            f"hostile tasks: {dict(self.hostile)}\n"
            f"a deployed model was asked: {self.asked}\n"
            f"{self.count.tasks} tasks:\n{ends}\n"
            f"{self.count.lines} numbered lines, {self.count.points} points, {self.count.checkpoints} checkpoints, "
            f"{self.count.projects} result projects counted\n"
            f"{len(self.problems)} problems:\n{found}\n"
        )


class Monkey:
    def __init__(self, folder: Path, *, seed: int, engine: str) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._report = Report(seed)
        self._agents: list[subprocess.Popen[bytes]] = []
        self._foreground: list[subprocess.Popen[bytes]] = []
        self._web: subprocess.Popen[bytes] | None = None
        self._clients: subprocess.Popen[bytes] | None = None
        self._hostile: list[int] = []
        self._deployed: Task | None = None
        self._asking: Clients | None = None
        self._deaths_of_web = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._asked_to_stop: set[int] = set()
        self._container_killed: set[int] = set()
        home = folder / "home"
        home.mkdir()
        self._docker = _docker() if engine != "process" else None
        if engine == "docker" and self._docker is None:
            raise SystemExit("no Docker engine answers")
        names = {"process": ("process",), "docker": ("docker",)}.get(engine) or ("process", "docker")
        self._engines = names if self._docker is not None else ("process",)
        self._proxy = None
        self._env = {**Cli.clean_env(), "AGENT_HOME": str(home), "AGENT_WEB_PORT": "0", "AGENT_LOG_LEVEL": "debug"}
        self._env["AGENT_TOKEN"] = TOKEN
        self._env["AGENT_MODELS_URL"] = f"http://127.0.0.1:{self._port}"
        if self._docker is not None:
            self._proxy = Proxy(Path(f"/tmp/chaos-{os.getpid()}.sock"), self._docker.host.removeprefix("unix://"))
            self._env["DOCKER_HOST"] = self._proxy.url
        self._settings = Settings(home=home)
        self._installation = Installation(
            open_store(self._settings.store), open_artifacts(self._settings.artifacts), self._settings
        )
        self._plugin = library.add_plugin_folder(self._installation.store, COUNTED, "local")
        self._hostile_plugin = library.add_plugin_folder(self._installation.store, HOSTILE, "local")
        write_project(folder / "fruit")
        write_model(folder / "start")
        self._project = library.add_project(self._installation.store, self._installation.artifacts, folder / "fruit")
        self._model = library.add_model(self._installation.store, self._installation.artifacts, folder / "start")
        self._log = (folder / "agents.log").open("ab")

    def run(self, seconds: float) -> Report:
        started = time.monotonic()
        if self._docker is not None:
            self._build()
        try:
            end = time.monotonic() + seconds
            self._start_web()
            self._look_at_latencies(min(1.0, seconds / 60))
            if "process" in self._engines:  # no image has the SDK
                self._deploy()
            while time.monotonic() < end:
                self._keep_going()
                time.sleep(self._random.uniform(0.1, 1.5))
                action = self._random.choice(self._actions())
                if action():
                    self._report.actions[action.__name__.strip("_").replace("_", " ")] += 1
            self._stop_asking()
            self._settle()
        finally:
            self._end()
        engines: list[Engine] = [self._installation.open_engine("process", self._settings)]
        if self._docker is not None:
            engines.append(self._docker)
        self._report.engines = self._engines
        self._report.seconds = time.monotonic() - started
        Housekeeping(self._installation).sweep()  # as the next agent does
        self._report.problems += audit(
            self._installation, engines, self._report.count, passed_over=frozenset(self._hostile)
        )
        self._report.problems += self._untrue()
        self._installation.store.close()
        return self._report

    # ---------------------------------------------------------------- the expected operation

    def _build(self) -> None:
        subprocess.run([ROOT / "scripts" / "base-image.sh", BASE_IMAGE], check=True, capture_output=True)
        for plugin in (COUNTED, HOSTILE):
            Cli(self._settings.home, {}).run("build", plugin, "--base", f"base-py={BASE_IMAGE}")

    def _look_at_latencies(self, share: float) -> None:
        """Nothing is killed meanwhile."""
        config = {"lines": 100_000, "checkpoint_every": 100, "pause": 0.05, "ticks": 1}
        task = self._add("train", config, self._plugin, self._engines[0], "ticks")
        self._agents = [self._start("run", "--parallel", "3")]
        while self._installation.store.tasks.get(task.id).lines_read < 20:
            self._installation.store.wait_for_change(1)
        store, report = self._installation.store, self._report
        report.alone = measure(store, task.id, self._port, QUIET_S[0] * share)
        self._clients = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.hostile", str(self._port), TOKEN], cwd=ROOT, stderr=self._log
        )
        self._queue_hostile()
        self._queue_hostile()
        report.among_hostile = measure(store, task.id, self._port, QUIET_S[1] * share)
        for what, samples, limit_s in (
            ("lines", report.among_hostile.lines, LATE_LINE_S),
            ("answers", report.among_hostile.health, LATE_ANSWER_S),
        ):
            if slow(samples) > limit_s:
                report.problems.append(
                    f"{what} of the others came late among hostile neighbours: {slow(samples):.1f} s"
                )
        self._asked_to_stop.add(task.id)
        store.tasks.request_stop(task.id)

    def _deploy(self) -> None:
        """A model that clients ask until the end. Before it answers, nothing is killed."""
        store = self._installation.store
        plugin = library.add_plugin_folder(store, SERVED, "local")
        options = RequestedOptions(engine="process", restarts=MOST_RESTARTS)  # it must not end
        request = TaskRequest(type="deploy", plugin=plugin, model=self._model, name="asked", options=options)
        self._deployed = task = store.tasks.add(new_task(store, self._settings, request))
        end = time.monotonic() + SETTLE_S
        while store.tasks.get(task.id).status is not TaskStatus.DEPLOYED and time.monotonic() < end:
            store.wait_for_change(1.0)
        infer = f"http://127.0.0.1:{self._port}/api/models/{self._model.id}/infer"
        self._asking = Clients(infer, TOKEN, ASKING, late_s=LATE_S, may_be_cut_off=lambda: self._deaths_of_web > 0)

    def _stop_asking(self) -> None:
        """Everything still runs: what is asked last is answered too."""
        if self._asking is None or self._deployed is None:
            return
        end, before = time.monotonic() + SETTLE_S, self._asking.answered
        while self._asking.answered < before + ASKING:
            if time.monotonic() > end:
                self._report.problems.append("the deployed model does not answer any more")
                break
            self._keep_going()
            time.sleep(0.5)
        self._asking.end()
        self._report.asked = self._asking.text()
        self._report.problems += self._asking.problems
        self._asked_to_stop.add(self._deployed.id)
        self._installation.store.tasks.request_stop(self._deployed.id)

    def _keep_going(self) -> None:
        """Start agents and tasks until their numbers are as wanted."""
        self._agents = [agent for agent in self._agents if agent.poll() is None]
        self._foreground = [process for process in self._foreground if process.poll() is None]
        while len(self._agents) < AGENTS:
            self._agents.append(self._start("run", "--parallel", "2"))
        for _ in range(TASKS - len(self._others())):
            if self._random.random() < 0.3:
                self._foreground.append(self._submit())
                break  # a task takes a second to appear
            self._queue()
        if not any(task.id in self._hostile for task in self._alive()):
            self._queue_hostile()

    def _alive(self) -> list[Task]:
        return self._installation.store.tasks.list(statuses=[s for s in TaskStatus if s not in FINAL], limit=1000)

    def _others(self) -> list[Task]:
        """All but the deployed model."""
        return [task for task in self._alive() if self._deployed is None or task.id != self._deployed.id]

    def _config(self) -> dict[str, int | float]:
        return {
            "lines": self._random.randint(50, 400),
            "checkpoint_every": self._random.randint(5, 40),
            "checkpoint_eighths": self._random.choice([1, 1000, 200_000]),
            "pause": self._random.choice([0.0, 0.005, 0.03]),
        }

    def _queue(self) -> None:
        kind = "train" if self._random.random() < 0.75 else "inference"
        engine = self._random.choice(self._engines)
        self._add(kind, self._config(), self._plugin, engine, f"net {self._random.getrandbits(32)}")

    def _queue_hostile(self) -> None:
        way = HOSTILE_WAYS[len(self._hostile) % len(HOSTILE_WAYS)]
        engine = self._random.choice(self._engines)
        task = self._add("train", {"behaviour": way}, self._hostile_plugin, engine, f"hostile {way}")
        self._hostile.append(task.id)

    def _add(self, kind: str, config: dict[str, Any], plugin: Plugin, engine: str, name: str) -> Task:
        request = TaskRequest(
            type=kind, plugin=plugin, project=self._project, model=self._model, name=name, config=config,
            options=RequestedOptions(engine=engine),
        )  # fmt: skip
        store = self._installation.store
        return store.tasks.add(new_task(store, self._settings, request))

    def _submit(self) -> subprocess.Popen[bytes]:
        sets = [part for key, value in self._config().items() for part in ("--set", f"{key}={value}")]
        name = f"net {self._random.getrandbits(32)}"
        return self._start(
            "submit-train", "--plugin", str(self._plugin.id), "--project", str(self._project.id),
            "--model", str(self._model.id), "--name", name, "--engine", self._random.choice(self._engines), *sets,
        )  # fmt: skip

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "agent.cli", *command],
            env=self._env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=ROOT,
        )  # fmt: skip

    def _start_web(self) -> None:
        self._web = self._start("up", "--no-agent", "--port", str(self._port))

    def _settle(self) -> None:
        """Wait until all tasks have ended; the agents run until then."""
        end = time.monotonic() + SETTLE_S
        while self._alive() and time.monotonic() < end:
            self._agents = [agent for agent in self._agents if agent.poll() is None]
            while len(self._agents) < AGENTS:
                self._agents.append(self._start("run", "--parallel", "2"))
            self._installation.store.wait_for_change(1.0)

    def _end(self) -> None:
        if self._clients is not None:
            if self._clients.poll() is not None:
                self._report.problems.append("the hostile clients have ended early")
            _kill(self._clients)
        processes = [*self._agents, *self._foreground, *([self._web] if self._web else [])]
        processes = [process for process in processes if process.poll() is None]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                self._report.problems.append(f"process {process.pid} did not end within a minute of SIGTERM")
                process.kill()
                process.wait()
            else:
                if code < 0 and code != -signal.SIGTERM:
                    self._report.problems.append(f"process {process.pid} ended by signal {-code}")
        if self._proxy is not None:
            self._proxy.close()
            Path(self._proxy.url.removeprefix("unix://")).unlink(missing_ok=True)
        self._log.close()

    def _untrue(self) -> list[str]:
        """Ends of tasks that no kill and no stop explains."""
        problems = []
        for task in self._installation.store.tasks.list(limit=10_000):
            if task.id in self._hostile:
                self._report.hostile[f"{task.name.removeprefix('hostile ')}: {task.reason}"] += 1
                if not task.status.is_final or task.reason in OURS:
                    problems.append(f"hostile task {task.id}, {task.name}: {task.status.value} ({task.message})")
                continue
            true = {
                "finished": True,
                "stopped_by_user": task.id in self._asked_to_stop,
                "plugin_killed": task.id in self._container_killed,
                "engine_unavailable": task.options.engine == "docker"
                and bool(self._report.actions["refuse the engine"]),
            }
            if task.status.is_final and not true.get(task.reason or "", False):
                problems.append(f"task {task.id} ended as {task.reason}, and nobody did that: {task.message}")
        if b"Traceback" in (log := (self._folder / "agents.log").read_bytes()):
            problems.append(f"{len(re.findall(rb'^Traceback', log, re.MULTILINE))} tracebacks in agents.log")
        return problems

    # ---------------------------------------------------------------- the incidents

    def _actions(self) -> list[Callable[[], bool]]:
        often = [self._kill_an_agent, self._kill_a_foreground_agent] * 3
        once = [self._kill_a_container, self._kill_the_web, self._stop_a_task, self._end_an_agent]
        cuts = [self._cut_the_engine, self._cut_the_engine, self._refuse_the_engine] if self._proxy is not None else []
        return [*often, *once, *cuts]

    def _kill_an_agent(self) -> bool:
        return _kill(self._random.choice(self._agents)) if self._agents else False

    def _kill_a_foreground_agent(self) -> bool:
        return _kill(self._random.choice(self._foreground)) if self._foreground else False

    def _kill_the_web(self) -> bool:
        self._deaths_of_web += 1
        killed = self._web is not None and _kill(self._web)
        self._start_web()
        return killed

    def _stop_a_task(self) -> bool:
        alive = self._others()
        if not alive:
            return False
        task = self._random.choice(alive)
        self._asked_to_stop.add(task.id)
        self._installation.store.tasks.request_stop(task.id)
        return True

    def _end_an_agent(self) -> bool:
        """SIGTERM: the agent leaves its tasks, and the next agent goes on with them."""
        if not self._agents:
            return False
        self._random.choice(self._agents).send_signal(signal.SIGTERM)
        return True

    def _kill_a_container(self) -> bool:
        running = [task for task in self._alive() if task.container_id]
        if not running:
            return False
        task = self._random.choice(running)
        self._container_killed.add(task.id)
        if task.engine == "docker":
            done = subprocess.run(["docker", "kill", str(task.container_id)], capture_output=True, check=False)
            return done.returncode == 0
        pid = self._settings.home / "processes" / str(task.container_id) / "pid"
        with suppress(OSError, ValueError, psutil.Error):
            watcher = psutil.Process(int(pid.read_text()))
            victim = self._random.choice([watcher, *watcher.children(recursive=True)])
            victim.kill()
            return True
        return False

    def _cut_the_engine(self) -> bool:
        assert self._proxy is not None
        return self._proxy.cut() > 0

    def _refuse_the_engine(self) -> bool:
        """Refuse connections to the engine for a moment, as during a restart."""
        assert self._proxy is not None
        self._proxy.refuse_for(self._random.uniform(0.5, 3))
        return True


def _kill(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        return False
    process.kill()
    process.wait()
    return True


def _docker() -> DockerEngine | None:
    try:
        return DockerEngine(answer_within_s=3)
    except EngineUnavailable:
        return None

"""A web of its own that is fuzzed, what is noted meanwhile, and whether that is a problem."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.support.demo_store import fill
from tests.support.inputs import ROOT, Cli

TOKEN = "the-token-of-the-fuzzing"
ANSWER_S = 60.0  # a large request may wait for its turn
GROWTH = 1.3  # of memory, from the first fifth of the run to its end ...
GROWTH_BYTES = 100 << 20  # ... and by more than this


@dataclass
class Figures:
    seed: int
    what: str = "fuzzing"
    seconds: float = 0
    answers: Counter[str] = field(default_factory=Counter)  # "REST 200"
    lines: int = 0
    memory_bytes: list[int] = field(default_factory=list)  # of the web with its workers, every few seconds
    own_bytes: list[int] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)  # of another client's requests meanwhile
    problems: list[str] = field(default_factory=list)

    def text(self) -> str:
        sent = sum(self.answers.values())
        kinds = "\n".join(f"  {times:7} {answer}" for answer, times in sorted(self.answers.items()))
        found = "\n".join(f"  {problem}" for problem in self.problems) or "  none"
        return (
            f"{self.what}: seed {self.seed}, {self.seconds:.0f} s, {sent} requests, {self.lines} lines\n{kinds}\n"
            f"{_waits(self.waits_s)}memory of the web: {_mib(self.memory_bytes)}; "
            f"of the reader of lines: {_mib(self.own_bytes)}\n"
            f"{len(self.problems)} problems:\n{found}\n"
        )


def growth(what: str, samples: list[int]) -> str:
    """A sentence when these samples of memory grow; empty when they do not."""
    early, late = _early_and_late(samples or [0])
    grows = late > early * GROWTH and late - early > GROWTH_BYTES
    return f"the memory of {what} grew from {early >> 20} to {late >> 20} MiB" if grows else ""


def _early_and_late(samples: list[int]) -> tuple[int, int]:
    """The largest of the second tenth and of the last tenth."""
    tenth = max(1, len(samples) // 10)
    return max(samples[tenth : 2 * tenth] or samples), max(samples[-tenth:])


def _mib(samples: list[int]) -> str:
    if not samples:
        return "not measured"
    early, late = _early_and_late(samples)
    return f"{early >> 20} MiB after a fifth of the time, {late >> 20} MiB at the end, at most {max(samples) >> 20} MiB"


def _waits(waits_s: list[float]) -> str:
    if not waits_s:
        return ""
    ordered = sorted(waits_s)
    middle, most = ordered[len(ordered) // 2], ordered[-1]
    return f"another client waited {middle * 1e3:.0f} ms (median), at most {most * 1e3:.0f} ms\n"


class FuzzedWeb:
    """The demo's library behind a web in a process of its own, at `port`."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder / "home")
        self.settings.home.mkdir()
        with open_store(self.settings.store) as store:
            fill(store, open_artifacts(self.settings.artifacts))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "web.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._sampled = 0.0

    def start(self) -> None:
        env = {**Cli.clean_env(), "AGENT_HOME": str(self.settings.home), "AGENT_TOKEN": TOKEN}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "up", "--no-agent", "--port", str(self.port)],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S):
                return
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(self.log.read_text()[-2000:])
            time.sleep(0.1)

    def keep_up(self, figures: Figures) -> bool:
        """Note its memory every two seconds; whether it had ended, which is a problem, and was started again."""
        assert self._process is not None
        if ended := self._process.poll() is not None:
            figures.problems.append(f"the web ended with {self._process.returncode}")
            self.start()
        if time.monotonic() - self._sampled > 2:
            self._sampled = time.monotonic()
            figures.memory_bytes.append(_memory_of(self._process.pid))
        return ended

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def judge(self, figures: Figures) -> None:
        """Call tracebacks in its log, and memory that grew, problems."""
        tracebacks = len(re.findall(rb"^Traceback", self.log.read_bytes(), re.MULTILINE))
        if tracebacks:
            figures.problems.append(f"{tracebacks} tracebacks in {self.log}")
        figures.problems += filter(None, [growth("the web", figures.memory_bytes)])


def _memory_of(pid: int) -> int:
    total = 0
    with suppress(psutil.Error):
        web = psutil.Process(pid)
        for process in (web, *web.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total

"""An agent in a process of its own that takes itself for another machine: `python -m tests.support.far_agent JSON`.

Its engine is the fake one: a container prints a line and ends when the file `go` is in the home. Heartbeats and leases
are short. The clock may be ahead of everybody else's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BEAT_S, LEASE_S = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class FarAgent:
    store: str  # URL
    home: str
    artifacts: str
    name: str
    machine: str = ""  # another name is another machine; empty: that of `name`
    labels: str = ""
    ahead_s: float = 0.0
    parallel: int = 1
    lines: int = 1  # printed before the container waits
    checkpoints: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    def start(self) -> subprocess.Popen[str]:
        Path(self.home).mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.support.far_agent", json.dumps(asdict(self))]
        return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)

    @property
    def go(self) -> Path:
        return Path(self.home) / "go"

    @property
    def removed(self) -> Path:
        """There once a container was removed."""
        return Path(self.home) / "removed"


def main(agent: FarAgent) -> None:
    from agent import liveness
    from agent.artifacts import open_artifacts
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown
    from agent.settings import Settings
    from agent.store import open_store
    from agent.worker import loop, presence
    from tests.support.fake_engine import FakeContainer, FakeEngine, checkpoint, write_checkpoint

    machine = agent.machine or agent.name
    liveness._machine = lambda: f"boot-of-{machine}/pid:[1]"
    presence.BEAT_S, presence.LEASE_S, loop.IDLE_WAIT_S, loop.LOOK_S = BEAT_S, LEASE_S, 0.2, 0.2
    if agent.ahead_s:
        real_ns, real = time.time_ns, time.time
        time.time_ns = lambda: real_ns() + int(agent.ahead_s * 1e9)
        time.time = lambda: real() + agent.ahead_s

    def act(folder: Path) -> Iterator[str | bytes]:
        for number in range(agent.lines):
            yield f"{agent.name} line {number}"
        for number in range(agent.checkpoints):
            write_checkpoint(folder / "results", number)
            yield checkpoint(number)
        while not agent.go.exists():
            time.sleep(0.05)
            yield b""
        number = agent.checkpoints
        write_checkpoint(folder / "results", number)
        yield checkpoint(number)

    remove = FakeContainer.remove

    def removing(self: FakeContainer) -> None:
        remove(self)
        agent.removed.touch()

    FakeContainer.remove = removing  # type: ignore[method-assign]
    engine, shutdown = FakeEngine(act), Shutdown()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=shutdown.leave).start())
    chosen: dict[str, Any] = {**({"labels": agent.labels} if agent.labels else {}), **agent.settings}
    settings = Settings(
        home=Path(agent.home), store_url=agent.store, artifacts_url=agent.artifacts, name=agent.name,
        measure_usage=False, **chosen,
    )  # fmt: skip
    with open_store(settings.store) as store:
        installation = Installation(store, open_artifacts(settings.artifacts), settings, lambda *_: engine)
        loop.run_forever(installation, shutdown, parallel=agent.parallel)
    os._exit(0)  # containers of the fake engine wait in threads


if __name__ == "__main__":
    main(FarAgent(**json.loads(sys.argv[1])))

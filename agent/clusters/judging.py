"""What a node says of itself, from inside of a job, as findings of `agent cluster check`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from agent import version
from agent.clusters.node_probe import NodeFacts
from agent.doctor.finding import Finding, fail, ok, warn
from agent.fs.disk import size_text

if TYPE_CHECKING:
    from agent.settings import Settings

CLOCK_S = 5.0  # clocks may differ by so much


def facts_in(log: str) -> NodeFacts | None:
    """The facts that a probe has printed; None when it did not come so far."""
    facts = None
    for line in log.splitlines():
        with suppress(ValueError, TypeError):
            facts = NodeFacts(**json.loads(line))
    return facts


def judge(
    facts: NodeFacts, settings: Settings, submitted_s: float, seen_s: float, *, larger_home: str, gpus: str = ""
) -> Iterator[Finding]:
    """What a node said, as findings. Its clock was read between two times of this machine's.

    `larger_home` says how a job gets more space; `gpus` what a job should have got.
    """
    if facts.agent == version():
        yield ok("agent", f"{facts.agent}, Python {facts.python}")
    else:
        yield warn("agent", f"{facts.agent} on the node, {version()} here", "Install the same release in both places.")
    yield _asked("store there", facts.store_trouble, "it answers", "Set AGENT_STORE_URL to an address nodes reach.")
    if not facts.store_trouble:
        remedy = "Set AGENT_ARTIFACTS_URL to a place that nodes can write to."
        yield _asked("artifacts there", facts.artifacts_trouble, "they take bytes", remedy)
        remedy = "Start Docker on the nodes, or set AGENT_ENGINE=process."
        yield _asked("engine there", facts.engine_trouble, facts.engine, remedy)
    home = f"{facts.home}: {size_text(facts.free_bytes)} free"
    if facts.free_bytes < settings.min_free_bytes:
        yield fail("home there", home, larger_home)
    else:
        yield ok("home there", home)
    off_s = max(submitted_s - facts.time_s, facts.time_s - seen_s, 0.0)
    if off_s > CLOCK_S:
        yield warn("clock there", f"it differs by {off_s:.0f} s or more", "Keep the clocks equal, for example by NTP.")
    else:
        yield ok("clock there", "it agrees with this machine's")
    if facts.gpus:
        yield ok("GPUs there", ", ".join(facts.gpus))
    elif gpus:
        yield warn("GPUs there", f"the job got none of {gpus}", "Look at what the cluster knows of its GPUs.")


def _asked(about: str, trouble: str, said: str, remedy: str) -> Finding:
    return fail(about, trouble, remedy) if trouble else ok(about, said)

"""What an agent finds on a node of a cluster, from inside of a job."""

from __future__ import annotations

import os
import platform
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent import version
from agent.artifacts import refusal
from agent.errors import AgentError
from agent.installation import Installation, artifacts_of
from agent.store import open_store

if TYPE_CHECKING:
    from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Troubles are sentences; empty ones are none."""

    node: str
    agent: str  # version
    python: str
    time_s: float  # seconds since 1970, by the node's clock
    home: str
    free_bytes: int  # of the home's disk
    store_trouble: str = ""
    artifacts_trouble: str = ""
    engine: str = ""  # name and version
    engine_trouble: str = ""
    gpus: tuple[str, ...] = field(default_factory=tuple)  # that the job was given


def probe_node(settings: Settings) -> NodeFacts:
    """Raises nothing: what cannot be done here is a fact."""
    store_trouble, artifacts_trouble, engine, engine_trouble = "", "", "", ""
    try:
        with open_store(settings.store) as store:
            store.counts()
            artifacts = artifacts_of(settings)
            artifacts_trouble = refusal(artifacts)
            try:
                info = Installation(store, artifacts, settings).open_engine(settings.engine, settings).info()
                engine = f"{info.name} {info.version}".strip()
            except AgentError as error:
                engine_trouble = str(error)
    except AgentError as error:
        store_trouble = str(error)
    given = os.environ.get("SLURM_JOB_GPUS") or os.environ.get("CUDA_VISIBLE_DEVICES") or ""
    return NodeFacts(
        node=os.environ.get("SLURMD_NODENAME") or os.uname().nodename,
        agent=version(),
        python=platform.python_version(),
        time_s=time.time(),
        home=str(settings.home),
        free_bytes=shutil.disk_usage(settings.home).free,
        store_trouble=store_trouble,
        artifacts_trouble=artifacts_trouble,
        engine=engine,
        engine_trouble=engine_trouble,
        gpus=tuple(part for part in given.split(",") if part and part != "NoDevFiles"),
    )

"""For whoever watches the server: does it answer, can it work, how much is there.

`/health` and `/healthz` say that the process answers, `/readyz` that what it needs answers too; neither needs a
token, so neither says more than that. `/metrics` is Prometheus' text and needs one.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, PlainTextResponse, Response

from agent.errors import AgentError
from web_stub.context import Web, WebDep

logger = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

ALIVE_S = 60.0  # an agent that was seen so lately runs
_KEPT_S = 1.0  # probes come without a token: however many, one look a second


@router.get("/health")
@router.get("/healthz")
def healthz() -> Response:
    return PlainTextResponse("ok")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """200 when store and artifacts answer and an agent was seen in the last minute, else 503; each part by name."""
    said = request.app.state.readiness.look()
    ready = all(word == "ok" for word in said.values())
    return JSONResponse({"ready": ready, **said}, status_code=200 if ready else 503)


@router.get("/metrics")
def metrics(web: WebDep) -> Response:
    registry = CollectorRegistry()
    registry.register(_Figures(web))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_1_0_0)


class Readiness:
    """What the parts answered, at most a second ago. Reasons go to the log, for only its reader may know paths."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._lock = threading.Lock()
        self._looked = -_KEPT_S
        self._said: dict[str, str] = {}

    def look(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._looked >= _KEPT_S:
                said = {"store": self._store(), "artifacts": self._artifacts(), "agent": self._agent()}
                self._said, self._looked = said, time.monotonic()
            return self._said

    def _store(self) -> str:
        try:
            self._web.store.tasks.summaries(limit=1)
        except AgentError as error:
            logger.warning("not ready: %s", error)
            return "does not answer"
        return "ok"

    def _artifacts(self) -> str:
        try:
            # A blob that is taken back before it is one: shows that the place can be written to and keeps nothing.
            with self._web.artifacts.writer() as writer:
                writer.write(b"ready?")
                raise _TakenBack
        except _TakenBack:
            return "ok"
        except (AgentError, OSError) as error:
            logger.warning("not ready: %s", error)
            return "does not take bytes"

    def _agent(self) -> str:
        try:
            return "ok" if agents_alive(self._web) else "none was seen in the last minute"
        except AgentError:
            return "unknown"


class _TakenBack(Exception):
    pass


def agents_alive(web: Web) -> int:
    now = datetime.now(UTC)
    return sum((now - agent.last_seen).total_seconds() < ALIVE_S for agent in web.store.agents.list())


class _Figures(Collector):
    """One look at the store, as Prometheus' families."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def collect(self) -> Iterator[Metric]:
        tally = self._web.store.tally()
        yield InfoMetricFamily("supervisely", "This program", {"version": version("supervisely-local")})
        tasks = GaugeMetricFamily("supervisely_tasks", "Tasks by status", labels=["status"])
        for status, count in tally.tasks.items():
            tasks.add_metric([status.value], count)
        yield tasks
        checkpoints = GaugeMetricFamily("supervisely_checkpoints", "Reported checkpoints by state", labels=["state"])
        for state, count in tally.checkpoints.items():
            checkpoints.add_metric([state.value], count)
        yield checkpoints
        running = GaugeMetricFamily("supervisely_agent_tasks", "Tasks an agent runs now", labels=["agent"])
        for agent_id, count in tally.held.items():
            running.add_metric([agent_id], count)
        yield running
        waited_s = (datetime.now(UTC) - tally.oldest_queued).total_seconds() if tally.oldest_queued else 0.0
        for name, said, value in (
            ("queue_wait_seconds", "How long the oldest queued task has waited", max(0.0, waited_s)),
            ("events", "Numbered events of all tasks", tally.events),
            ("lines", "Lines plugins printed", tally.lines),
            ("models", "Models in the library", tally.models),
            ("projects", "Projects in the library", tally.projects),
            ("agents_alive", "Agents seen in the last minute", agents_alive(self._web)),
            ("home_free_bytes", "Free space where home is", shutil.disk_usage(self._web.settings.home).free),
        ):
            yield GaugeMetricFamily(f"supervisely_{name}", said, value=value)

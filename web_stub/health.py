"""For monitors: whether the server answers, whether it can work, and counts of everything.

`/health` and `/healthz` say that the process answers, `/readyz` that store, artifacts and an agent answer too. They
need no token, so they say nothing more. `/metrics` is Prometheus' text and needs a token.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse, Response

from agent.artifacts import refusal
from agent.errors import AgentError
from agent.liveness import agents_alive
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response

logger = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

_KEPT_S = 1.0  # anybody may ask: however often, store and artifacts are asked once a second
_WAIT_S = 0.5  # a request waits so long for a new answer, then it gets the last one
_LATE_S = 10.0  # a part that has not answered for so long does not answer


@router.get("/health")
@router.get("/healthz")
async def healthz() -> Response:
    """Answered on the event loop: the threads may all be waiting for the store."""
    return PlainTextResponse("ok")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when store and artifacts answer and an agent was seen in the last minute, else 503; each part by name."""
    answers, age_s = await request.app.state.readiness.probe()
    ready = all(answer == "ok" for answer in answers.values())
    return json_response({"ready": ready, **answers, "age_s": round(age_s, 1)}, 200 if ready else 503)


@router.get("/metrics")
def metrics(web: WebDep) -> Response:
    registry = CollectorRegistry()
    registry.register(_Figures(web))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_1_0_0)


class Readiness:
    """What store, artifacts and agents answered last. Reasons hold paths: only the log has them.

    Each part is asked on a thread of its own, so that none waits for another and no request for any of them. One event
    loop uses it.
    """

    def __init__(self, web: Web) -> None:
        self._web = web
        self._parts = {"store": _Part(self._store), "artifacts": _Part(self._artifacts), "agent": _Part(self._agent)}

    async def probe(self) -> tuple[dict[str, str], float]:
        """Part → "ok", or what is wrong with it; and the age of the oldest answer, in seconds."""
        pending = {part.ask_when_due() for part in self._parts.values()} - {None}
        if pending:
            await asyncio.wait([future for future in pending if future is not None], timeout=_WAIT_S)
        return (
            {name: part.answer() for name, part in self._parts.items()},
            max(part.age_s() for part in self._parts.values()),
        )

    def _store(self) -> str:
        try:
            self._web.store.tasks.summaries(limit=1)
        except AgentError as error:
            logger.warning("not ready: %s", error)
            return "does not answer"
        return "ok"

    def _artifacts(self) -> str:
        if why := refusal(self._web.artifacts):
            logger.warning("not ready: %s", why)
            return "does not take bytes"
        return "ok"

    def _agent(self) -> str:
        try:
            return "ok" if agents_alive(self._web.store) else "none was seen in the last minute"
        except AgentError:
            return "unknown"


class _Part:
    """A part of the installation: how it is asked, and its last answer."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._answer: str | None = None
        self._asked = self._answered = time.monotonic()
        self._asking: asyncio.Future[str] | None = None

    def ask_when_due(self) -> asyncio.Future[str] | None:
        """The answer to come, when the last one is older than _KEPT_S; None when it is good still."""
        if self._asking is not None and self._asking.done():
            self._asking = None
        if self._asking is None:
            if self._answer is not None and time.monotonic() - self._answered < _KEPT_S:
                return None
            self._asked = time.monotonic()
            answer: Future[str] = Future()
            # A daemon: a part that never answers must not keep the server from ending.
            threading.Thread(target=self._run, args=(answer,), name="readiness", daemon=True).start()
            self._asking = asyncio.wrap_future(answer)
        return self._asking

    def answer(self) -> str:
        """The last answer, however old; that there was none for long, when that is so."""
        is_late = self._asking is not None and not self._asking.done() and time.monotonic() - self._asked >= _LATE_S
        if is_late or self._answer is None:
            return "does not answer"
        return self._answer

    def age_s(self) -> float:
        return time.monotonic() - self._answered

    def _run(self, answer: Future[str]) -> None:
        try:
            said = self._ask()
        except Exception:
            logger.exception("asking whether the installation is ready failed")
            said = "does not answer"
        self._answer, self._answered = said, time.monotonic()
        answer.set_result(said)


class _Figures(Collector):
    """Counts of the store, as Prometheus' families."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def collect(self) -> Iterator[Metric]:
        counts = self._web.store.counts()
        yield InfoMetricFamily("supervisely", "This program", {"version": version("supervisely-local")})
        tasks = GaugeMetricFamily("supervisely_tasks", "Tasks by status", labels=["status"])
        for status, count in counts.tasks.items():
            tasks.add_metric([status.value], count)
        yield tasks
        checkpoints = GaugeMetricFamily("supervisely_checkpoints", "Reported checkpoints by state", labels=["state"])
        for state, count in counts.checkpoints.items():
            checkpoints.add_metric([state.value], count)
        yield checkpoints
        running = GaugeMetricFamily("supervisely_agent_tasks", "Tasks an agent runs now", labels=["agent"])
        for agent_id, count in counts.held.items():
            running.add_metric([agent_id], count)
        yield running
        waited_s = (datetime.now(UTC) - counts.oldest_queued).total_seconds() if counts.oldest_queued else 0.0
        for name, description, value in (
            ("queue_wait_seconds", "How long the oldest queued task has waited", max(0.0, waited_s)),
            ("events", "Numbered events of all tasks", counts.events),
            ("lines", "Lines plugins printed", counts.lines),
            ("models", "Models in the library", counts.models),
            ("projects", "Projects in the library", counts.projects),
            ("event_streams", "Event streams that are open", self._web.hub.open_streams),
            ("agents_alive", "Agents seen in the last minute", len(agents_alive(self._web.store))),
            ("home_free_bytes", "Free space where home is", shutil.disk_usage(self._web.settings.home).free),
        ):
            yield GaugeMetricFamily(f"supervisely_{name}", description, value=value)

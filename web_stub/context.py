"""The parts of the web that every route may use, made once by `app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from agent.settings import Settings
from web_stub.asking import Asker
from web_stub.auth.tokens import Access
from web_stub.broker import Broker
from web_stub.budget import Turns
from web_stub.charts.cache import PointsCache
from web_stub.charts.curves import Curves
from web_stub.gallery.find import Search
from web_stub.gallery.thumbnails import Thumbnails
from web_stub.gallery.workers import Workers
from web_stub.judgings import Judgings
from web_stub.log_counts import LogCounts
from web_stub.task_cards import TaskCards

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store
    from web_stub.event_stream import Hub


@dataclass(frozen=True, slots=True)
class Web:
    store: Store
    artifacts: Artifacts
    settings: Settings
    access: Access
    hub: Hub
    points: PointsCache
    curves: Curves
    cards: TaskCards
    log_counts: LogCounts
    search: Search
    thumbnails: Thumbnails
    broker: Broker
    asker: Asker
    judgings: Judgings
    workers: Workers
    predictions: Turns  # of those that are kept


async def web_of(request: Request) -> Web:  # a plain function would cost each request a turn in a thread
    web: Web = request.app.state.web
    return web


WebDep = Annotated[Web, Depends(web_of)]

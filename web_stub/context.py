"""What every route may reach, made once by `app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from agent.settings import Settings
from web_stub.access import Access
from web_stub.digest import Digests
from web_stub.points import PointsCache
from web_stub.thumbnails import Thumbnails
from web_stub.views import TaskViews

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store
    from web_stub.live import Hub


@dataclass(frozen=True, slots=True)
class Web:
    store: Store
    artifacts: Artifacts
    settings: Settings
    access: Access
    hub: Hub
    points: PointsCache
    views: TaskViews
    digests: Digests
    thumbnails: Thumbnails


def web_of(request: Request) -> Web:
    web: Web = request.app.state.web
    return web


WebDep = Annotated[Web, Depends(web_of)]

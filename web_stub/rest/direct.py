"""Questions to deployed models, answered before the router: finding their route costs as much again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from agent.errors import AgentError
from web_stub.rest.deployed import answer_question

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_PATH = re.compile(r"/api/models/([1-9][0-9]{0,17})/infer")  # numbers that a model can have


class DirectQuestions:
    """Answers `POST /api/models/N/infer` as its route does, and hands everything else on."""

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        self._app, self._refusal = app, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        asked = _PATH.fullmatch(scope["path"]) if is_post else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await answer_question(scope["app"].state.web, request, int(asked[1]))
        except AgentError as error:
            response = await self._refusal(request, error)
        await response(scope, receive, send)

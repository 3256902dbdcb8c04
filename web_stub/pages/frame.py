"""The frame of every page: templates, the values they all need, errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import Response

from agent.errors import NotFound
from web_stub.auth.addresses import to_root
from web_stub.context import Web
from web_stub.json_response import encode
from web_stub.parameters import LARGEST_ID

_Entity = TypeVar("_Entity")


def data_island(value: Any) -> Markup:
    """JSON for a <script type="application/json">: no text in it can end the element."""
    text = encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


_templates = Jinja2Templates(
    env=Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
)
_templates.env.filters["island"] = data_island


def page(request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
    """The template, filled in, with the frame around it."""
    web: Web = request.app.state.web
    cookie = request.scope.get("session_cookie")
    shared = {
        "version": request.app.version,
        "csrf": web.access.csrf_token(cookie) if cookie else "",
        "agent_name": web.settings.name,
        "here": request.url.path,
        "root": to_root(request.scope),
        "server_time_ms": time.time_ns() // 1_000_000,
    }
    return _templates.TemplateResponse(request, name, {**shared, **context}, status_code=status)


def find(get: Callable[[int], _Entity], id_: int, noun: str) -> _Entity:
    """The entity whose id stands in an address. Raises NotFound, which becomes an error page."""
    if 0 < id_ <= LARGEST_ID:
        with suppress(NotFound):
            return get(id_)
    raise NotFound(f"There is no {noun} {id_} in this installation.")


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, so that an error should be a page too."""
    is_api = request.url.path.startswith(("/api", "/public/api", "/assets"))
    return not is_api and "text/html" in request.headers.get("accept", "")


def error_page(request: Request, status: int, sentence: str) -> Response:
    return page(request, "error.html", status=status, code=status, sentence=sentence)

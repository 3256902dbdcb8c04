"""What every page shares: the templates, the frame's facts, and how an error looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import Response

from web_stub.context import Web
from web_stub.jsons import encode


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
    """The template, with what the frame around it needs."""
    web: Web = request.app.state.web
    cookie = request.scope.get("session_cookie")
    shared = {
        "version": request.app.version,
        "csrf": web.access.csrf_token(cookie) if cookie else "",
        "agent_name": web.settings.name,
        "here": request.url.path,
    }
    return _templates.TemplateResponse(request, name, {**shared, **context}, status_code=status)


def wants_page(request: Request) -> bool:
    """Whether an error is for a person: not an API path, and a browser asks."""
    is_api = request.url.path.startswith(("/api", "/public/api", "/assets"))
    return not is_api and "text/html" in request.headers.get("accept", "")


def error_page(request: Request, status: int, sentence: str) -> Response:
    return page(request, "error.html", status=status, code=status, sentence=sentence)

"""create_app: the routers, the guard before them, and one table from errors to statuses."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.responses import Response

from agent.errors import AgentError, Invalid, StoreBusy
from agent.settings import Settings
from web_stub import health, pages, public_api, rest
from web_stub.access import Access, installation_token
from web_stub.context import Web
from web_stub.digest import Digests
from web_stub.guard import Guard, Hosts, error_response
from web_stub.live import Hub
from web_stub.points import PointsCache
from web_stub.thumbnails import Thumbnails
from web_stub.views import TaskViews

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

logger = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
_NOT_GZIPPED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/x-tar", "application/octet-stream", "multipart/form-data")


def create_app(store: Store, artifacts: Artifacts, settings: Settings, *, access: Access | None = None) -> FastAPI:
    """The whole web over an open store. The caller closes the store after the app has ended."""
    access = access or Access(installation_token(settings), store.tokens)
    hub = Hub(store)
    app = FastAPI(
        title="Supervisely, local",
        version=version("supervisely-local"),
        description="Tasks, their events, metrics and checkpoints; models, projects and plugins of this installation.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_closing(hub),
        generate_unique_id_function=_operation_name,
    )
    points = PointsCache(store)
    cache = settings.home / "cache"
    digests, thumbnails = Digests(store, cache / "statistics"), Thumbnails(artifacts, cache / "thumbnails")
    app.state.web = Web(store, artifacts, settings, access, hub, points, TaskViews(store), digests, thumbnails)
    app.state.readiness = health.Readiness(app.state.web)
    app.include_router(rest.router, prefix="/api")
    app.include_router(public_api.router, prefix=public_api.PREFIX, include_in_schema=False)
    app.include_router(pages.router)
    app.include_router(health.router)
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5, exclude_content_types=_NOT_GZIPPED)
    app.add_middleware(Guard, access=access, hosts=Hosts(settings.web_host, settings.web_hosts))
    _describe(app)
    return app


def _closing(hub: Hub) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        hub.close()

    return lifespan


# ---------------------------------------------------------------- errors


async def _agent_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AgentError)
    if error.http_status >= 500:
        logger.error("%s", error)
    details: dict[str, object] = {"reason": error.reason}
    if isinstance(error, Invalid):
        details["problems"] = [
            {"file": p.file, "place": p.place, "sentence": p.sentence, "remedy": p.remedy} for p in error.problems
        ]
    return error_response(_status(request, error.http_status, again=isinstance(error, StoreBusy)), str(error), details)


def _status(request: Request, status: int, *, again: bool = False) -> int:
    """A 2019 client repeats what got a 5xx for two hours: it sees one only where trying again can help."""
    if not request.url.path.startswith(public_api.PREFIX):
        return status
    is_final = status >= 500 and status != 501 and not again
    return 400 if is_final or status == 409 else status  # 400 is what clients know for a taken name


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(item) for item in error.errors()]
    if pages.wants_page(request):
        return pages.error_page(request, 400, f"{'; '.join(problems)}.")
    return error_response(400, "; ".join(problems), {"reason": "bad_input", "problems": problems})


def _problem(item: dict[str, Any]) -> str:
    place, *path = [str(part) for part in item["loc"]]
    if item["type"] == "json_invalid":
        return f"the body is not JSON: {item['ctx']['error']} at position {path[0] if path else 0}"
    name = ".".join(path) or place
    said = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{name}: {said[:1].lower()}{said[1:]}" if path else f"the {place}: {said[:1].lower()}{said[1:]}"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.url.path} does not take {request.method}",
        400: "the body cannot be read: it is no JSON in UTF-8, or nested too deeply",  # FastAPI's only one
    }.get(error.status_code, str(error.detail))
    if pages.wants_page(request):
        return pages.error_page(request, error.status_code, sentence)
    response = error_response(error.status_code, sentence)
    response.headers.update(error.headers or {})
    return response


async def _bug(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return error_response(_status(request, 500), "the server failed on this request; its log has the details")


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    AgentError: _agent_error,
    RequestValidationError: _bad_request,
    HTTPException: _http_error,
    Exception: _bug,
}


# ---------------------------------------------------------------- the description


def _operation_name(route: APIRoute) -> str:
    return route.name


def _describe(app: FastAPI) -> None:
    """The OpenAPI: how to authorize, and one error shape instead of FastAPI's own 422."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema: dict[str, Any] = made()
        components = schema.setdefault("components", {})
        components["securitySchemes"] = {
            "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        schema["security"] = [{"apiKey": []}, {"bearer": []}]
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            components.get("schemas", {}).pop(unused, None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

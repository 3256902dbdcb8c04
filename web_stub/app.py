"""create_app: the routers, the middleware before them, and the table from errors to statuses."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from agent import version
from agent.errors import AgentError, ArtifactsAway, Invalid, StoreBusy
from agent.formats.json_errors import explain
from agent.notify import Outbox, tell_end
from agent.settings import Settings
from web_stub import agent_rpc, health, pages, public_api, rest
from web_stub.agent_rpc.originals import Originals
from web_stub.asking import Asker
from web_stub.auth.hosts import Hosts
from web_stub.auth.middleware import AccessMiddleware
from web_stub.auth.tokens import Access, open_access
from web_stub.broker import Broker, Interrupted, TimedOut
from web_stub.budget import TooBusy, Turns
from web_stub.charts.cache import PointsCache
from web_stub.charts.curves import Curves
from web_stub.context import Web
from web_stub.event_stream import Hub
from web_stub.gallery.find import open_search
from web_stub.gallery.thumbnails import Thumbnails
from web_stub.gallery.workers import Workers
from web_stub.json_response import error_response
from web_stub.judgings import Judgings
from web_stub.log_counts import LogCounts
from web_stub.rest.direct import DirectQuestions
from web_stub.task_cards import TaskCards

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

logger = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
_NOT_GZIPPED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/x-tar", "application/octet-stream", "multipart/form-data")


def create_app(
    store: Store,
    artifacts: Artifacts,
    settings: Settings,
    *,
    access: Access | None = None,
) -> FastAPI:
    """The whole web over an open store. The caller closes the store after the app has ended."""
    access = access or open_access(settings, store.tokens)
    hub = Hub(store)
    app = FastAPI(
        title="Supervisely, local",
        version=version(),
        description="Tasks, their events, metrics and checkpoints; models, projects and plugins of this installation.",
        docs_url=None,  # FastAPI's page loads scripts from other sites
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_closing(lambda: _close(app)),
        generate_unique_id_function=_operation_name,
        routes=_routes(),
    )
    points = PointsCache(store)
    cache = settings.home / "cache"
    workers = Workers()
    search = open_search(store, artifacts, cache, workers)
    thumbnails = Thumbnails(artifacts, cache / "thumbnails", workers)
    app.state.turns = Turns()
    broker = Broker(store, hub)
    outbox = app.state.outbox = Outbox()
    app.state.originals = Originals(store, partial(tell_end, outbox, store, settings))
    app.state.web = Web(
        store,
        artifacts,
        settings,
        access,
        hub,
        points,
        Curves(store, points),
        TaskCards(store),
        LogCounts(store),
        search,
        thumbnails,
        broker,
        Asker(store, broker),
        Judgings(store),
        workers,
        predictions=Turns(at_once=1),
    )
    app.state.readiness = health.Readiness(app.state.web)
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(DirectQuestions, refusal=_agent_error)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5, exclude_content_types=_NOT_GZIPPED)
    app.add_middleware(agent_rpc.ModelCalls, refusal=_agent_error)
    hosts = app.state.hosts = Hosts(settings.web_host, settings.web_hosts)
    app.add_middleware(AccessMiddleware, access=access, hosts=hosts)
    _describe(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Every route but `/assets`. FastAPI examines the types of all of them at the first request: once for all apps."""
    router = APIRouter(generate_unique_id_function=_operation_name)
    router.include_router(agent_rpc.router)
    router.include_router(rest.router, prefix="/api")
    router.include_router(public_api.router, prefix=public_api.PREFIX, include_in_schema=False)
    router.include_router(pages.router)
    router.include_router(health.router)
    return router.routes


def _closing(close: Callable[[], None]) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        close()

    return lifespan


def _close(app: FastAPI) -> None:
    web: Web = app.state.web
    web.hub.close()
    with app.state.web.workers.closing():  # so that what waits for a worker ends
        web.thumbnails.close()
        web.search.near.close()
        web.search.statistics.close()


# ---------------------------------------------------------------- errors


async def _agent_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AgentError)
    if error.http_status >= 500 and not isinstance(error, TooBusy | TimedOut | Interrupted):
        logger.error("%s", error)
    if pages.wants_page(request):
        return pages.error_page(request, error.http_status, str(error))
    details: dict[str, object] = {"reason": error.reason, **getattr(error, "details", {})}
    if isinstance(error, Invalid):
        details["problems"] = [
            {"file": p.file, "place": p.place, "sentence": p.sentence, "remedy": p.remedy} for p in error.problems
        ]
    return error_response(
        _status(request, error.http_status, again=isinstance(error, StoreBusy | ArtifactsAway | TooBusy | Interrupted)),
        str(error),
        details,
    )


def _status(request: Request, status: int, *, again: bool = False) -> int:
    """A 2019 client repeats a request that got a 5xx for two hours, so it gets a 5xx only where that can help."""
    if not request.url.path.startswith(public_api.PREFIX):
        return status
    is_final = status >= 500 and status != 501 and not again
    return 400 if is_final or status == 409 else status  # clients know 400 for a name that is taken


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(item, error.body) for item in error.errors()]
    if pages.wants_page(request):
        return pages.error_page(request, 400, f"{'; '.join(problems)}.")
    return error_response(400, "; ".join(problems), {"reason": "bad_input", "problems": problems})


def _problem(item: dict[str, Any], body: object) -> str:
    place, *path = [str(part) for part in item["loc"]]
    if item["type"] == "json_invalid":
        wrong = explain(str(body).encode(errors="replace"), ValueError())
        return str(wrong.problem("the body")).removesuffix(".")
    name = ".".join(path) or place
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{name if path else f'the {place}'}: {message[:1].lower()}{message[1:]}"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.url.path} does not take {request.method}",
        400: "the body cannot be read: it is no JSON in UTF-8, or nested too deeply",  # the only 400 of FastAPI itself
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
    """Complete the OpenAPI: how to authorize, and our own error shape instead of FastAPI's 422."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema: dict[str, Any] = original()
        components = schema.setdefault("components", {})
        components["securitySchemes"] = {
            "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        schema["security"] = [{"apiKey": []}, {"bearer": []}]
        for operations in schema["paths"].values():
            for operation in operations.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        for unused in ("HTTPValidationError", "ValidationError"):
            components.get("schemas", {}).pop(unused, None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

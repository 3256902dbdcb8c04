"""The pages: what a person sees. Templates give the frame and the first data; ES modules keep it alive."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from agent.errors import NotFound
from web_stub.access import SESSION_S
from web_stub.context import Web, WebDep
from web_stub.pages import library, new_task
from web_stub.pages.frame import error_page, page, wants_page
from web_stub.views import checkpoint_view, progress_view, series_view

__all__ = ["error_page", "router", "wants_page"]

FIRST_TASKS = 100

router = APIRouter(include_in_schema=False)
router.include_router(new_task.router)  # before the tasks, whose ids its address would be taken for
router.include_router(library.router)


@router.get("/")
def home() -> Response:
    return RedirectResponse("/tasks", status_code=303)


@router.get("/tasks")
def tasks_page(request: Request, web: WebDep) -> Response:
    cards = web.views.cards(web.store.tasks.list(limit=FIRST_TASKS))
    return page(request, "tasks.html", first={"cards": cards, "limit": FIRST_TASKS})


@router.get("/tasks/{task_id}")
def task_page(request: Request, web: WebDep, task_id: int) -> Response:
    try:
        task = web.store.tasks.get(task_id)
    except (NotFound, OverflowError):
        return error_page(request, 404, f"There is no task {task_id} in this installation.")
    first = {
        "task": web.views.detail(task),
        "progress": [progress_view(bar) for bar in web.store.progress.list(task_id)],
        "checkpoints": [checkpoint_view(item, web.store) for item in web.store.checkpoints.list(task_id)],
        "series": [series_view(series) for series in web.store.metrics.series(task_id)],
        "last_seq": web.store.events.last_seq(task_id),
    }
    return page(request, "task.html", first=first, task=task)


@router.get("/login")
def login_page(
    request: Request, web: WebDep, token: str = "", wanted: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    if token and web.access.redeem(token):
        return _logged_in(web, wanted)
    if request.scope.get("session_cookie"):
        return RedirectResponse(_local(wanted), status_code=303)
    said = "This login link was used already, or is too old. Enter the token." if token else ""
    return page(request, "login.html", said=said, next=_local(wanted), status=401 if token else 200)


@router.post("/login")
def login(
    request: Request,
    web: WebDep,
    token: Annotated[str, Form()] = "",
    wanted: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    if web.access.knows(token.strip()):
        return _logged_in(web, wanted)
    said = "That is not the token of this server." if token.strip() else "Enter the token."
    return page(request, "login.html", said=said, next=_local(wanted), status=401)


@router.post("/logout")
def logout(web: WebDep) -> Response:
    response = Response(status_code=204)
    response.delete_cookie(web.access.cookie_name, httponly=True, samesite="strict")
    return response


def _logged_in(web: Web, wanted: str) -> Response:
    response = RedirectResponse(_local(wanted), status_code=303)
    response.set_cookie(
        web.access.cookie_name, web.access.new_session(), max_age=int(SESSION_S), httponly=True, samesite="strict"
    )
    return response


def _local(wanted: str) -> str:
    """Where to go after the login, never to another site."""
    parts = urlsplit(wanted)
    is_local = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_local and wanted.isprintable() else "/"

"""The pages: what a person sees. Templates give the frame and the first data; ES modules keep it alive."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from agent.errors import NotFound
from web_stub.context import WebDep
from web_stub.pages import library, login, new_task, projects, space
from web_stub.pages.frame import error_page, page, wants_page
from web_stub.views import checkpoint_view, progress_view, series_view

__all__ = ["error_page", "router", "wants_page"]

FIRST_TASKS = 100

router = APIRouter(include_in_schema=False)
router.include_router(new_task.router)  # before the tasks, whose ids its address would be taken for
router.include_router(library.router)
router.include_router(projects.router)
router.include_router(space.router)
router.include_router(login.router)


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

"""The pages. Templates give the frame and the first data; ES modules draw the data and keep it up to date."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_stub.context import WebDep
from web_stub.lists import TaskListQuery, task_list
from web_stub.pages import compare, evaluations, library, login, new_task, projects, runs, space, studies
from web_stub.pages.frame import error_page, find, page, wants_page
from web_stub.pages.markdown import render_notes
from web_stub.task_cards import task_parts

__all__ = ["error_page", "router", "wants_page"]

FIRST_TASKS = 100

router = APIRouter(include_in_schema=False)
router.include_router(new_task.router)  # first: /tasks/new would be read as a task's id
router.include_router(compare.router)
router.include_router(evaluations.router)
router.include_router(library.router)
router.include_router(projects.router)
router.include_router(runs.router)
router.include_router(space.router)
router.include_router(studies.router)
router.include_router(login.router)


@router.get("/")
def home() -> Response:
    return RedirectResponse("/tasks", status_code=303)


@router.get("/tasks")
def tasks_page(request: Request, web: WebDep) -> Response:
    answer = task_list(web.store, web.cards, TaskListQuery(limit=FIRST_TASKS))
    return page(request, "tasks.html", first={"answer": answer, "limit": FIRST_TASKS})


@router.get("/tasks/{task_id}")
def task_page(request: Request, web: WebDep, task_id: int) -> Response:
    task = find(web.store.tasks.get, task_id, "task")
    first = {
        "task": web.cards.detail(task),
        **task_parts(web.store, task_id),
        "last_seq": web.store.events.last_seq(task_id),
    }
    return page(request, "task.html", first=first, task=task, notes_html=render_notes(task.notes))

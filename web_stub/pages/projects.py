"""The pages of projects: the list, one project's images and counts, and the viewer of one image."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from agent.domain import Project
from agent.errors import NotFound
from agent.store import Wanted
from web_stub.context import Web, WebDep
from web_stub.gallery_views import project_card, result_view, source_of
from web_stub.pages.frame import error_page, page
from web_stub.views import View, dataset_view

FIRST_PROJECTS = 40
_LARGEST_ID = 2**63 - 1

router = APIRouter(include_in_schema=False)


@router.get("/projects")
def projects_page(request: Request, web: WebDep) -> Response:
    found = web.store.projects.list(limit=FIRST_PROJECTS + 1)
    shown = found[:FIRST_PROJECTS]
    first = {
        "items": [project_card(project, web.store) for project in shown],
        "next": shown[-1].id if len(found) > FIRST_PROJECTS else None,
        "limit": FIRST_PROJECTS,
    }
    return page(request, "projects.html", first=first)


@router.get("/projects/{project_id}")
def project_page(request: Request, web: WebDep, project_id: int) -> Response:
    project = _known(web, project_id)
    if project is None:
        return _no_project(request, project_id)
    datasets = [dataset_view(dataset) for dataset in web.store.projects.datasets(project_id)]
    return page(request, "project.html", project=project, first={**_frame(web, project), "datasets": datasets})


@router.get("/projects/{project_id}/images")
def first_image(request: Request, web: WebDep, project_id: int) -> Response:
    """To the viewer at the project's first image, with the same query."""
    project = _known(web, project_id)
    if project is None:
        return _no_project(request, project_id)
    images = web.store.gallery.page(Wanted(project_id), limit=1)
    if not images:
        return RedirectResponse(f"/projects/{project_id}", status_code=303)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/projects/{project_id}/images/{images[0].id}{query}", status_code=303)


@router.get("/projects/{project_id}/images/{image_id}")
def image_page(request: Request, web: WebDep, project_id: int, image_id: int) -> Response:
    project = _known(web, project_id)
    if project is None:
        return _no_project(request, project_id)
    try:
        if not 0 < image_id <= _LARGEST_ID:
            raise NotFound(str(image_id))
        image = web.store.projects.image(image_id)
        if web.store.projects.dataset(image.dataset_id).project_id != project_id:
            raise NotFound(str(image_id))
    except NotFound:
        return error_page(request, 404, f"There is no image {image_id} in project {project.name!r}.")
    return page(
        request, "image.html", project=project, image=image, first={**_frame(web, project), "image_id": image_id}
    )


def _frame(web: Web, project: Project) -> dict[str, Any]:
    """The project, and the projects its labels can be compared with."""
    source = source_of(project, web.store)
    others: list[View] = []
    if source is not None:
        others.append({**source, "role": "truth"})
    others += [{**result_view(r)["project"], "role": "predictions"} for r in web.store.gallery.results_of(project.id)]
    if source is not None:  # other predictions for the same images
        siblings = web.store.gallery.results_of(source["id"])
        others += [{**result_view(s)["project"], "role": "sibling"} for s in siblings if s.project.id != project.id]
    return {"project": {**project_card(project, web.store), "meta": dict(project.meta)}, "others": others}


def _known(web: Web, project_id: int) -> Project | None:
    if not 0 < project_id <= _LARGEST_ID:
        return None
    try:
        return web.store.projects.get(project_id)
    except NotFound:
        return None


def _no_project(request: Request, project_id: int) -> Response:
    return error_page(request, 404, f"There is no project {project_id} in this installation.")

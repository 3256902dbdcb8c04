"""The pages of projects: the list, a project with its images and statistics, and the viewer of an image."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from agent.domain import Project
from agent.errors import NotFound
from agent.insights.sizes import BORDERS
from agent.insights.suspicious import MEANINGS
from agent.library.evaluations import Matching, suffix_of
from agent.store import Wanted
from web_stub.context import Web, WebDep
from web_stub.lists import ProjectListQuery, project_list
from web_stub.pages.frame import find, page
from web_stub.pages.markdown import render_notes
from web_stub.parameters import LARGEST_ID
from web_stub.resources.projects import Dataset, ProjectCardDetail
from web_stub.resources.resource import Ref

FIRST_PROJECTS = 40

_WORDS = {"names": {kind: name for kind, (name, _) in MEANINGS.items()}, "borders": BORDERS}  # of findings

router = APIRouter(include_in_schema=False)


@router.get("/projects")
def projects_page(request: Request, web: WebDep) -> Response:
    answer = project_list(web.store, ProjectListQuery(limit=FIRST_PROJECTS))
    return page(request, "projects.html", first={"answer": answer, "limit": FIRST_PROJECTS})


@router.get("/projects/{project_id}")
def project_page(request: Request, web: WebDep, project_id: int, view: str = "") -> Response:
    """The project's images, or with `view=data` what its data says."""
    project = find(web.store.projects.get, project_id, "project")
    datasets = [Dataset.of(dataset) for dataset in web.store.datasets.list(project_id)]
    shown = "data" if view == "data" else "images"
    first = {**_frame(web, project), "datasets": datasets, "words": _WORDS}
    notes_html = render_notes(project.notes)
    return page(request, "project.html", project=project, first=first, view=shown, notes_html=notes_html)


@router.get("/projects/{project_id}/images")
def first_image(request: Request, web: WebDep, project_id: int) -> Response:
    """To the viewer at the project's first image, with the same query."""
    find(web.store.projects.get, project_id, "project")
    images = web.store.gallery.page(Wanted(project_id), limit=1)
    if not images:
        return RedirectResponse(f"/projects/{project_id}", status_code=303)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/projects/{project_id}/images/{images[0].id}{query}", status_code=303)


@router.get("/projects/{project_id}/images/{image_id}")
def image_page(request: Request, web: WebDep, project_id: int, image_id: int) -> Response:
    project = find(web.store.projects.get, project_id, "project")
    image = find(web.store.images.get, image_id, "image")
    if web.store.datasets.get(image.dataset_id).project_id != project_id:
        raise NotFound(f"There is no image {image_id} in project {project.name!r}.")
    first = {**_frame(web, project), "image_id": image_id}
    known = {other["id"] for other in first["others"]}
    first["others"] += [
        other
        for other in _judged_with(web, project, request.query_params.get("evaluation"))
        if other["id"] not in known
    ]
    return page(request, "image.html", project=project, image=image, first=first)


def _frame(web: Web, project: Project) -> dict[str, Any]:
    """The project, and the projects whose labels can be compared with its own."""
    card = ProjectCardDetail.of(project, web.store)
    gallery = web.store.gallery
    origin = gallery.origin_of(project.id) if project.task_id is not None else None
    others = [_other(made.project, "predictions", suffix_of(made.config)) for made in gallery.results_of(project.id)]
    if card.source is not None:
        siblings = [made for made in gallery.results_of(card.source.id) if made.project.id != project.id]
        others.insert(0, _other(card.source, "truth", None))
        others += [_other(made.project, "sibling", suffix_of(made.config)) for made in siblings]
    return {"project": card, "suffix": origin and suffix_of(origin.config), "others": others}


def _judged_with(web: Web, project: Project, evaluation_id: str | None) -> list[dict[str, Any]]:
    """The other project of the evaluation that an address names; nothing where it names none of this project."""
    if evaluation_id is None or not evaluation_id.isdecimal() or int(evaluation_id) > LARGEST_ID:
        return []
    with suppress(NotFound):
        evaluation = web.store.evaluations.get(int(evaluation_id))
        suffix = Matching.from_json(evaluation.asked).suffix
        if project.id == evaluation.truth_id:
            return [_other(web.store.projects.get(evaluation.predicted_id), "predictions", suffix)]
        if project.id == evaluation.predicted_id:
            return [_other(web.store.projects.get(evaluation.truth_id), "truth", None)]
    return []


def _other(project: Project | Ref, role: str, suffix: str | None) -> dict[str, Any]:
    return {"id": project.id, "name": project.name, "role": role, "suffix": suffix}

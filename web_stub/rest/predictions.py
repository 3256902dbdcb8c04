"""A prediction that somebody wants to keep: its image and its annotation, in a project of the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import Json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent.domain import NewImage, Project
from agent.errors import BadInput, Conflict, Invalid
from agent.formats.annotation import Frame, annotation_problems
from agent.formats.json_values import compact
from agent.formats.meta import check_meta
from agent.fs.names import name_problem, shown
from agent.library.project_files import file_name
from agent.store import NamesTaken
from web_stub.budget import BudgetRoute, unless_gone
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.questions import AboutImage, header_of, read_about_image
from web_stub.resources.deployed import Kept

if TYPE_CHECKING:
    from agent.formats.image_header import ImageHeader

router = APIRouter(route_class=BudgetRoute, tags=["models"])

DATASET = "ds0"  # of a project that is made for predictions
MOST_TRIES = 1000  # of names for an image
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "project": {"type": "string", "description": "its name; it is made where there is none"},
                        "name": {"type": "string", "description": "of the image"},
                        "image": {"type": "string", "format": "binary", "description": "the file of the image"},
                        "image_id": {"type": "integer", "description": "or an image of the library"},
                        "annotation": {"type": "string", "description": "JSON, as a deployed model has answered"},
                        "meta": {"type": "string", "description": "JSON: the classes and tags of the annotation"},
                    },
                }
            }
        },
    }
}


class _Prediction(AboutImage):
    project: str
    name: str
    annotation: Json[dict[str, Any]] | dict[str, Any]
    meta: Json[dict[str, Any]] | dict[str, Any]


@router.post("/predictions", response_model=Kept, status_code=201, openapi_extra=_FORM)
async def keep_prediction(web: WebDep, request: Request) -> Response:
    """Add an image with its prediction to a project. Classes that it lacks are added to its meta."""
    with web.broker.room.part() as room:
        given, image = await read_about_image(request, room, _Prediction)
        # One at a time: a project is looked up, made and given classes, and two at once would lose one's classes.
        # Those that wait take no thread, and leave when their client does.
        work = web.predictions.take(lambda: run_in_threadpool(_keep, web, given, image))
        kept = await unless_gone(request, work)
    web.hub.touch()
    return json_response(kept, 201)


def _keep(web: Web, given: _Prediction, image: bytes | None) -> Kept:
    for what, name in (("project", given.project), ("image", given.name)):
        if problem := name_problem(name):
            raise BadInput(f"the name of the {what}, {shown(name[:80])!r}, {problem}")
    return _put(web, given, _new_image(web, given, image))


def _put(web: Web, given: _Prediction, new: NewImage) -> Kept:
    """In the project of that name, or a new one. Nothing is made or changed before all of it is known to be good."""
    found = web.store.projects.list(name=given.project, limit=1)
    meta = merged(found[0].meta if found else {"classes": [], "tags": []}, given.meta)
    of, problems = check_meta(meta)
    problems = problems or annotation_problems(
        new.annotation.encode(), of, f"{new.name}.json", Frame(new.width, new.height)
    )
    if problems:
        raise Invalid("the prediction", problems)
    project = found[0] if found else web.store.projects.create(given.project, "Predictions of deployed models", meta)
    if found and meta != project.meta:
        web.store.projects.edit(project.id, meta=meta)
    return Kept(project=project.id, image=_added(web, project, new))


def merged(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A meta with the classes and tags of both. Pure. BadInput where one name means two things."""
    result = dict(known)
    for key, name, kind in (("classes", "title", "shape"), ("tags", "name", "value_type")):
        items = [item for item in known.get(key) or [] if isinstance(item, dict)]
        by_name = {item.get(name): item for item in items}
        for item in more.get(key) or []:
            if not isinstance(item, dict) or not isinstance(item.get(name), str):
                raise BadInput(f"meta.{key} has an entry without a {name}")
            other = by_name.get(item[name])
            if other is None:
                items.append({part: value for part, value in item.items() if part != "id"})
            elif other.get(kind) != item.get(kind) and other.get(kind) != "any":
                raise BadInput(
                    f"the project has {item[name]!r} as {other.get(kind)}, the prediction as {item.get(kind)}; "
                    "choose another project"
                )
        result[key] = items
    return result


def _new_image(web: Web, given: _Prediction, image: bytes | None) -> NewImage:
    annotation = compact({"description": "", "tags": [], "objects": [], **given.annotation})
    if image is None:
        known = web.store.images.get(given.image_id or 0)
        sizes = (known.size_bytes, known.width, known.height)
        return NewImage(file_name(given.name, known.mime), known.sha256, *sizes, known.mime, annotation)
    header: ImageHeader = header_of(image)
    with web.artifacts.writer(what="prediction") as writer:
        writer.write(image)
    name = file_name(given.name, header.mime)
    return NewImage(name, writer.blob.sha256, len(image), header.width, header.height, header.mime, annotation)


def _added(web: Web, project: Project, new: NewImage) -> int:
    """The number of the image, under the first name that is free: `a.jpg`, `a_2.jpg`, …"""
    datasets = web.store.datasets.list(project.id)
    dataset = datasets[0] if datasets else web.store.datasets.add(project.id, DATASET)
    stem, dot, end = new.name.rpartition(".")
    for number in range(1, MOST_TRIES):
        name = new.name if number == 1 else f"{stem}_{number}{dot}{end}"
        try:
            return web.store.images.add(dataset.id, [replace(new, name=name)])[0].id
        except NamesTaken:
            continue
    raise Conflict(f"project {project.name!r} has {MOST_TRIES} images of this name; choose another")

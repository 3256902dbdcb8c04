"""Tags of whole images, put on and taken off many at once, as scripts do that divide a project into train and val."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from agent.domain import Image
from agent.errors import BadInput, Invalid, NotFound
from agent.formats.annotation import annotation_problems
from agent.formats.json_values import compact
from agent.formats.meta import check_meta
from agent.formats.meta_ids import tag_ids, with_ids
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.public_api.envelope import Body, Id, reply
from web_stub.public_api.image_view import empty_annotation

router = APIRouter(route_class=BudgetRoute)

_MAX_IMAGES = 10_000  # clients send a hundred at a time


class AddTag(Body):
    tag_id: Id
    ids: Annotated[list[Id], Field(max_length=_MAX_IMAGES)]
    value: str | int | float | None = None


class RemoveTags(Body):
    tag_ids: list[Id]
    ids: Annotated[list[Id], Field(max_length=_MAX_IMAGES)]


@router.post("/image-tags.bulk.add-to-image")
@large
def add_to_image(web: WebDep, body: AddTag) -> Response:
    """Put a tag of the project's meta on images, all or none; an image that has it gets the new value."""
    known = _Tags(web, body.ids)
    meta, name = known.meta, known.name(body.tag_id)
    tag = {"name": name, "value": body.value}

    def change(image: Image) -> str:
        text = _with_tags(image, lambda tags: [*(t for t in tags if _name(t) != name), tag])
        if problems := annotation_problems(text, meta, f"{image.name}.json"):
            raise Invalid(f"tag {name!r} on image {image.id} ({image.name!r})", problems)
        return text.decode()

    web.store.images.reannotate(body.ids, change)
    return reply({"success": True})


@router.post("/image-tags.bulk.remove-from-images")
@large
def remove_from_images(web: WebDep, body: RemoveTags) -> Response:
    """Take tags off images; an image without the tag stays as it is."""
    known = _Tags(web, body.ids)
    names = {known.name(id_) for id_ in body.tag_ids}
    web.store.images.reannotate(
        body.ids, lambda image: _with_tags(image, lambda tags: [t for t in tags if _name(t) not in names]).decode()
    )
    return reply({"success": True})


class _Tags:
    """The tags of the project that all these images belong to."""

    def __init__(self, web: Web, image_ids: list[int]) -> None:
        images = web.store.images.by_id(image_ids)
        if missing := sorted(set(image_ids) - {image.id for image in images}):
            raise NotFound(f"There is no image {missing[0]}.")
        projects = {web.store.datasets.get(id_).project_id for id_ in {image.dataset_id for image in images}}
        if len(projects) != 1:
            raise BadInput("a tag is put on images of one project at a time, at least one")
        self._project = web.store.projects.get(projects.pop())
        self.meta, _ = check_meta(self._project.meta)
        meta = with_ids(self._project.meta, self._project.id, known=self._project.meta)
        self._names = {id_: name for name, id_ in tag_ids(meta).items()}

    def name(self, tag_id: int) -> str:
        """The tag's name. Raises NotFound."""
        if tag_id not in self._names:
            raise NotFound(f"Project {self._project.id} ({self._project.name!r}) has no tag {tag_id}.")
        return self._names[tag_id]


def _with_tags(image: Image, change: Callable[[list[Any]], Iterable[Any]]) -> bytes:
    annotation = orjson.loads(image.annotation) if image.annotation else {}
    full = {**empty_annotation(image.width, image.height), **annotation}
    full["tags"] = list(change(full["tags"]))
    return compact(full).encode()


def _name(tag: Any) -> str:
    return str(tag.get("name")) if isinstance(tag, dict) else str(tag)

"""An image as clients read it, and the annotation of an image that has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.domain import Image
from agent.formats.meta_ids import tag_ids, with_ids
from web_stub.budget import while_wanted
from web_stub.context import Web
from web_stub.gallery.annotations import read_annotation
from web_stub.image_hashes import image_hash
from web_stub.public_api.envelope import USER_ID, View, time_text


def image_view(image: Image, tag_ids: Mapping[str, int]) -> View:
    annotation = read_annotation(image.annotation) or {}
    objects, tags = (value if isinstance(value := annotation.get(key), list) else [] for key in ("objects", "tags"))
    return {
        "id": image.id,
        "name": image.name,
        "title": image.name,
        "link": None,
        "hash": image_hash(image.sha256),
        "mime": mime_of(image.name, image.mime),
        "size": image.size_bytes,
        "width": image.width,
        "height": image.height,
        "labelsCount": len(objects),
        "datasetId": image.dataset_id,
        "meta": dict(image.meta) if image.meta is not None else {},
        "tags": [_tag_view(tag, image, tag_ids) for tag in tags],
        "pathOriginal": "",
        "fullStorageUrl": "",
        "createdBy": USER_ID,
        "createdAt": time_text(image.created_at),
        "updatedAt": time_text(image.updated_at),
    }


def mime_of(name: str, mime: str) -> str:
    """The kind in the spelling of the name's extension: a client appends `.<subtype>` to names that end otherwise.

    Of the spellings of JPEG the client knows all but `jfif`.
    """
    suffix = name.rpartition(".")[2].lower()
    spellings = {"image/tiff": ("tif", "tiff"), "image/jpeg": ("jfif",)}
    return f"image/{suffix}" if suffix in spellings.get(mime, ()) else mime


def _tag_view(tag: Any, image: Image, tag_ids: Mapping[str, int]) -> View:
    name = str(tag.get("name")) if isinstance(tag, dict) else str(tag)
    return {
        "imageId": image.id,
        "tagId": tag_ids.get(name),
        "name": name,
        "value": tag.get("value") if isinstance(tag, dict) else None,
    }


class TagIds(dict[int, dict[str, int]]):
    """Tag name → id for each dataset, looked up once."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def __missing__(self, dataset_id: int) -> dict[str, int]:
        project = self._web.store.projects.get(self._web.store.datasets.get(dataset_id).project_id)
        self[dataset_id] = tag_ids(with_ids(project.meta, project.id, known=project.meta))
        return self[dataset_id]


def image_views(web: Web, images: Iterable[Image]) -> list[View]:
    ids = TagIds(web)
    return [image_view(image, ids[image.dataset_id]) for image in while_wanted(images)]


def empty_annotation(width: int, height: int) -> dict[str, Any]:
    return {"description": "", "size": {"height": height, "width": width}, "tags": [], "objects": []}

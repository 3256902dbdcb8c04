"""Projects, images and counts → what lists and pages show of them. `rest/gallery_schema.py` declares the shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.domain import Dataset, Image, Project
from agent.errors import NotFound
from agent.store import InferenceResult, Place, Wanted
from web_stub.digest import Digest, objects_of, read_annotation, tag_names
from web_stub.views import View, project_view

if TYPE_CHECKING:
    from agent.store import Store

COVER_IMAGES = 4
THUMBNAIL = 320  # pixels


def project_card(project: Project, store: Store) -> View:
    classes = project.meta.get("classes")
    first = store.gallery.page(Wanted(project.id), limit=COVER_IMAGES)
    return {
        **project_view(project),
        "datasets_count": len(store.projects.datasets(project.id)),
        "classes": [class_ref(item) for item in classes if isinstance(item, Mapping)]
        if isinstance(classes, list)
        else [],
        "cover": [thumbnail_address(image) for image in first],
        "source": source_of(project, store),
    }


def class_ref(item: Mapping[str, object]) -> View:
    return {key: value if isinstance(value := item.get(key), str) else "" for key in ("title", "shape", "color")}


def source_of(project: Project, store: Store) -> View | None:
    """The project that this one holds predictions for."""
    origin = store.gallery.origin_of(project.id) if project.task_id is not None else None
    if origin is None:
        return None
    try:
        return {"id": origin.source_id, "name": store.projects.get(origin.source_id).name}
    except NotFound:
        return None


def result_view(result: InferenceResult) -> View:
    return {
        "project": {"id": result.project.id, "name": result.project.name},
        "task_id": result.task_id,
        "source_id": result.source_id,
        "created_at": result.project.created_at,
    }


def image_view(image: Image, dataset: Dataset) -> View:
    annotation = read_annotation(image.annotation)
    return {
        "id": image.id,
        "project_id": dataset.project_id,
        "dataset": {"id": dataset.id, "name": dataset.name},
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size_bytes,
        "mime": image.mime,
        "sha256": image.sha256,
        "objects": None if annotation is None else len(objects_of(annotation)),
        "tags": [] if annotation is None else list(tag_names(annotation)),
        "file": f"/api/images/{image.id}/file",
        "thumbnail": thumbnail_address(image),
        "created_at": image.created_at,
        "updated_at": image.updated_at,
    }


def thumbnail_address(image: Image) -> str:
    """Changes with the image's bytes, so that a browser may keep the picture."""
    return f"/api/images/{image.id}/thumbnail?size={THUMBNAIL}&of={image.sha256[:12]}"


def place_view(place: Place) -> View:
    return {
        "position": place.position,
        "total": place.total,
        "previous": place.previous_id,
        "next": place.next_id,
    }


def statistics_view(digest: Digest) -> View:
    return {
        "images": digest.images,
        "labeled_images": digest.labeled_images,
        "objects": digest.objects,
        "broken": digest.broken,
        "classes": [
            {
                "title": one.title,
                "shape": one.shape,
                "color": one.color,
                "objects": one.objects,
                "images": one.images,
                "area_share": one.pixels / digest.pixels if digest.pixels else 0.0,
            }
            for one in digest.classes
        ],
        "tags": [
            {
                "name": one.name,
                "value_type": one.value_type,
                "color": one.color,
                "images": one.images,
                "objects": one.objects,
            }
            for one in digest.tags
        ],
    }

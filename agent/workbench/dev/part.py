"""A few images of a project as a project of its own in the library: staged once, used by every run."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING

from agent.domain import Image, NewImage, NewProject, Project
from agent.errors import BadInput
from agent.formats.project import content_sha256
from agent.fs.names import free_name
from agent.workbench.dev.choosing import candidate, chosen

if TYPE_CHECKING:
    from agent.store import Store

MOST_READ = 5000  # images from which are chosen


def part_of(store: Store, project: Project, count: int) -> Project:
    """A project of `count` images that stand for the others; the project itself where it has no more.

    The same images are added once. Raises BadInput for a project without images.
    """
    if project.images_count == 0:
        raise BadInput(f"project {project.name!r} has no images to run the plugin on")
    if project.images_count <= count:
        return project
    datasets = store.datasets.list(project.id)
    images = [(dataset, image) for dataset in datasets for image in store.images.of_dataset(dataset.id)]
    found = list(islice(images, 0, None, max(1, len(images) // MOST_READ)))
    wanted = set(chosen([candidate(image.id, dataset.name, image.annotation) for dataset, image in found], count))
    kept = [(dataset.name, image) for dataset, image in found if image.id in wanted]
    rows = [(name, image.name, image.sha256, _sha256(image.annotation)) for name, image in kept]
    content = content_sha256(project.meta, rows)
    if (known := store.projects.by_content(content)) is not None:
        return known
    by_dataset: dict[str, list[NewImage]] = {}
    for name, image in kept:
        by_dataset.setdefault(name, []).append(_new(image))
    name = free_name(f"{project.name} ({count} for dev)", lambda taken: bool(store.projects.list(limit=1, name=taken)))
    return store.projects.add(
        NewProject(
            name=name,
            description=f"{count} images of project {project.id}, for agent dev.",
            meta=project.meta,
            content_sha256=content,
            datasets=list(by_dataset.items()),
        )
    )


def _new(image: Image) -> NewImage:
    return NewImage(**{name: getattr(image, name) for name in NewImage.__slots__})


def _sha256(annotation: str) -> str:
    return hashlib.sha256(annotation.encode()).hexdigest()

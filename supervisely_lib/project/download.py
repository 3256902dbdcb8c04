"""Download a project with the official client's Api object."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from supervisely_lib._utils import batched
from supervisely_lib.project.project import OpenMode, Project
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.task.progress import Progress


def download_project(
    api: Any,
    project_id: int,
    dest_dir: str,
    dataset_ids: Iterable[int] | None = None,
    log_progress: bool = False,
    batch_size: int = 10,
) -> None:
    """Write a project of a server, or only some of its datasets, to an empty folder.

    api: `supervisely.Api` of the official client, or an object with the same project, dataset, image and
    annotation parts. This SDK has no client of its own.
    """
    wanted = None if dataset_ids is None else set(dataset_ids)
    project = Project(dest_dir, OpenMode.CREATE)
    project.set_meta(ProjectMeta.from_json(api.project.get_meta(project_id)))
    for info in api.dataset.get_list(project_id):
        if wanted is not None and info.id not in wanted:
            continue
        dataset = project.create_dataset(info.name)
        images = api.image.get_list(info.id)
        progress = Progress(f"Downloading dataset: {info.name!r}", len(images)) if log_progress else None
        for batch in batched(images, batch_size):
            ids, names = [image.id for image in batch], [image.name for image in batch]
            api.image.download_paths(info.id, ids, [os.path.join(dataset.img_dir, name) for name in names])
            annotations = {ann.image_id: ann.annotation for ann in api.annotation.download_batch(info.id, ids)}
            for image_id, name in zip(ids, names):
                path = os.path.join(dataset.img_dir, name)
                dataset.add_item_file(name, path, annotations[image_id], _validate_img=False)
            if progress is not None:
                progress.iters_done_report(len(batch))

"""An evaluation as COCO tools read it: the ground truth as instances, the predictions as results.

`COCO("instances.json").loadRes("results.json")` of pycocotools judges them again. Labels are converted by who asks, in
a process that may be killed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from agent.errors import Conflict
from agent.evaluation.coco import CocoImage, CocoObjects
from agent.formats.stored_annotation import read_annotation
from agent.library.evaluated_images import CountedImage, ids_of, in_parts
from agent.library.evaluations import is_outdated

if TYPE_CHECKING:
    from agent.library.judging import Judging
    from agent.store import Store

_AT_ONCE = 128  # images whose annotations are read together
_CHARACTERS = 16 << 20  # of these annotations
Convert = Callable[[CocoImage], CocoObjects]
Json = dict[str, Any]


def coco(store: Store, judging: Judging, convert: Convert, each: Callable[[], object]) -> bytes:
    """A ZIP with `instances.json` and `results.json`. `each` is called for every image, and may raise.

    Conflict where a project was changed since: its annotations would not be those that were judged.
    """
    plan, evaluation = judging.plan, judging.evaluation
    if is_outdated(store, evaluation):
        raise Conflict(
            f"A project of evaluation {evaluation.id} was changed since, so its labels are not those that were judged. "
            "Evaluate again, and export that."
        )
    instances: list[Json] = []
    results: list[Json] = []
    images: list[Json] = []
    for image, truth, predicted in _annotations(store, judging):
        each()
        name = f"{image.dataset}/{image.name}"
        images.append({"id": image.number, "file_name": name, "width": image.width, "height": image.height})
        found = convert(CocoImage(plan, image.number, (image.width, image.height), truth, predicted))
        instances += [{"id": len(instances) + at, **one} for at, one in enumerate(found.truth, 1)]
        results += found.predicted
    categories = [{"id": number + 1, "name": title} for number, title in enumerate(plan.classes)]
    whole = {
        "info": {"description": f"evaluation {evaluation.id}"},
        "images": images,
        "categories": categories,
        "annotations": instances,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in (("instances.json", whole), ("results.json", results)):
            archive.writestr(zipfile.ZipInfo(file), orjson.dumps(content), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _annotations(store: Store, judging: Judging) -> Iterator[tuple[CountedImage, Json, Json]]:
    """Both annotations of each image, as the projects are now; {} for one that is gone or cannot be read."""
    evaluation = judging.evaluation
    sides = [ids_of(store, project_id) for project_id in (evaluation.truth_id, evaluation.predicted_id)]
    ids = [[side.get((image.dataset, image.name), 0) for side in sides] for image in judging.images]
    sizes = store.evaluations.annotation_sizes([id_ for of_image in ids for id_ in of_image])
    of_images = [sum(sizes.get(id_, 0) for id_ in of_image) for of_image in ids]
    for part in in_parts(of_images, most=_AT_ONCE, most_size=_CHARACTERS):
        texts = store.evaluations.annotations([id_ for of_image in ids[part] for id_ in of_image])
        for image, (truth, predicted) in zip(judging.images[part], ids[part], strict=True):
            read = [read_annotation(texts.get(id_, "")) or {} for id_ in (truth, predicted)]
            yield image, read[0], read[1]

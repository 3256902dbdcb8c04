"""An evaluation as COCO tools read it: the ground truth as instances, the predictions as results.

`COCO("instances.json").loadRes("results.json")` of pycocotools judges them again.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from agent.evaluation.plan import BOXES, MASKS, NOTHING
from agent.evaluation.reading import Thing, read_things
from agent.formats.stored_annotation import read_annotation
from agent.library.evaluated_images import CountedImage, ids_of

if TYPE_CHECKING:
    from agent.evaluation.areas import Area
    from agent.library.judging import Judging
    from agent.store import Store

_AT_ONCE = 128  # images whose annotations are read together
Json = dict[str, Any]


def coco(store: Store, judging: Judging, each: Callable[[], object]) -> bytes:
    """A ZIP with `instances.json` and `results.json`. `each` is called for every image, and may raise."""
    plan, evaluation = judging.plan, judging.evaluation
    instances: list[Json] = []
    results: list[Json] = []
    images: list[Json] = []
    for image, truth, predicted in _annotations(store, judging):
        each()
        name = f"{image.dataset}/{image.name}"
        images.append({"id": image.number, "file_name": name, "width": image.width, "height": image.height})
        size = (image.width, image.height)
        for thing in _compared(read_things(plan, truth, size, predicted=False).things):
            area = thing.area
            known = {"id": len(instances) + 1, "iscrowd": 0, "area": area.pixels if area is not None else 0}
            instances.append({**known, **_object(image, thing)})
        results += [
            {**_object(image, thing), "score": 1.0 if thing.confidence is None else thing.confidence}
            for thing in _compared(read_things(plan, predicted, size, predicted=True).things)
        ]
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
    for start in range(0, len(judging.images), _AT_ONCE):
        some = judging.images[start : start + _AT_ONCE]
        ids = [[side.get((image.dataset, image.name), 0) for side in sides] for image in some]
        texts = store.evaluations.annotations([id_ for of_image in ids for id_ in of_image])
        for image, (truth, predicted) in zip(some, ids, strict=True):
            read = [read_annotation(texts.get(id_, "")) or {} for id_ in (truth, predicted)]
            yield image, read[0], read[1]


def _compared(things: list[Thing]) -> list[Thing]:
    return [one for one in things if one.number != NOTHING and one.kind in (MASKS, BOXES) and one.area is not None]


def _object(image: CountedImage, thing: Thing) -> Json:
    area = thing.area
    assert area is not None
    found: Json = {"image_id": image.number, "category_id": thing.number + 1, "bbox": _bbox(area)}
    if thing.kind == MASKS:
        found["segmentation"] = {
            "size": [image.height, image.width],
            "counts": run_lengths(area, image.width, image.height),
        }
    return found


def _bbox(area: Area) -> list[float]:
    left, top, right, bottom = area.left, area.top, area.right, area.bottom
    if area.on is not None:
        columns, rows = np.flatnonzero(area.on.any(axis=0)), np.flatnonzero(area.on.any(axis=1))
        left, right = area.left + int(columns[0]), area.left + int(columns[-1]) + 1
        top, bottom = area.top + int(rows[0]), area.top + int(rows[-1]) + 1
    return [float(left), float(top), float(right - left), float(bottom - top)]


def run_lengths(area: Area, width: int, height: int) -> str:
    """The pixels of an area on a (width, height) image as COCO writes them: lengths of runs down the columns. Pure."""
    rows = area.bottom - area.top
    shape = (rows + 1, area.right - area.left)  # a row that is off ends each column
    on = np.zeros(shape, bool)
    on[:rows] = True if area.on is None else area.on
    flat = np.concatenate([[False], on.T.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    columns, inside = np.divmod(edges, rows + 1)
    places = (area.left + columns) * height + area.top + inside
    starts, ends = places[0::2], places[1::2]
    is_new = np.concatenate([[True], starts[1:] != ends[:-1]])  # a run goes on in the next column
    starts, ends = starts[is_new], ends[np.concatenate([is_new[1:], [True]])]
    bounds = np.column_stack([starts, ends]).ravel()
    return _packed(np.diff(np.concatenate([[0], bounds, [width * height]])).tolist())


def _packed(lengths: list[int]) -> str:
    """Lengths as text, five bits a character, from the third on as the difference to the one before the last."""
    if lengths and lengths[-1] == 0:
        lengths = lengths[:-1]
    text = bytearray()
    for at, length in enumerate(lengths):
        rest = length - lengths[at - 2] if at > 2 else length
        while True:
            bits, rest = rest & 0x1F, rest >> 5
            is_last = rest == (-1 if bits & 0x10 else 0)
            text.append(48 + (bits if is_last else bits | 0x20))
            if is_last:
                break
    return text.decode()

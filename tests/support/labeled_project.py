"""A project whose pixels are all known, predictions for it, and broken annotations."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

from PIL import Image as Picture

from agent.artifacts import Artifacts
from agent.domain import NewImage, NewProject, NewTask, Project, TaskStatus, TaskType
from agent.store import Store
from tests.support.demo_store import Library

SIZE = (80, 60)
COLORS = {"leaf": "#FF0000", "plot": "#00FF00", "box": "#0000FF", "path": "#FF00FF", "spot": "#00FFFF"}
SHAPES = {"leaf": "bitmap", "plot": "polygon", "box": "rectangle", "path": "line", "spot": "point"}
META = {
    "classes": [{"title": t, "shape": SHAPES[t], "color": COLORS[t], "geometry_config": {}} for t in COLORS],
    "tags": [{"name": "train", "value_type": "none"}, {"name": "light", "value_type": "any_string"}],
}


def png(picture: Picture.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def mask_data(width: int, height: int, *, hole: tuple[int, int, int, int] | None = None) -> str:
    """A filled mask as the official SDK writes it (contract: project_format.md 4)."""
    mask = Picture.new("P", (width, height), 1)
    mask.putpalette([0, 0, 0, 255, 255, 255])
    if hole is not None:
        mask.paste(0, hole)
    return base64.b64encode(zlib.compress(png(mask, bits=1, transparency=0))).decode()


def bitmap(title: str, x: int, y: int, width: int, height: int, **more: Any) -> dict[str, Any]:
    return {"classTitle": title, "tags": [], "bitmap": {"origin": [x, y], "data": mask_data(width, height, **more)}}


def shape(title: str, exterior: list[Any], interior: list[Any] | None = None) -> dict[str, Any]:
    return {"classTitle": title, "tags": [], "points": {"exterior": exterior, "interior": interior or []}}


def annotation(objects: list[Any], tags: list[Any] | None = None, size: tuple[int, int] = SIZE) -> str:
    frame = {"width": size[0], "height": size[1]}
    return json.dumps({"description": "", "size": frame, "tags": tags or [], "objects": objects})


EVERY_SHAPE = [
    bitmap("leaf", 5, 5, 20, 10, hole=(8, 4, 12, 6)),
    shape("plot", [[40, 5], [70, 5], [70, 25], [40, 25]], [[[50, 10], [60, 10], [60, 20], [50, 20]]]),
    shape("box", [[5, 30], [24, 49]]),
    shape("path", [[40, 40], [70, 40]]),
    shape("spot", [[60, 52]]),
]
SEEN_META = {  # the model has two of the classes, with a suffix
    "classes": [{"title": f"{t}_nn", "shape": "bitmap", "color": COLORS[t]} for t in ("leaf", "plot")],
    "tags": META["tags"],
}
PREDICTED = [bitmap("leaf_nn", 5, 5, 10, 10), bitmap("plot_nn", 40, 5, 31, 21)]

HOSTILE = [
    {"classTitle": "<img src=x onerror=alert(1)>", "bitmap": {"origin": [0, 0], "data": "no base64 at all"}},
    {"classTitle": "leaf", "bitmap": {"origin": [0, 0], "data": base64.b64encode(zlib.compress(b"no PNG")).decode()}},
    {"classTitle": "leaf", "bitmap": {"origin": ["a", None], "data": mask_data(4, 4)}},
    {"classTitle": "leaf", "bitmap": {"origin": [0, 0], "data": base64.b64encode(zlib.compress(bytes(9))).decode()}},
    {"classTitle": "leaf", "bitmap": None, "points": None},
    {"classTitle": ["leaf"], "points": {"exterior": [[0, 0], [9, 9], [0, 9]]}},
    {"classTitle": "plot", "points": {"exterior": [[0, 0], [1e300, 5], [3, 1e18]], "interior": "holes"}},
    {"classTitle": "plot", "points": {"exterior": [["a", 0], [1], None], "interior": []}},
    {"classTitle": "box", "points": {"exterior": [], "interior": []}},
    {"nodes": {"a": {"loc": [1, 2]}, "b": {}}, "classTitle": "spot", "tags": "none"},
    "not an object",
    None,
    7,
    shape("box", [[-50, 40], [500, 55]]),
]


def add(
    store: Store,
    artifacts: Artifacts,
    name: str,
    images: dict[str, dict[str, str]],
    *,
    meta: dict[str, Any] = META,
    task_id: int | None = None,
    size: tuple[int, int] = SIZE,
) -> Project:
    """A project of grey images of this width and height, `images`: dataset → image name → annotation."""
    blob = artifacts.put_bytes(png(Picture.new("RGB", size, (90, 90, 90))))
    datasets = [
        (
            dataset,
            [
                NewImage(image, blob.sha256, blob.size_bytes, *size, "image/png", text)
                for image, text in of_dataset.items()
            ],
        )
        for dataset, of_dataset in images.items()
    ]
    return store.projects.add(NewProject(name, "", meta, "", datasets, task_id))


def fields(store: Store, artifacts: Artifacts) -> Project:
    """Two datasets: `north` with every shape and an image without objects, `south` with one label."""
    return add(
        store,
        artifacts,
        "Fields",
        {
            "north": {
                "a.png": annotation(EVERY_SHAPE, ["train", {"name": "light", "value": "dim"}]),
                "b.png": annotation([], [{"name": "train"}]),
            },
            "south": {"a.png": annotation([bitmap("leaf", 0, 0, 80, 60)])},
        },
    )


def predictions(store: Store, artifacts: Artifacts, library: Library, of: Project) -> Project:
    """Predictions for `fields`: the left half of the leaf, and the plot without its hole."""
    new = NewTask(TaskType.INFERENCE, "Fields, seen", library.plugin_id, of.id, library.model_id, {})
    task = store.tasks.add(new)
    store.tasks.claim("an-agent", task_id=task.id)
    store.tasks.become(task.id, TaskStatus.STARTED)
    images = {"north": {"a.png": annotation(PREDICTED), "b.png": annotation([])}, "south": {"a.png": annotation([])}}
    made = add(store, artifacts, "Fields, seen", images, meta=SEEN_META, task_id=task.id)
    store.tasks.set_result_project(task.id, made.id)
    store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished", exit_code=0)
    return made

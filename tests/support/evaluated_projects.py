"""A labelled project and predictions for it, small and made by rule: each kind of error is in a known image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import orjson

from agent.domain import (
    NewImage,
    NewModel,
    NewProject,
    NewTask,
    Project,
    Provenance,
    Task,
    TaskOptions,
    TaskStatus,
    TaskType,
)
from agent.evaluating import inside, runner
from agent.events.model import CheckpointReported
from agent.store import Evaluation, EvaluationStatus, Store

WIDTH, HEIGHT = 64, 48
SUFFIX = "_nn"
CONFIG = {
    "model": {"confidence_tag_name": "confidence"},
    "mode": {"name": "full_image", "model_classes": {"save_classes": "__all__", "add_suffix": SUFFIX}},
}
META = {
    "classes": [
        {"title": "apple", "shape": "rectangle", "color": "#ff0000"},
        {"title": "pear", "shape": "rectangle", "color": "#00ff00"},
        {"title": "leaf", "shape": "polygon", "color": "#0000ff"},
    ],
    "tags": [
        {"name": "train", "value_type": "none", "color": "#111111"},
        {"name": "val", "value_type": "none", "color": "#222222"},
    ],
}
PREDICTED_META = {
    "classes": [*META["classes"], *({**one, "title": one["title"] + SUFFIX} for one in META["classes"])],
    "tags": [*META["tags"], {"name": "confidence", "value_type": "any_number", "color": "#333333"}],
}
Label = Mapping[str, Any]


def box(title: str, left: int, top: int, right: int, bottom: int, confidence: float | None = None) -> Label:
    tags = [] if confidence is None else [{"name": "confidence", "value": confidence}]
    points = {"exterior": [[left, top], [right, bottom]], "interior": []}
    return {"classTitle": title, "geometryType": "rectangle", "description": "", "tags": tags, "points": points}


def ring(title: str, left: int, top: int, right: int, bottom: int) -> Label:
    outer = [[left, top], [right, top], [right, bottom], [left, bottom]]
    points = {"exterior": outer, "interior": []}
    return {"classTitle": title, "geometryType": "polygon", "description": "", "tags": [], "points": points}


def annotation(*labels: Label, tag: str = "") -> str:
    tags = [{"name": tag, "value": None}] if tag else []
    size = {"height": HEIGHT, "width": WIDTH}
    return orjson.dumps({"description": "", "tags": tags, "size": size, "objects": list(labels)}).decode()


def _truth(number: int) -> list[Label]:
    return [
        box("apple", 4, 4, 19, 19),
        ring("leaf", 30, 10, 49, 29),
        *([box("pear", 2, 30, 17, 45)] if number % 2 else []),
    ]


def _predicted(number: int) -> list[Label]:
    """Each fourth image is right; then an apple is missed, one is taken for a pear, and one is found twice."""
    sure = 0.9 - 0.05 * number
    kept = _truth(number)
    leaf = ring("leaf" + SUFFIX, 30, 10, 49, 19 if number % 4 == 3 else 29)
    pear = [box("pear" + SUFFIX, 2, 30, 17, 45, sure)] if number % 2 else []
    apple = {
        0: [box("apple" + SUFFIX, 4, 4, 19, 19, sure)],
        1: [],
        2: [box("pear" + SUFFIX, 4, 4, 19, 19, sure)],
        3: [box("apple" + SUFFIX, 4, 4, 19, 19, sure), box("apple" + SUFFIX, 5, 5, 20, 20, sure - 0.2)],
    }[number % 4]
    return [*kept, *apple, leaf, *pear]


def add_images(
    store: Store, name: str, meta: Mapping[str, Any], texts: Sequence[str], *, task_id: int | None = None
) -> Project:
    """A project of these annotations in two datasets; no file is behind its images."""
    images = [
        NewImage(f"{number:03}.png", f"{number:064x}", 3, WIDTH, HEIGHT, "image/png", text)
        for number, text in enumerate(texts)
    ]
    half = (len(images) + 1) // 2
    datasets = [("ds1", images[:half]), *([("ds2", images[half:])] if len(images) > 1 else [])]
    content = hashlib.sha256(orjson.dumps([meta, *texts])).hexdigest()
    return store.projects.add(NewProject(name, "", meta, content, datasets, task_id))


def add_truth(store: Store, images: int = 8, name: str = "fruit") -> Project:
    texts = [annotation(*_truth(number), tag="val" if number % 3 == 0 else "train") for number in range(images)]
    return add_images(store, name, META, texts)


def add_predictions(store: Store, truth: Project, *, name: str = "guesses", **options: Any) -> Task:
    """A finished inference on that project; its result has the labels of the truth as well, as plugins leave them."""
    return end_inference(store, store.tasks.add(new_inference(store, truth, name=name, **options)), name)


def end_inference(store: Store, task: Task, name: str) -> Task:
    """What an agent makes of a queued inference on a project of `add_truth`."""
    number = int(store.projects.get(task.project_id or 0).images_count)
    texts = [annotation(*_predicted(at), tag="val" if at % 3 == 0 else "train") for at in range(number)]
    made = add_images(store, name, PREDICTED_META, texts, task_id=task.id)
    store.tasks.set_result_project(task.id, made.id)
    for status in (TaskStatus.CONSUMED, TaskStatus.STARTED, TaskStatus.FINISHED):
        store.tasks.become(task.id, status)
    return store.tasks.get(task.id)


def new_inference(store: Store, truth: Project, *, name: str = "guesses", **options: Any) -> NewTask:
    plugin = store.plugins.put(
        title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train", "inference"],
        readme="", configs=[{"title": "whole", "type": "inference", "config": CONFIG}], image_digest=None, folder=None,
        content_sha256=None,
    )  # fmt: skip
    model = next(iter(store.models.of_bytes("1" * 64)), None) or store.models.add(NewModel("net", "1" * 64, 10, {}))
    return NewTask(
        type=TaskType.INFERENCE, name=name, plugin_id=plugin.id, project_id=truth.id, model_id=model.id, config=CONFIG,
        options=TaskOptions(**options),
    )  # fmt: skip


class _Here:
    """As `Processes`, without any."""

    def __init__(self, plan: bytes, most: int) -> None:
        self._plan = plan

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def count(self, parts: Any, *, stop: Any) -> Any:
        with patch.object(inside, "_plan", [self._plan]):
            yield from (inside.count(number, rows) for number, rows in parts)

    def judge(self, counts: Any, *, stop: Any) -> Any:
        with patch.object(inside, "_plan", [self._plan]):
            return inside.judge(counts)


def compute_here(store: Store, id_: int) -> Evaluation:
    """Compute an evaluation to its end in this process: a pool of processes takes seconds to start."""

    with patch.object(runner, "Processes", _Here):
        done = runner.compute(store, id_)
    assert done is not None
    assert done.status is EvaluationStatus.DONE, done.reason
    return done


def add_training(store: Store, truth: Project, *, checkpoints: int, best: int) -> Task:
    """A training on that project with so many published checkpoints, of which that one was better than all before."""
    task = store.tasks.add(replace(new_inference(store, truth, name="net"), type=TaskType.TRAIN))
    for index in range(checkpoints):
        optional = {"epoch": index + 0.5}
        reported = CheckpointReported(
            index=index, subdir=f"{index:08}", size_bytes=1, is_best=index == best, optional=optional
        )
        known = store.checkpoints.add(task.id, index + 1, reported)
        origin = Provenance(task_id=task.id, checkpoint_index=index, is_best=index == best)
        store.checkpoints.publish(known.id, NewModel(f"net {index}", f"{index:064}", 1, {}, provenance=origin))
    return task

"""Evaluations as they are asked for: which projects, and how classes and tags are matched; the key of their content.

Every door comes through here: the command, REST, the page, and the end of an inference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from agent.domain import TaskType
from agent.errors import BadInput, NotFound
from agent.evaluation import VERSION
from agent.store import NewEvaluation, Planned, contents_of

if TYPE_CHECKING:
    from agent.domain import Model, Project, Task
    from agent.evaluation.plan import Plan
    from agent.store import Evaluation, Store

_NO_SUFFIX = (
    "The config of the inference names no suffix for predicted classes, so labels that it kept of its input cannot be "
    "told from its predictions."
)
_PURPOSES = ("train", "val")  # tags that say what an image is for, unless the training names its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How the predictions' classes and tags are found for those of the ground truth. None: not said, so worked out."""

    suffix: str | None = None  # behind the titles of predicted classes and tags
    mapping: Mapping[str, str] | None = None  # titles of the ground truth → titles of the predictions
    tag_mapping: Mapping[str, str] | None = None
    neutral: tuple[str, ...] | None = None  # classes of the ground truth below which nothing is judged
    background: str | None = None  # the class of pixels without a label; empty: none
    confidence_tag: str | None = None
    purposes: tuple[str, ...] | None = None  # tags that say what an image is for, and are not judged

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Matching:
        known: dict[str, Any] = {name: value for name, value in values.items() if name in cls.__dataclass_fields__}
        lists: dict[str, Any] = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**{**known, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """An evaluation as asked for: projects by id or name."""

    truth: int | str | None = None  # None: the project that the inference read
    predictions: int | str
    matching: Matching = field(default_factory=Matching)


def evaluate(store: Store, asked: EvaluationRequest) -> Evaluation:
    """The evaluation that was asked for: the one that exists, else a new one in the queue.

    Raises NotFound for an unknown project, BadInput where nothing can be compared.
    """
    predicted = _project(store, asked.predictions)
    origin = store.gallery.origin_of(predicted.id) if predicted.task_id is not None else None
    if asked.truth is None and origin is None:
        raise BadInput(f"Project {predicted.name!r} is the result of no inference, so name the project to judge it by.")
    truth = _project(store, origin.source_id if asked.truth is None and origin is not None else asked.truth or 0)
    if truth.id == predicted.id:
        raise BadInput(f"Project {truth.name!r} cannot be judged by itself; name two projects.")
    if not store.evaluations.has_labels(truth.id):
        raise BadInput(f"Project {truth.name!r} has no labels to judge predictions by.")
    task = store.tasks.get(origin.task_id) if origin is not None else None
    planned = plan_of(store, truth, predicted, asked.matching, task)
    new = NewEvaluation(
        truth_id=truth.id,
        predicted_id=predicted.id,
        task_id=task.id if task is not None else None,
        model_id=task.model_id if task is not None else None,
        asked=asked.matching.to_json(),
        planned=planned,
    )
    return store.evaluations.add(new)


def plan_of(store: Store, truth: Project, predicted: Project, matching: Matching, task: Task | None) -> Planned:
    """What is compared and how. What the matching leaves open, the inference and its training say.

    Raises BadInput where the projects have no image, or no class and no tag, in common.
    """
    from agent.evaluation.planning import make_plan  # late: most who ask for evaluations plan none

    said = _worked_out(store, task)
    whole = replace(said, **_given(matching))
    plan = make_plan(
        truth.meta,
        predicted.meta,
        suffix=whole.suffix or "",
        mapping=whole.mapping,
        tag_mapping=whole.tag_mapping,
        neutral=_present(truth, whole.neutral or ()),
        background=whole.background or "",
        left_out_tags=whole.purposes or _PURPOSES,
        confidence_tag=whole.confidence_tag or "confidence",
    )
    if task is not None and not whole.suffix and whole.mapping is None and plan.truth.keys() & plan.predicted.keys():
        plan = msgspec.structs.replace(plan, remarks=(*plan.remarks, _NO_SUFFIX))
    common = store.evaluations.count_common(truth.id, predicted.id)
    if not common:
        raise BadInput(
            f"Projects {truth.name!r} and {predicted.name!r} have no image of the same name in a dataset of the same "
            "name, so there is nothing to compare."
        )
    contents = (contents_of(truth), contents_of(predicted))
    return Planned(
        key=key_of(contents, plan), contents=contents, plan=orjson.loads(plan.to_json()), images_total=common
    )


def key_of(contents: tuple[str, str], plan: Plan) -> str:
    """The address of an evaluation: equal for equal projects, an equal plan and figures of the same meaning."""
    return hashlib.sha256(orjson.dumps([VERSION, *contents]) + plan.to_json()).hexdigest()


def suffix_of(config: object) -> str | None:
    """What an inference put behind the titles of predicted classes, by its config; None where the config does not say.

    The project that it made has the labels of its input as well, under their own titles.
    """
    mode = config.get("mode") if isinstance(config, Mapping) else None
    classes = mode.get("model_classes") if isinstance(mode, Mapping) else None
    suffix = classes.get("add_suffix") if isinstance(classes, Mapping) else None
    return suffix if isinstance(suffix, str) and suffix else None


def _worked_out(store: Store, task: Task | None) -> Matching:
    """What the config of the inference says, and the config with which its model was trained."""
    if task is None or task.type is not TaskType.INFERENCE:
        return Matching()
    try:
        model: Model | None = store.models.get_anywhere(task.model_id)
    except NotFound:
        model = None
    trained = model.provenance.train_config if model is not None else None
    special = _dict(trained, "special_classes")
    neutral, background = special.get("neutral"), special.get("background")
    settings = task.config.get("model")
    tag = settings.get("confidence_tag_name") if isinstance(settings, Mapping) else None
    purposes = tuple(name for name in _dict(trained, "dataset_tags").values() if isinstance(name, str))
    return Matching(
        suffix=suffix_of(task.config),
        neutral=(neutral,) if isinstance(neutral, str) and neutral else None,
        background=background if isinstance(background, str) else None,
        confidence_tag=tag if isinstance(tag, str) and tag else None,
        purposes=tuple(dict.fromkeys((*_PURPOSES, *purposes))),
    )


def _dict(config: object, key: str) -> Mapping[str, Any]:
    found = config.get(key) if isinstance(config, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _given(matching: Matching) -> dict[str, Any]:
    return {name: value for name in matching.__dataclass_fields__ if (value := getattr(matching, name)) is not None}


def _present(truth: Project, titles: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are classes of the project: a training may name a neutral class that no image has."""
    classes = truth.meta.get("classes")
    known = [item.get("title") for item in classes if isinstance(item, Mapping)] if isinstance(classes, list) else []
    return tuple(title for title in titles if title in known)


def _project(store: Store, reference: int | str) -> Project:
    return store.projects.get(reference) if isinstance(reference, int) else store.projects.find(reference)


def is_outdated(store: Store, evaluation: Evaluation) -> bool:
    """Whether one of its projects was changed or removed since it was judged."""
    if evaluation.contents is None:
        return False
    try:
        now = tuple(
            contents_of(store.projects.get_anywhere(id_)) for id_ in (evaluation.truth_id, evaluation.predicted_id)
        )
    except NotFound:
        return True
    return now != evaluation.contents

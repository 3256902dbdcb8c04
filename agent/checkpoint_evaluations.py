"""Every checkpoint of a training judged on one project: what there is, and what is still to be predicted.

The end of each inference queues its evaluation, so asking for all of them means asking for the inferences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.domain import CheckpointState, Task, TaskStatus, TaskType
from agent.errors import BadInput, NotFound
from agent.library.evaluations import EvaluationRequest, evaluate
from agent.store import EvaluationStatus, contents_of
from agent.submission import TaskRequest, choose_config, new_task
from agent.task_options import RequestedOptions

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import Checkpoint, Project
    from agent.settings import Settings
    from agent.store import Evaluation, Store

_NOT_KEPT = (TaskStatus.ERROR, TaskStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class JudgedCheckpoint:
    """A published checkpoint, the newest inference with it on the project, and the newest evaluation of one."""

    checkpoint: Checkpoint
    is_kept: bool  # its model can be used
    inference: Task | None
    evaluation: Evaluation | None

    @property
    def epoch(self) -> float | None:
        """As official trainers report it with a checkpoint."""
        epoch = (self.checkpoint.optional or {}).get("epoch")
        is_number = isinstance(epoch, (int, float)) and not isinstance(epoch, bool)
        return float(epoch) if is_number and math.isfinite(epoch) else None  # type: ignore[arg-type]


def training_of(store: Store, task_id: int) -> Task:
    """NotFound; BadInput for a task that makes no checkpoints."""
    task = store.tasks.get(task_id)
    if task.type is not TaskType.TRAIN:
        raise BadInput(f"Task {task_id} is no training, so it has no checkpoints to evaluate.")
    return task


def project_for(store: Store, training: Task, asked: int | str | None) -> Project:
    """The project on which checkpoints are judged: the one asked for, by id or name, else the training's own."""
    if isinstance(asked, str):
        return store.projects.find(asked)
    project_id = training.project_id if asked is None else asked
    assert project_id is not None  # a training has one
    return store.projects.get(project_id)


def judged_checkpoints(store: Store, training: Task, project_id: int) -> list[JudgedCheckpoint]:
    """The published checkpoints in their order.

    Inferences count that were asked for as `evaluate_checkpoints` asks, and evaluations of the project as it is that
    were asked for without more: a curve compares nothing else than these.
    """
    published = [one for one in store.checkpoints.list(training.id) if one.state is CheckpointState.PUBLISHED]
    ids = [one.model_id for one in published if one.model_id is not None]
    config = choose_config(store.plugins.get_anywhere(training.plugin_id), TaskType.INFERENCE)
    inferences = [
        task
        for task in store.tasks.inferences(ids, project_id)
        if task.plugin_id == training.plugin_id and task.config == config
    ]
    now = contents_of(store.projects.get(project_id))
    evaluations = [
        one
        for one in store.evaluations.of_models(ids)
        if one.truth_id == project_id and not one.asked and (one.contents is None or one.contents[0] == now)
    ]
    found = []
    for checkpoint in published:
        inference = next((task for task in inferences if task.model_id == checkpoint.model_id), None)
        judged = [one for one in evaluations if inference is not None and one.task_id == inference.id]
        found.append(JudgedCheckpoint(checkpoint, _is_kept(store, checkpoint), inference, next(iter(judged), None)))
    return found


def evaluate_checkpoints(
    store: Store,
    settings: Settings,
    artifacts: Artifacts,
    training: Task,
    project: Project,
    *,
    best: int | None = None,
) -> list[Task]:
    """Queue what is missing: the inference with each checkpoint, or with the `best` ones, or only its evaluation.

    An inference runs as the training did. Gives the tasks that were queued. Raises BadInput where the plugin cannot
    predict or the training published nothing.
    """
    found = [one for one in judged_checkpoints(store, training, project.id) if one.is_kept]
    if not found:
        raise BadInput(f"Task {training.id} has published no checkpoint that is kept, so there is nothing to evaluate.")
    if not store.evaluations.has_labels(project.id):
        raise BadInput(f"Project {project.name!r} has no labels to judge predictions by.")
    wanted = [one for one in chosen(found, best) if not _is_under_way(one)]
    done = [one for one in wanted if _is_predicted(store, one)]
    new = [
        new_task(store, settings, _request(store, training, project, one), artifacts=artifacts)
        for one in wanted
        if one not in done
    ]
    queued = [store.tasks.add(task) for task in new]
    for one in done:
        assert one.inference is not None
        evaluate(store, EvaluationRequest(truth=project.id, predictions=one.inference.result_project_id or 0))
    return queued


def chosen(found: Sequence[JudgedCheckpoint], best: int | None) -> list[JudgedCheckpoint]:
    """All, or the `best` ones: a checkpoint is marked when it is better than all before it, so the last marked ones.

    Where fewer are marked, the latest others as well. Pure.
    """
    if best is None:
        return list(found)
    by_worth = sorted(found, key=lambda one: (one.checkpoint.is_best, one.checkpoint.seq), reverse=True)
    kept = {one.checkpoint.id for one in by_worth[:best]}
    return [one for one in found if one.checkpoint.id in kept]


def _is_under_way(one: JudgedCheckpoint) -> bool:
    if one.evaluation is not None and one.evaluation.status is not EvaluationStatus.ERROR:
        return True
    return one.inference is not None and not one.inference.status.is_final


def _is_predicted(store: Store, one: JudgedCheckpoint) -> bool:
    """Whether the predictions are there; those in the trash are not."""
    if one.inference is None or one.inference.status in _NOT_KEPT or one.inference.result_project_id is None:
        return False
    try:
        store.projects.get(one.inference.result_project_id)
    except NotFound:
        return False
    return True


def _request(store: Store, training: Task, project: Project, one: JudgedCheckpoint) -> TaskRequest:
    options = training.options
    assert one.checkpoint.model_id is not None
    return TaskRequest(
        type=TaskType.INFERENCE,
        plugin=store.plugins.get(training.plugin_id),
        project=project,
        model=store.models.get(one.checkpoint.model_id),
        name=f"{project.name} by checkpoint {one.checkpoint.index} of task {training.id}",
        options=replace(
            RequestedOptions(),
            **{
                name: getattr(options, name)
                for name in ("engine", "gpus", "pull", "python", "memory_bytes", "env", "on")
            },
            hardened=options.hardened or None,
        ),
    )


def _is_kept(store: Store, checkpoint: Checkpoint) -> bool:
    if checkpoint.model_id is None:
        return False
    try:
        store.models.get(checkpoint.model_id)
    except NotFound:
        return False
    return True

"""A study in a demo store, whose trials end in each way that there is. Apart from it, because it loads Optuna."""

from __future__ import annotations

import json
import math

from agent.domain import NewTask, Task, TaskStatus, TaskType
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, NewStudy, Store
from agent.tuning.control import controlling
from agent.tuning.controller import Controller
from agent.tuning.search import Search
from tests.support.demo_store import CONFIG, Library


def study(store: Store, library: Library, *, trials: int = 12, name: str = "Learning rates") -> int:
    """A study that has ended: of every six trials one was pruned and one failed. Its id."""
    task = NewTask(TaskType.TRAIN, name, library.plugin_id, library.project_id, library.model_id, CONFIG)
    space = {
        "lr": {"low": 1e-5, "high": 0.1, "is_integer": False, "log": True, "step": None},
        "weights_init_type": {"choices": ["transfer_learning", "continue_training"]},
    }
    made = store.studies.add(
        NewStudy(
            name=name,
            task=task,
            space=space,
            metric="val.mean_iou",
            direction="maximize",
            trials=trials,
            jobs=2,
            sampler="random",
            pruner="none",
            seed=3,
        )
    )
    with controlling(store, made.id) as controller:
        while not Controller(store, made.id, controller).turn().is_over:  # anew: a search beside it writes as well
            for number, one in store.studies.tasks(made.id).items():
                if not one.status.is_final:
                    _end_trial(store, one, number, Search(store, made, controller))
    return made.id


def _end_trial(store: Store, task: Task, number: int, search: Search) -> None:
    store.tasks.claim("laptop:1:a", task_id=task.id)
    store.tasks.become(task.id, TaskStatus.STARTED)
    if number % 6 == 4:
        store.tasks.become(task.id, TaskStatus.ERROR, reason="plugin_exit", message="The plugin ended: no space left.")
        return
    value = 0.9 - abs(math.log10(task.config["lr"]) + 2.5) / 10
    line = {"message": "metrics", "event_type": "EventType.METRICS", "type": "val", "epoch": 1}
    event = parse_line(json.dumps({**line, "metrics": {"mean_iou": value}}), Stream.STDOUT, 0)
    store.events.append(task.id, [EventRow(1, event)], lines_read=1)
    if number % 6 == 5:
        search.report(number, 0, value)
        search.note_pruned(number)
        store.tasks.request_stop(task.id, cause="trial_pruned")
        store.tasks.become(task.id, TaskStatus.STOPPED, reason="trial_pruned", message="Its trial was pruned.")
        return
    store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished")

"""The task of a trial. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.domain import NewTask
from agent.submission import put_value

if TYPE_CHECKING:
    from agent.store import Study


def task_of(study: Study, number: int, params: Mapping[str, Any]) -> NewTask:
    """The task of a trial: the study's, with these parameters in its config."""
    return with_params(replace(study.task, name=f"{study.name} {number}"), params)


def with_params(task: NewTask, params: Mapping[str, Any]) -> NewTask:
    """BadInput where a key's place in the config is taken by a value that is no object."""
    config = deepcopy(dict(task.config))
    for key, value in params.items():
        put_value(config, key, value, said=key)
    return replace(task, config=config)

"""A study is refused before its first trial where the plugin's schema refuses what a trial may get."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agent.domain import NewTask, Plugin, TaskType
from agent.errors import BadInput
from agent.tuning.request import require_fitting_trials
from agent.tuning.space_texts import read_space

SCHEMA = {
    "required": ["lr"],
    "properties": {
        "lr": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.1},
        "opt": {"properties": {"name": {"enum": ["sgd", "adam"]}}},
    },
}


class Known:
    def __init__(self) -> None:
        self.config_schemas = {"train": SCHEMA}
        self.reference = "local/nn:1"


def check(*texts: str) -> None:
    task = NewTask(
        type=TaskType.TRAIN, name="n", plugin_id=1, project_id=1, model_id=1, config={}, options=cast(Any, None)
    )
    require_fitting_trials(cast(Plugin, Known()), read_space(texts), task)


def test_a_space_within_the_schema_is_taken_although_the_config_alone_lacks_a_key():
    check("lr=1e-4..0.1:log", "opt.name=sgd,adam")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["lr=1e-4..1:log"], "lr is 1.0; it must be at most 0.1"),
        (["lr=0.0..0.1"], "lr is 0.0; it must be more than 0"),
        (["lr=0.01,0.1", "opt.name=sgd,adma"], 'opt.name is "adma"; it must be one of "sgd", "adam"'),
        (["opt.name=sgd,adam"], "lr is missing"),
    ],
)
def test_an_end_or_a_choice_that_the_schema_refuses_is_named(texts, said):
    with pytest.raises(BadInput, match=said):
        check(*texts)

"""Random configs, metrics, keys and conditions over them, for tests of the table of runs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.store.runs.expression import (
    OPERATORS,
    And,
    Compare,
    Constant,
    Contains,
    Expression,
    IsNone,
    Not,
    OneOf,
    Or,
)
from agent.store.runs.keys import ConfigKey, Field, Key, MetricKey, SortKey

ODD_NAMES = ["lr", "a.b", 'q"uote', "[0]", "$", "", "class", "Ünï", "two words", "a\\b", "\ud800", "\0", "config", "0"]
ODD_VALUES: list[Any] = [
    *(0, 1, -1, 0.5, 1e-300, 1e300, -0.0, 10**400, -(10**400), 2**63, 2**53 + 1),
    *("", "adam", "Adam", "ADAM 2", "1", "true", "null", "é", "É", "\ud800", "\0", "%", "_", "a'b", "; --", "ß"),
    *(True, False, None, float("nan"), float("inf")),
]
METRICS = [("val", "loss"), ("val", "mean iou"), ("train", "loss"), ("a.b", "x[0]")]
names = st.sampled_from(ODD_NAMES) | st.text(max_size=5)
scalars = st.sampled_from(ODD_VALUES) | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5
)
configs = st.dictionaries(names, values, max_size=6)

paths = st.tuples(names).map(tuple) | st.lists(names | st.integers(0, 3), min_size=1, max_size=3).map(
    lambda steps: (str(steps[0]), *steps[1:])
)
config_keys = paths.map(ConfigKey)
metric_keys = st.builds(
    lambda pair, at: MetricKey(pair[0], pair[1], at), st.sampled_from(METRICS), st.sampled_from(["last", "max", "min"])
)
_TEXTS = ["name", "type", "status", "agent", "engine", "reason"]
_NUMBERS = ["id", "lines", "checkpoints"]
_REFERENCES = ["plugin", "project", "model", "best_checkpoint"]
sortable = st.sampled_from([*_TEXTS, *_NUMBERS, *_REFERENCES, "created", "started", "finished", "duration"]).map(Field)
keys: st.SearchStrategy[Key] = st.one_of(sortable, config_keys, metric_keys)
sorts = st.lists(st.builds(SortKey, keys, st.booleans()), max_size=3)

# Constants as a text can hold them: whole numbers and numbers within 64 bits.
_numbers = st.integers(-(10**320), 10**320) | st.floats(allow_nan=False, allow_infinity=False)
constants: st.SearchStrategy[Any] = (
    st.booleans() | _numbers | st.text(max_size=6) | st.sampled_from(["adam", "Adam", "", "\ud800", 1, 0.5, 0])
)
_free = st.one_of(
    config_keys, metric_keys, st.sampled_from(["name", *_NUMBERS, *_REFERENCES, "engine", "reason"]).map(Field)
)
_moments: st.SearchStrategy[Any] = st.sampled_from(["2026-11-01", "2001-09-09 01:46:40", "2001-09-09T01:46:41+00:00"])
_durations: st.SearchStrategy[Any] = st.sampled_from(["1h", "90 s", "1m 30s", 90, 0.5])
_operators = st.sampled_from(OPERATORS)
_compared = st.one_of(
    st.builds(Compare, _free, _operators, constants.map(Constant)),
    st.builds(Compare, constants.map(Constant), _operators, _free),
    st.builds(Compare, config_keys | metric_keys, _operators, config_keys | metric_keys | st.just(Field("id"))),
    st.builds(Compare, st.sampled_from(_REFERENCES).map(Field), _operators, st.sampled_from(_REFERENCES).map(Field)),
    st.builds(
        Compare, st.sampled_from(["created", "started", "finished"]).map(Field), _operators, _moments.map(Constant)
    ),
    st.builds(Compare, st.just(Field("duration")), _operators, _durations.map(Constant)),
    st.builds(
        Compare, st.just(Field("status")), _operators, st.sampled_from(["queued", "finished", "error"]).map(Constant)
    ),
)
_leaves = st.one_of(
    _compared,
    st.builds(OneOf, _free, st.lists(constants | st.none(), max_size=3).map(tuple)),
    st.builds(Contains, st.text(max_size=3) | st.sampled_from(["a", "ADA", "É", "%", "ſ"]), _free),
    st.builds(IsNone, keys),
)


def _joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


expressions: st.SearchStrategy[Expression] = st.recursive(_leaves, _joined, max_leaves=5)

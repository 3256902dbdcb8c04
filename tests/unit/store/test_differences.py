"""Where configs differ: at any depth, with each value once, and apart from what they have in common."""

from __future__ import annotations

from agent.store.runs.differences import config_values


def test_keys_of_any_depth_have_each_value_once() -> None:
    configs = [
        {"lr": 0.1, "batch": {"train": 8, "val": 8}, "sizes": [1, 2], "a b": {}},
        {"lr": 0.01, "batch": {"train": 8.0}, "sizes": [1, 2], "augment": None, "a b": {}},
        {"lr": 0.1, "batch": 4, "sizes": [2, 1], "augment": False, "a b": {}},
    ]
    found = {one.key: (list(one.values), list(one.which)) for one in config_values(configs)}
    assert found == {
        "config.lr": ([0.1, 0.01], [0, 1, 0]),
        "config.batch.train": ([8], [0, 0, None]),
        "config.batch.val": ([8], [0, None, None]),
        "config.sizes": ([[1, 2], [2, 1]], [0, 0, 1]),
        'config["a b"]': ([{}], [0, 0, 0]),
        "config.augment": ([None, False], [None, 0, 1]),
        "config.batch": ([4], [None, None, 0]),
    }
    assert [one.key for one in config_values(configs) if one.is_equal] == ['config["a b"]']


def test_one_is_not_true_and_texts_are_no_numbers() -> None:
    (one,) = config_values([{"a": 1}, {"a": True}, {"a": "1"}, {"a": 1.0}])
    assert one.values == [1, True, "1"]
    assert one.which == [0, 1, 2, 0]


def test_empty_configs_have_no_keys_and_deep_ones_are_read() -> None:
    assert config_values([{}, {}]) == []
    deep: dict[str, object] = {"end": 1}
    for _ in range(3000):
        deep = {"a": deep}
    (one,) = config_values([deep])
    assert one.values == [1]


def test_numbers_beyond_floats_are_values() -> None:
    (one,) = config_values([{"a": 10**400}, {"a": 10**400}, {"a": 1}])
    assert one.which == [0, 0, 1]

"""Keys of a config that no preset has: said with the nearest key that one has."""

from __future__ import annotations

import pytest

from agent.formats.config_keys import unknown_keys

TRAIN = {"epochs": 2, "batch_size": {"train": 1, "val": 1}, "special_classes": {"background": "bg"}, "lr": 0.1}
INFER = {"model": {"gpu_device": 0}, "mode": {"name": "full_image", "model_classes": {"save_classes": "__all__"}}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"epochs": 1, "lr": 0.2, "batch_size": {"val": 3}}, ()),
        ({"epoch": 1}, ("No preset of the plugin has the config key epoch; did you mean epochs?",)),
        (
            {"batch_size": {"trian": 1}},
            ("No preset of the plugin has the config key batch_size.trian; did you mean batch_size.train?",),
        ),
        ({"crops": 1}, ("No preset of the plugin has the config key crops; does the plugin read it?",)),
        ({"special_classes": {"neutral": "n"}}, ()),  # names of the plugin's own
        ({"lr": {"start": 1}}, ()),
        ({}, ()),
    ],
)
def test_a_key_that_no_preset_has_is_named_with_the_nearest_one(config, expected):
    assert unknown_keys(config, [TRAIN]) == expected


def test_the_keys_of_every_inference_mode_are_known():
    config = {"model": {}, "mode": {"name": "roi", "bounds": {"left": "5px"}, "save": True, "class_name": "r"}}

    assert unknown_keys(config, [INFER]) == ()
    assert unknown_keys({**config, "mode": {"model_clases": {}}}, [INFER]) == (
        "No preset of the plugin has the config key mode.model_clases; did you mean mode.model_classes?",
    )


def test_all_presets_count_and_without_presets_nothing_is_known():
    assert unknown_keys({"momentum": 0.9, "lr": 1}, [TRAIN, {"momentum": 0.5}]) == ()
    assert unknown_keys({"whatever": 1}, []) == ()
    assert unknown_keys({"whatever": 1}, [{}]) == ()

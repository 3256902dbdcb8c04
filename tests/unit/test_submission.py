from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Model, Plugin, Project, Provenance, TaskType
from agent.errors import BadInput, NotFound
from agent.settings import Settings
from agent.submission import TaskRequest, check_name, choose_config, new_task, set_key
from agent.task_options import RequestedOptions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLUGIN = Plugin(
    id=1,
    title="Net",
    description="",
    type="architecture",
    image="local/nn",
    tag="1",
    modes=("train", "inference"),
    readme="",
    configs=(
        {"title": "fast", "type": "train", "config": {"epochs": 1, "batch_size": {"train": 2}}},
        {"title": "full", "type": "train", "config": {"epochs": 9}},
        {"title": "whole", "type": "inference", "config": {"mode": {"name": "full_image"}}},
    ),
    image_digest=None,
    folder=None,
    content_sha256=None,
    created_at=NOW,
    updated_at=NOW,
)
PROJECT = Project(2, "fruit", "", {"classes": []}, "0" * 64, 3, 10, None, NOW, NOW)
MODEL = Model(3, "start", "", "1" * 64, 10, {}, False, Provenance(), NOW, NOW)


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("AGENT_HOME", "/no/such/home")


def task(**changes):
    request = TaskRequest(**{"type": "train", "plugin": PLUGIN, "project": PROJECT, "model": MODEL, **changes})
    return new_task(cast(Any, None), Settings(gpus="none"), request)


def test_without_a_config_the_first_preset_of_the_mode_is_used():
    assert task().config == {"epochs": 1, "batch_size": {"train": 2}}
    assert task(type="inference").config == {"mode": {"name": "full_image"}}


def test_a_preset_is_chosen_by_title_and_an_unknown_one_lists_the_known():
    assert task(preset="full").config == {"epochs": 9}
    with pytest.raises(NotFound, match="'fast', 'full'"):
        task(preset="nope")


def test_overrides_reach_into_objects_and_leave_the_preset_alone():
    made = task(overrides=["batch_size.train=8", "lr=1e-3", "name=abc", "tags.val=x"])
    assert made.config == {"epochs": 1, "batch_size": {"train": 8}, "lr": 0.001, "name": "abc", "tags": {"val": "x"}}
    assert PLUGIN.configs[0]["config"] == {"epochs": 1, "batch_size": {"train": 2}}


def test_a_config_that_the_plugins_schema_refuses_is_one_sentence_with_the_path():
    schema = {"properties": {"batch_size": {"properties": {"train": {"type": "integer", "minimum": 1}}}}}
    plugin = replace(PLUGIN, config_schemas={"train": schema})

    with pytest.raises(BadInput) as refused:
        task(plugin=plugin, overrides=["batch_size.train=0"])
    assert str(refused.value) == (
        "the task config does not fit plugin local/nn:1: batch_size.train is 0; it must be at least 1"
    )
    assert task(plugin=plugin, overrides=["batch_size.train=0"], is_whole=False).config["batch_size"] == {"train": 0}
    assert task(plugin=plugin, type="inference", config={"batch_size": 0}).config == {"batch_size": 0}


@pytest.mark.parametrize("text", ["lr", "=3", "a..b=1", ".=1"])
def test_a_malformed_override_is_refused(text):
    with pytest.raises(BadInput, match="key=value"):
        set_key({}, text)


def test_an_override_through_a_number_is_refused():
    with pytest.raises(BadInput, match="lr is a number, not an object"):
        set_key({"lr": 1}, "lr.x=1")


@pytest.mark.parametrize("config", [[1], 3, "text", None])
def test_a_config_that_is_not_an_object_is_refused(config):
    if config is None:
        assert choose_config(replace(PLUGIN, configs=()), TaskType.TRAIN) == {}
        return
    with pytest.raises(BadInput, match="must be a JSON object"):
        task(config=config)


def test_a_mode_the_image_lacks_is_refused_before_anything_is_queued():
    with pytest.raises(BadInput, match="no mode 'inference'") as error:
        task(type="inference", plugin=replace(PLUGIN, modes=("train",)))
    assert error.value.reason == "mode_missing"


def test_a_model_for_transfer_learning_only_is_refused_for_inference():
    only = replace(MODEL, only_train=True)
    assert task(model=only)
    with pytest.raises(BadInput, match="transfer learning only"):
        task(type="inference", model=only)


@pytest.mark.parametrize("what", ["project", "model"])
def test_two_projects_or_models_are_refused(what):
    with pytest.raises(BadInput, match="exactly one"):
        task(**{what: [1, 2]})


def test_the_options_are_resolved_and_refused_with_the_rest():
    assert task().options.gpus == "none"
    assert task(options=RequestedOptions(gpus="0")).options.gpus == "0"
    with pytest.raises(BadInput, match="auto, docker, process or apptainer"):
        task(options=RequestedOptions(engine="podman"))


@given(st.text(max_size=300))
def test_an_accepted_name_is_one_folder_name(name):
    try:
        check_name(name)
    except BadInput:
        return
    assert "/" not in name
    assert name not in {"", ".", ".."}
    assert 0 < len(name.encode()) <= 250


# ---------------------------------------------------------------- deployed models


def deployed(**changes):
    return task(**{"type": "deploy", "project": None, **changes})


@pytest.mark.parametrize("name", ["deploy", "infer_rpc", "inference_rpc"])
def test_a_deployed_model_has_no_project_and_goes_by_any_of_its_names(name):
    made = deployed(type=name, config={"gpu_device": 0})
    assert (made.type, made.project_id, made.model_id) == (TaskType.DEPLOY, None, MODEL.id)
    assert (made.name, made.config) == ("start deployed", {"gpu_device": 0})


def test_a_project_is_refused_for_a_deployed_model_and_wanted_for_other_tasks():
    with pytest.raises(BadInput, match="a deployed model has none"):
        deployed(project=PROJECT)
    with pytest.raises(BadInput, match="no project was given; a task of type inference needs one"):
        task(type="inference", project=None)


def test_a_model_is_deployed_by_a_plugin_with_deploy_or_with_inference():
    assert deployed(plugin=replace(PLUGIN, modes=("inference",))).plugin_id == PLUGIN.id
    assert deployed(plugin=replace(PLUGIN, modes=("deploy",))).plugin_id == PLUGIN.id
    assert deployed(plugin=replace(PLUGIN, modes=("train", "rest_inference"))).plugin_id == PLUGIN.id
    with pytest.raises(BadInput, match=r"no mode 'deploy' or 'inference' \(its modes: train\); it needs src/deploy.py"):
        deployed(plugin=replace(PLUGIN, modes=("train",)))


def test_a_model_for_transfer_learning_is_not_deployed_nor_is_one_without_a_network():
    with pytest.raises(BadInput, match="choose another model for deploying"):
        deployed(model=replace(MODEL, only_train=True))
    with pytest.raises(BadInput, match="no model was given"):
        deployed(model=None)
    with pytest.raises(BadInput, match="a hardened container has no network"):
        deployed(options=RequestedOptions(hardened=True))


def test_presets_for_deployed_models_go_by_any_of_their_names():
    presets = tuple(
        {"title": name, "type": name, "config": {"by": name}} for name in ("inference_rpc", "infer_rpc", "deploy")
    )
    plugin = replace(PLUGIN, configs=(*PLUGIN.configs, *presets))
    assert deployed(plugin=plugin).config == {"by": "inference_rpc"}
    assert deployed(plugin=plugin, preset="deploy").config == {"by": "deploy"}
    assert deployed().config == {}

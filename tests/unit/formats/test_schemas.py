"""The schemas accept what our readers accept; faults that JSON Schema can say are refused by both."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.errors import NotFound
from agent.formats.annotation import annotation_problems
from agent.formats.config_schema import refusal
from agent.formats.meta import check_meta
from agent.formats.plugin_files import parse_info, parse_presets
from agent.formats.schemas import NAMES, schema
from agent.formats.schemas.derived import task_config_schema
from agent.workbench.sample_project import write_sample
from agent.workbench.scaffold import KINDS
from tests.support.inputs import ROOT

META: dict[str, Any] = {
    "classes": [
        {"title": "leaf", "shape": "rectangle", "color": "#2FA84F", "geometry_config": {}},
        {"title": "soil", "shape": "bitmap", "color": "#7A5230"},
        {"title": "man", "shape": "graph", "color": "#000000", "geometry_config": {"nodes": {"a": {}}, "edges": []}},
    ],
    "tags": ["train", {"name": "n", "value_type": "oneof_string", "values": ["x"], "color": "#010203"}],
}
ANNOTATION: dict[str, Any] = {
    "description": "",
    "size": {"height": 6, "width": 8},
    "tags": ["train", {"name": "n", "value": "x"}],
    "objects": [{"classTitle": "leaf", "tags": [], "points": {"exterior": [[1, 1], [4, 3]], "interior": []}}],
}
INFO: dict[str, Any] = {"title": "Net", "description": None, "type": "architecture"}
PRESETS: list[dict[str, Any]] = [{"title": "Train", "type": "train", "config": {"epochs": 3}}]


def meta_read(value: Any) -> bool:
    return isinstance(value, dict) and not check_meta(value)[1]


def annotation_read(value: Any) -> bool:
    return not annotation_problems(json.dumps(value).encode(), check_meta(META)[0], "a.json")


def info_read(value: Any) -> bool:
    return not parse_info(json.dumps(value).encode())[1]


def presets_read(value: Any) -> bool:
    return not parse_presets(json.dumps(value).encode(), "architecture")[1]


READERS = {
    "meta": (META, meta_read),
    "annotation": (ANNOTATION, annotation_read),
    "plugin_info": (INFO, info_read),
    "predefined_run_configs": (PRESETS, presets_read),
}
VALIDATORS = {name: Draft202012Validator(schema(name)) for name in NAMES}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.floats(allow_nan=False),
    st.sampled_from(["", "x", "#010203", "any"]),
    st.just([]), st.just({}), st.just([[1, 2], [3, 4]]), st.just({"a": 1}),
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with some of its parts replaced, removed or doubled."""
    value = deepcopy(value)
    for _ in range(draw(st.integers(0, 3))):
        at, parts = value, []
        while isinstance(at, (dict, list)) and at:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            parts.append((at, key))
            at = at[key]
        if not parts:
            break
        owner, key = draw(st.sampled_from(parts))
        match draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                owner[key] = deepcopy(draw(ODD))  # it may be changed itself
            case "remove":
                del owner[key]
            case _ if isinstance(owner, list):
                owner.append(deepcopy(owner[key]))
    return value


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one(name: str):
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300)
@given(data=st.data())
def test_what_our_reader_accepts_the_schema_accepts(name: str, data: st.DataObject):
    example, is_read = READERS[name]
    value = data.draw(changed(example))
    if is_read(value):
        assert VALIDATORS[name].is_valid(value), next(VALIDATORS[name].iter_errors(value))


FAULTS = [
    *(("meta", path, value) for path, value in [
        (("classes",), 3), (("classes", 0, "shape"), "blob"), (("classes", 0, "title"), None),
        (("classes", 0, "color"), 7), (("tags", 1, "value_type"), "date"), (("tags", 1, "values"), None),
        (("classes", 2, "geometry_config"), {}), (("tags", 1, "color"), "red"),
    ]),
    *(("annotation", path, value) for path, value in [
        (("size",), []), (("size", "height"), 0), (("objects",), None), (("objects", 0, "classTitle"), 1),
        (("objects", 0, "points"), {"exterior": [[1]], "interior": []}), (("tags",), "train"), (("tags", 1), {}),
        (("objects", 0, "tags"), None),
    ]),
    *(("plugin_info", path, value) for path, value in [
        (("title",), " "), (("type",), "net"), (("description",), 3), (("title",), 3),
    ]),
    *(("predefined_run_configs", path, value) for path, value in [
        ((0,), 1), ((0, "type"), "trian"), ((0, "config"), []), ((0, "title"), None),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value"), FAULTS)
def test_faults_are_refused_by_both(name: str, path: tuple[Any, ...], value: Any):
    example, is_read = READERS[name]
    faulty: Any = deepcopy(example)
    assert is_read(faulty)
    assert VALIDATORS[name].is_valid(faulty)
    owner = faulty
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value

    assert not is_read(faulty)
    assert not VALIDATORS[name].is_valid(faulty)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_samples_and_new_plugins_fit(tmp_path: Path, kind: str):
    for file in write_sample(tmp_path / "s", kind, images=4).rglob("*.json"):
        name = "meta" if file.name == "meta.json" else "annotation"
        VALIDATORS[name].validate(json.loads(file.read_text()))
    folder = ROOT / "agent" / "workbench" / "templates" / kind
    VALIDATORS["plugin_info"].validate(json.loads((folder / "plugin_info.json").read_text()))
    VALIDATORS["predefined_run_configs"].validate(json.loads((folder / "predefined_run_configs.json").read_text()))


@pytest.mark.parametrize("name", ["plugin_info", "predefined_run_configs", "meta"])
def test_the_real_files_of_plugins_and_projects_fit(name: str):
    found = 0
    for file in (*ROOT.glob(f"plugin_example/**/{name}.json"), *ROOT.glob(f"tests/data/**/{name}.json")):
        value = json.loads(file.read_text())
        if READERS[name][1](value):
            found += 1
            VALIDATORS[name].validate(value)
    assert found or name == "meta"


def test_the_configs_of_a_plugin_have_its_keys_and_every_preset_fits():
    presets = [{"epochs": 3, "size": {"width": 4}, "on": True}, {"epochs": 0.5, "size": {"width": 8, "height": 2}}]
    own = {"properties": {"epochs": {"type": "number", "minimum": 0.1}}, "required": ["epochs"]}
    made = task_config_schema(presets, own)

    for preset in presets:
        assert refusal(made, preset) is None
    assert made["properties"]["epochs"]["default"] == 3
    assert made["properties"]["epochs"]["minimum"] == 0.1
    assert made["properties"]["size"]["properties"]["width"]["examples"] == [4, 8]
    assert refusal(made, {"epochs": "many"}) is not None
    assert refusal(made, {"on": False}) is not None  # epochs is missing
    assert task_config_schema([])["properties"] == {}


def test_a_name_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(NotFound, match="plugin_info"):
        schema("poetry")

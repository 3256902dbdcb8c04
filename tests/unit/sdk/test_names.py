"""Names of the package: all resolve, and what is left out says what to use instead."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import supervisely_lib as sly
from supervisely_lib._lazy import NotIncluded

DOCS = (Path(__file__).parents[3] / "docs/sdk.md").read_text()


@pytest.mark.parametrize("name", dir(sly))
def test_every_name_resolves(name):
    assert getattr(sly, name) is not None


def test_type_checkers_are_told_the_same_names():
    tree = ast.parse(Path(sly.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.asname: f"{node.module}.{alias.name}" for node in block.body for alias in node.names}

    assert sorted(told) == dir(sly)
    for name, place in told.items():
        if name == "function_wrapper":
            continue  # see below
        module, _, attribute = place.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is getattr(sly, name)


@pytest.mark.parametrize("name", sorted(sly._LEFT_OUT))
def test_what_is_left_out_says_what_to_use_and_is_documented(name):
    with pytest.raises(NotIncluded, match=f"supervisely_lib.{name} is not part of this SDK. .+"):
        getattr(sly, name)
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("module", ["api", "api.api", "aug", "aug.aug", "worker_api", "worker_api.agent_api"])
def test_modules_left_out_say_so_too(module):
    with pytest.raises(NotIncluded, match="is not part of this SDK"):
        importlib.import_module(f"supervisely_lib.{module}")


def test_a_name_that_never_was_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sly.nonsense
    assert not hasattr(sly, "nonsense")


def test_the_function_named_as_its_module_can_be_called_whatever_was_imported_first():
    importlib.import_module("supervisely_lib.function_wrapper")

    assert sly.function_wrapper(lambda x: x + 1, 2) == 3


def test_packages_reach_their_modules():
    assert sly.geometry.bitmap.Bitmap is sly.Bitmap
    assert sly.task.progress.Progress is sly.Progress
    assert sly.project.project.download_project is sly.download_project

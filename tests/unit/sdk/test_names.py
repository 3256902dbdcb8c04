"""Names of the package: all resolve, and a name that is not included raises an error with its replacement."""

from __future__ import annotations

import ast
import importlib
import operator
import re
from pathlib import Path

import pytest

import supervisely_lib as sly
from supervisely_lib._lazy import NotIncluded
from supervisely_lib._left_out import INSTEAD, names

DOCS = (Path(__file__).parents[3] / "docs/sdk.md").read_text()


@pytest.mark.parametrize("name", dir(sly))
def test_every_name_resolves(name):
    assert getattr(sly, name) is not None


def test_type_checkers_are_told_the_same_names():
    tree = ast.parse(Path(sly.__file__).read_text())
    block = [node for node in tree.body if isinstance(node, ast.If)][-1]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    told = {str(alias.asname): f"{node.module}.{alias.name}" for node in imports for alias in node.names}

    assert sorted(told) == dir(sly)
    for name, place in told.items():
        if name == "function_wrapper":
            continue  # see below
        module, _, attribute = place.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is getattr(sly, name)


@pytest.mark.parametrize("name", names())
def test_a_name_that_is_left_out_says_why_and_what_to_use(name):
    """However it is reached: as an attribute, or by an import of it or of a module below it."""
    parent, _, last = name.rpartition(".")
    place = importlib.import_module(f"supervisely_lib.{parent}".rstrip("."))
    with pytest.raises(NotIncluded) as as_attribute:
        getattr(place, last)
    text = str(as_attribute.value)

    assert re.match(rf"supervisely_lib.{name} (is not part of this SDK: .|belongs to the SDK of 2018, which .)", text)
    assert text.endswith(".")
    successor = re.search(r"; use supervisely_lib\.([\w.]+)\.$", text)
    if successor:
        assert operator.attrgetter(successor.group(1))(sly) is not None
    for module in (name, f"{name}.inner") if hasattr(place, "__path__") else ():
        with pytest.raises(NotIncluded, match=re.escape(f"supervisely_lib.{name} ")):
            importlib.import_module(f"supervisely_lib.{module}")


def test_the_names_that_are_left_out_are_documented():
    table = DOCS[DOCS.index("## Left out") : DOCS.index("## Inference modes")]

    for name in INSTEAD:
        assert f"`{name}`" in table


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


def test_augmentations_are_reached_in_every_way_that_plugins_reach_them():
    from supervisely_lib.aug import aug

    assert sly.aug.fliplr is aug.fliplr  # whether sly.aug is the module or the package depends on what came first
    assert importlib.import_module("supervisely_lib.aug").rotate is aug.rotate

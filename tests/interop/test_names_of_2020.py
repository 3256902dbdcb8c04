"""Every public name of the official SDK of 2020 is a name of this SDK, or says why it is left out."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from supervisely_lib._lazy import NotIncluded
from tests.interop.environments import LAST_LEAN, wheel

pytestmark = pytest.mark.official

ROOT = "supervisely_lib"
# Names that are neither here nor left out with a sentence: of what the official SDK is made inside, of other data than
# images, empty methods.
ABSENT = {
    "_utils": "NpEncoder",
    "annotation.tag": "LABELER_LOGIN UPDATED_AT CREATED_AT ID",  # keys that are kept without a name
    "collection.key_indexed_collection": "MultiKeyIndexedCollection",
    "geometry.constants": "FACES X Y Z POSITION ROTATION DIMENTIONS INDICES",
    "geometry.sliding_windows_fuzzy": "get_shift_window get_add_padding get_change_size",
    "geometry.vector_geometry": "approx_dp",
    "metric.map_metric": "MATCHES average_per_class_avg_precision",
    "metric.matching": "get_iou_rect",
    "metric.projects_applier": "project_gt project_pred",
    "nn.hosted.inference_batch_multiprocess": "InferenceRequest InferenceResponse single_inference_process_fn "
    "progress_report_thread_fn populate_inference_requests_queue QUEUE_ELEMENTS_PER_PROCESS",
    "project.project": "validate",
    "sly_logger": "process_log_record add_fields",
}


@cache
def sources() -> dict[str, ast.Module]:
    """Module below supervisely_lib → its syntax tree; `""` is the package itself."""
    with zipfile.ZipFile(wheel("supervisely", LAST_LEAN)) as archive:
        return {
            name[len(ROOT) + 1 : -3].removesuffix("__init__").strip("/").replace("/", "."): ast.parse(
                archive.read(name)
            )
            for name in archive.namelist()
            if name.startswith(f"{ROOT}/") and name.endswith(".py")
        }


def public_names(module: str, tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """(name, public members if it is a class) of what a module defines, or of what the package itself imports."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            members = [inner.name for inner in getattr(node, "body", ()) if isinstance(inner, ast.FunctionDef)]
            members += [name for inner in node.body if isinstance(inner, ast.Assign) for name in targets(inner)]
            yield (
                node.name,
                [name for name in members if not name.startswith("_")] if isinstance(node, ast.ClassDef) else [],
            )
        elif isinstance(node, ast.Assign):
            yield from ((name, []) for name in targets(node))
        elif isinstance(node, ast.ImportFrom) and module == "":
            yield from ((alias.asname or alias.name, []) for alias in node.names)


def targets(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def test_each_name_is_here_or_says_why_it_is_left_out() -> None:
    try:
        trees = sources()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no wheel of the official supervisely {LAST_LEAN}: {error}")
    missing = []
    checked = 0
    for module, tree in trees.items():
        for name, members in public_names(module, tree):
            if name.startswith("_"):
                continue
            checked += 1
            missing += [f"{module}:{lost}" for lost in lost_of(module, name, members)]

    assert not missing
    assert checked > 400


def lost_of(module: str, name: str, members: list[str]) -> list[str]:
    """Those of a name and its members that are neither here nor known to be absent."""
    absent = ABSENT.get(module, "").split()
    try:
        place: Any = getattr(importlib.import_module(f"{ROOT}.{module}".rstrip(".")), name)
    except NotIncluded:
        return []
    except (AttributeError, ModuleNotFoundError):
        return [] if name in absent else [name]
    return [f"{name}.{member}" for member in members if not hasattr(place, member) and member not in absent]

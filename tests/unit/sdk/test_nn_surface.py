"""Every name that plugins use has its official path and signature (contract: sdk.md 1)."""

from __future__ import annotations

import importlib
import inspect
import json
import operator
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SURFACE = json.loads((Path(__file__).parent / "surface.json").read_text())
NAMES = [(module, name, what) for module, names in SURFACE.items() for name, what in names.items()]


def found(module: str, name: str) -> Any:
    if "torch" in module:
        pytest.importorskip("torch")
    owner, _, attribute = name.rpartition(".")
    place = importlib.import_module(module)
    place = operator.attrgetter(owner)(place) if owner else place
    value = inspect.getattr_static(place, attribute, None)
    return value if isinstance(value, property) else getattr(place, attribute)


@pytest.mark.parametrize(("module", "name", "what"), NAMES, ids=[f"{module}:{name}" for module, name, _ in NAMES])
def test_every_name_of_the_contract_exists_with_its_signature(module: str, name: str, what: str) -> None:
    value = found(module, name)

    if what == "module":
        assert inspect.ismodule(value)
    elif what == "class":
        assert inspect.isclass(value)
    elif what == "property":
        assert isinstance(value, property)
    elif what.startswith("= "):
        assert repr(value) == what[len("= ") :]
    elif what.startswith("("):
        check_signature(value, what.strip("()"))
    elif what != "object":
        assert callable(value)


def check_signature(value: Any, wanted: str) -> None:
    """Our parameters begin with the official ones, in their order; what may be left out there, and what we add, may be
    left out here."""
    ours = list(inspect.signature(value).parameters.values())
    if [parameter.name for parameter in ours] == ["args", "kwds"]:  # Python 3.8 shows typing.Generic's constructor
        ours = list(inspect.signature(value.__init__).parameters.values())[1:]
    official = [part.strip() for part in wanted.split(",") if part.strip()]
    for parameter, part in zip(ours, official):
        if part.startswith("*"):
            assert str(parameter).partition(":")[0] == part
        else:
            assert parameter.name == part.rstrip("=")
            assert parameter.default is not parameter.empty or not part.endswith("=")
    assert len(ours) >= len(official), f"missing: {official[len(ours) :]}"
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    assert all(extra.default is not extra.empty or extra.kind in variadic for extra in ours[len(official) :])


def loaded_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["trainer", "inference_single_image", "inference_batch", "inference_modes", "class_indexing", "deploy"]
)
def test_torch_is_loaded_by_the_torch_packages_only(module: str) -> None:
    assert "torch" not in loaded_after(f"import supervisely_lib.nn.hosted.{module}")


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not {"numpy", "cv2", "PIL", "torch", "shapely", "jsonschema"} & loaded_after(
        "import supervisely_lib as sly; sly.nn.hosted; sly.nn.pytorch"
    )


def test_subpackages_resolve_from_the_top() -> None:
    import supervisely_lib as sly

    assert sly.nn.hosted.inference_modes.MODE == "mode"  # type: ignore[attr-defined]
    assert sly.nn.training.eval_planner.VAL_EVERY == "val_every"  # type: ignore[attr-defined]

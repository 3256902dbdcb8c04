"""The modules that an import loads. Each test starts a new interpreter."""

from __future__ import annotations

import pytest

from tests.support.loaded import loaded_by, loaded_modules, modules_of


def test_importing_the_sdk_loads_nothing_heavy_and_not_even_logging_or_json():
    before, after = loaded_by("pass"), loaded_by("import supervisely_lib")

    assert after - before == {"supervisely_lib"}


def test_reporting_and_reading_json_load_neither_numpy_nor_opencv():
    names = "logger EventType TaskPaths Progress report_checkpoint_saved main_wrapper fs json env color"
    after = loaded_by(f"from supervisely_lib import {', '.join(names.split())}")

    assert not after & {"numpy", "torch", "cv2", "shapely", "PIL", "jsonschema", "typing_extensions"}


def test_annotations_of_masks_and_boxes_load_neither_torch_nor_shapely_nor_pillow():
    after = loaded_by("from supervisely_lib import Annotation, Project, Bitmap, Rectangle, Polygon, image")

    assert "numpy" in after
    assert not after & {"torch", "cv2", "shapely", "PIL", "skimage"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["frobnicate"]], ids=" ".join)
def test_help_and_a_mistyped_name_load_no_command(words: list[str]):
    loaded = {name for name in modules_of(*words) if name.startswith("agent")}

    assert loaded <= {
        *("agent", "agent.cli", "agent.cli.app", "agent.cli.failures", "agent.cli.streams", "agent.cli.tree"),
        *("agent.errors", "agent.fs", "agent.fs.names", "agent.fs.refusals"),
    }


@pytest.mark.parametrize("words", [["--help"], ["--version"]], ids=" ".join)
def test_help_waits_for_no_library(words: list[str]):
    heavy = {"sqlalchemy", "alembic", "pydantic", "docker", "fastapi", "psutil", "rich.console", "asyncio"}

    assert not modules_of(*words) & heavy


def test_a_command_that_reads_loads_no_dialect_and_no_library_of_another_command():
    loaded = modules_of("task", "list", "--help") | loaded_modules("import agent.store, agent.artifacts.local")

    assert not loaded & {"sqlalchemy.dialects.postgresql", "alembic", "filelock", "rich.progress", "docker", "psutil"}
    assert not {name for name in loaded if name.startswith(("agent.library.", "agent.doctor", "agent.formats.archive"))}


def test_the_agent_of_one_task_on_the_process_engine_carries_nothing_that_it_does_not_use():
    loaded = loaded_modules(
        "import agent.cli.app, agent.cli.serve, agent.worker.loop, agent.store, agent.engines.open, agent.configuration"
    )

    assert not loaded & {
        "pydantic",
        "docker",
        "requests",
        "rich.console",
        "alembic",
        "filelock",
        "numpy",
        "PIL",
        "sqlite3",
    }
    assert not loaded & {"agent.store.runs.parsing", "agent.store.gallery", "agent.store.studies", "agent.store.tokens"}


@pytest.mark.parametrize("heavy", ["torch", "cv2", "supervisely_lib"])
def test_the_agents_command_line_does_not_load(heavy: str):
    assert heavy not in loaded_by("import agent.cli")


def test_every_name_of_the_library_is_found_in_its_module():
    from agent import library

    assert {name: getattr(library, name).__name__ for name in library.__all__} == {
        name: name for name in library.__all__
    }
    assert set(library._MODULES) == set(library.__all__)
    assert not hasattr(library, "frobnicate")

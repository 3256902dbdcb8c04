"""The folder of a plugin that runs as a process: the SDK is at the place where its Dockerfile would copy it."""

from __future__ import annotations

import pytest

from agent.engines.workdir import copy_plugin
from tests.support.inputs import ROOT


@pytest.mark.parametrize(
    ("plugin", "place"),
    [("easy", "supervisely_lib"), ("own_loop", "libs/supervisely_lib")],
)
def test_the_sdk_is_copied_to_the_place_on_the_plugins_python_path(tmp_path, plugin, place):
    copy_plugin(ROOT / "tests" / "plugins" / plugin, tmp_path / "workdir")

    copies = [file.parent for file in (tmp_path / "workdir").rglob("supervisely_lib/__init__.py")]
    assert copies == [tmp_path / "workdir" / place]


@pytest.mark.parametrize("place", ["libs/supervisely_lib", "supervisely_lib"])
def test_the_plugins_own_sdk_is_copied_there_too(tmp_path, place):
    plugin = tmp_path / "plugin"
    (plugin / "supervisely_lib").mkdir(parents=True)
    (plugin / "supervisely_lib/__init__.py").write_text("own = True")
    (plugin / "Dockerfile").write_text(f"FROM a\nCOPY supervisely_lib /workdir/{place}\n")

    copy_plugin(plugin, tmp_path / "workdir")

    assert (tmp_path / "workdir" / place / "__init__.py").read_text() == "own = True"

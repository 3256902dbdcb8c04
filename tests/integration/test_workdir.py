"""What a plugin finds beside its code when it runs as a process: the SDK, where its Dockerfile would copy it."""

from __future__ import annotations

import pytest

from agent.engines.workdir import copy_plugin
from tests.small import ROOT


@pytest.mark.parametrize(
    ("plugin", "place"),
    [("easy", "supervisely_lib"), ("own_loop", "libs/supervisely_lib")],
)
def test_the_sdk_is_copied_to_the_place_on_the_plugins_python_path(tmp_path, plugin, place):
    copy_plugin(ROOT / "tests" / "plugins" / plugin, tmp_path / "workdir")

    copies = [file.parent for file in (tmp_path / "workdir").rglob("supervisely_lib/__init__.py")]
    assert copies == [tmp_path / "workdir" / place]

"""Projects that were written to disk here, in the hands of the official client."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.interop.clients import run_client
from tests.interop.projects_seen import installation
from tests.support.inputs import write_project
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.official


def test_an_export_of_a_project_of_2019_can_be_uploaded_by_a_client_of_today(
    official_python: Path, tmp_path: Path
) -> None:
    """Writers of 2019 name no shape in an object; today's client ends with a KeyError on such a file."""
    given = write_project(tmp_path / "work" / "as given")
    with installation(tmp_path / "home") as server:
        settings = Settings(home=tmp_path / "home")
        with open_store(settings.store) as store:
            artifacts = open_artifacts(settings.artifacts)
            project = library.add_project(store, artifacts, given, name="exported")
            library.export_project(store, artifacts, project.id, tmp_path / "work")

        seen = run_client(official_python, "client_export.py", server.url, TOKEN, tmp_path)

    assert seen == {"as given": "KeyError: 'geometryType'", "exported": 3}

"""Today's official client, pointed here by address and token alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.environments import NEWEST
from tests.interop.projects_seen import CHECKS, Seen, check_round_trip, projects_seen

pytestmark = pytest.mark.official


@pytest.fixture(scope="module")
def seen(newest_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return projects_seen(newest_python, tmp_path_factory.mktemp("latest"))


def test_a_project_comes_back_equal_every_way(seen: Seen) -> None:
    check_round_trip(seen, NEWEST, {"download_project", "download", "download_async", "download_fast"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_projects(seen: Seen, check: Callable[[Seen], None]) -> None:
    check(seen)

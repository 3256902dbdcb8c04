"""The real application with a real store, and a client of its public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.web.conftest import Site, artifacts, settings, site, store

__all__ = ["Site", "artifacts", "settings", "site", "store"]  # fixtures of all tests of the web

Api = Callable[..., Any]


@pytest.fixture
def api(site: Site) -> Api:
    """api(method, body) → the JSON of the reply; `status` is the expected status."""

    def call(method: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        if "files" not in more and "content" not in more:
            more["json"] = {} if body is None else body
        answer = site.client.post(f"/public/api/v3/{method}", **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    return call

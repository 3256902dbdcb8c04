from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--refresh-events",
        action="store_true",
        help="write what is read now in tests/data/events/*.log to the expected files beside them",
    )
    parser.addoption(
        "--refresh-pictures",
        action="store_true",
        help="put the page tests' pictures into docs/pictures, where the README shows them",
    )

"""Options of the test runs, and how tests are spread over processes."""

from __future__ import annotations

import os

import pytest

from tests.support.fuzzing import set_up_hypothesis

if "PYTEST_XDIST_WORKER" in os.environ:  # tests share the cores, so waiting threads must not spin
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

set_up_hypothesis()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--refresh-events",
        action="store_true",
        help="write what is read now in tests/data/events/*.log to the expected files beside them",
    )

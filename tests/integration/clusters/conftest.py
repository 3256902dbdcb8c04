"""A Slurm cluster for a file of tests. Where none can be had the tests are skipped with the reason; in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.store.conftest import postgres_server  # noqa: F401 - a fixture
from tests.support.slurm import SlurmCluster, slurm_cluster


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    with slurm_cluster() as cluster:
        if isinstance(cluster, str):
            if os.environ.get("CI"):
                pytest.fail(cluster)
            pytest.skip(cluster)
        yield cluster

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store import Evaluation, Store, open_store
from tests.support.evaluated_projects import add_predictions, add_truth


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def queued(store: Store) -> Evaluation:
    """What the end of an inference queues."""
    task = add_predictions(store, add_truth(store))
    (evaluation,) = store.evaluations.list(task_id=task.id)
    return evaluation

"""Which tasks an act has met, and what is wrong with a blob."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from agent.store import Placement
from tests.chaos.clusters.field import Met
from tests.chaos.clusters.plan import Way
from tests.chaos.clusters.stories import LATE, Blobs, has_met

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAY = Way("kill a node", 1)


def placed(node="n1", submitted=0, ended=None):
    """Times in seconds from noon."""
    began = NOON + timedelta(seconds=submitted)
    over = None if ended is None else NOON + timedelta(seconds=ended)
    return Placement(1, 1, "slurm", "l", "7", "running", None, node, began, began, began, over, None)


@pytest.mark.parametrize(
    ("placement", "is_met"),
    [
        (placed(), True),
        (placed("n2"), False),
        (placed(submitted=-50, ended=-1), False),
        (placed(submitted=-50, ended=1), True),
        (placed(submitted=20 + LATE.seconds - 1), True),
        (placed(submitted=20 + LATE.seconds + 1), False),
    ],
)
def test_an_act_against_a_node_meets_the_tasks_that_it_has_until_it_is_mended(placement, is_met):
    met = Met(WAY, node="n1", since=NOON, until=NOON + timedelta(seconds=20))
    assert has_met(met, 1, [placed("n3"), placement]) is is_met


def test_an_act_against_a_task_meets_no_other():
    met = Met(WAY, {1}, since=NOON)
    assert has_met(met, 1, [placed()])
    assert not has_met(met, 2, [placed()])


class Bucket:
    exceptions = SimpleNamespace(NoSuchKey=KeyError)

    def __init__(self, objects):
        self.objects = objects

    def get_object(self, *, Bucket, Key):
        return {"Body": io.BytesIO(self.objects[Key])}


def test_a_blob_that_is_missing_or_has_other_bytes_is_found():
    sha256 = hashlib.sha256(b"weights").hexdigest()
    key = f"p/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert Blobs(Bucket({key: b"weights"}), "p").damage(sha256) == ""
    assert Blobs(Bucket({key: b"weight"}), "p").damage(sha256).endswith("is damaged")
    assert Blobs(Bucket({}), "p").damage(sha256).endswith("is missing")

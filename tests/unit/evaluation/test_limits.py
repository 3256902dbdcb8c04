"""Images that take too much, or are what no code foresaw, are problems of the image alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from agent.errors import BadInput
from agent.evaluating import inside
from agent.evaluating.inside import Row
from agent.evaluation import counting, figures
from agent.evaluation.planning import make_plan
from agent.evaluation.saved_counts import to_bytes
from tests.support.judged_projects import annotation, meta, point

META = meta("point", ("spot",))
PLAN = make_plan(META, META)
SIZE = (64, 48)
ONE = annotation(point("spot", 3, 4))


@pytest.fixture
def stops() -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, inside._stop_here)
    yield
    signal.signal(signal.SIGPROF, before or signal.SIG_DFL)  # None: of a library


def counted(*annotations: dict[str, Any]) -> tuple[list[int], tuple[tuple[int, str], ...], dict[int, list[str]]]:
    """Numbers of judged images, the problems, and the tags, of images with these labels on both sides."""
    rows = [Row(at, *SIZE, json.dumps(one), json.dumps(one), "") for at, one in enumerate(annotations)]
    tags: dict[int, list[str]] = {}
    counts = inside._counted(PLAN, rows, tags)
    assert counts.images["image"].tolist() == list(range(len(rows)))
    return counts.images["image"][counts.images["judged"]].tolist(), counts.problems, tags


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that a finalizer has swallowed
def test_an_image_that_takes_too_long_is_not_judged(stops: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counted(ONE)  # with all that is loaded late
    monkeypatch.setattr(inside, "_PART_S", 1.0)
    monkeypatch.setattr(inside, "_IMAGE_S", 1.0)
    many = annotation(*(point("spot", at % 64, at % 48) for at in range(2_500)))

    judged, problems, _ = counted(ONE, many, ONE)
    assert judged == [0, 2]
    assert problems == ((1, "It takes too much time or memory to compare."),)


def test_a_mistake_of_the_program_costs_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(plan: Any, items: Any) -> Any:
        items = list(items)
        if any(item.image == 1 and not item.problem for item in items):
            raise ZeroDivisionError("nobody thought of it")
        return count_images(plan, items)

    count_images = counting.count_images
    monkeypatch.setattr(counting, "count_images", spoilt)
    judged, problems, tags = counted(ONE, annotation(tags=["ripe"]), ONE)

    assert judged == [0, 2]
    assert problems == ((1, "It could not be compared: ZeroDivisionError('nobody thought of it')."),)
    assert tags == {0: [], 1: ["ripe"], 2: []}


def test_figures_that_take_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(figures, "figures", greedy)
    monkeypatch.setattr(inside, "_plan", [PLAN.to_json()])
    counts = counting.count_images(PLAN, [])

    with pytest.raises(BadInput, match="take too much time or memory"):
        inside.judge([to_bytes(counts)])

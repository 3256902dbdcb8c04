"""Points and their smoothing over REST: the numbers are those of numpy over every point, at every zoom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task, start
from tests.support.many import put_series

_N = 200_000
_SPIKY = np.where(np.random.default_rng(7).random(_N) < 0.01, 5.0, 0.1)


def average(y: Any, weight: float) -> Any:
    """The moving average by its definition, a value at a time."""
    out, total, part = np.empty(len(y)), 0.0, 0.0
    for i, value in enumerate(y):
        total, part = weight * total + (1 - weight) * value, weight * part + (1 - weight)
        out[i] = total / part
    return out


@pytest.fixture
def spiky(site: Site) -> Site:
    task = new_task(site.store, site.library, "spiky")
    put_series(site.store, task.id, "loss", _SPIKY.tolist())
    return site


def points(site: Site, **query: Any) -> Any:
    answer = site.client.get("/api/tasks/1/points", params={"x": "step", "thin": "mean", "max_points": 1500, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["series"][0]


def test_spikes_of_one_percent_are_smoothed_over_every_point(spiky: Site) -> None:
    whole = average(_SPIKY, 0.99)
    one = points(spiky, smoothing=0.99)

    assert np.mean(one["smooth"]) == pytest.approx(_SPIKY.mean(), abs=0.005)
    assert max(one["smooth"]) < 0.6
    assert (min(one["low"]), max(one["high"])) == (0.1, 5.0)
    assert (one["count"], one["in_window"], one["exact"]) == (_N, _N, False)
    assert one["smooth_last"] == pytest.approx(whole[-1])
    inside = points(spiky, smoothing=0.99, **{"from": 70_000, "to": 71_000})
    assert inside["exact"]
    assert inside["low"] is None
    np.testing.assert_allclose(inside["smooth"][1:-1], whole[69_999:71_000], rtol=1e-9)
    thinned = points(spiky, smoothing=0.99, thin="extremes")
    np.testing.assert_allclose(thinned["smooth"], whole[np.array(thinned["x"], int) - 1], rtol=1e-9)


def test_smoothing_is_an_option_that_changes_no_other_field(spiky: Site) -> None:
    plain, smooth = points(spiky), points(spiky, smoothing=0.5)

    assert plain["smooth"] is plain["smooth_last"] is None
    assert {name: value for name, value in smooth.items() if not name.startswith("smooth")} == {
        name: value for name, value in plain.items() if not name.startswith("smooth")
    }
    for wrong in ("1", "-0.1", "nan"):
        answer = spiky.client.get("/api/tasks/1/points", params={"smoothing": wrong})
        assert answer.status_code == 400, wrong


def test_gaps_and_points_without_epoch_are_smoothed_over(site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "gaps"))
    for epoch, value in ((1.0, 4.0), (2.0, float("nan")), (3.0, 4.0), (1.5, 8.0)):
        story.metrics("train", epoch, loss=value)
    story.flush()
    one = points(site, x="epoch", smoothing=0.5)

    assert one["y"] == [4, 8, None, 4]
    assert one["smooth"] == pytest.approx([4, (0.5 * 4 + 8) / 1.5, None, (0.25 * 4 + 0.5 * 8 + 4) / 1.75])
    assert (one["numbers"], one["gaps"]) == (3, 1)

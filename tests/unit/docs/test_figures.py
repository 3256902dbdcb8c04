"""docs/reference/figures.md is remade by the benchmarks: each has its place there, and nothing else changes."""

from __future__ import annotations

import pkgutil
from datetime import date
from pathlib import Path

import pytest

import benchmarks
from benchmarks import Ratio
from benchmarks._figures import Measured, NoPlace, remade

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "figures.md"
NAMES = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")
RATIOS = [
    Ratio("log loop", "engine → rows", "docker logs", (0.7, 0.95, 0.8), 0.5, "best 1 | 2"),
    Ratio("memory", "peak", "100 MB", (0.5,), 1.0),
    Ratio("chart", "points", "MLflow", (110.4, 90.0, 130.0), 1.0),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_its_place_on_the_page(name: str) -> None:
    made = remade(PAGE.read_text(), {name: Measured(RATIOS, date(2026, 12, 1), 61.4)})
    assert "| log loop | engine → rows | docker logs | ≥ 0.5 | 0.80 (0.70–0.95) | best 1 \\| 2 |\n" in made
    assert f"`python -m benchmarks {name}`, 2026-12-01, in 61 s." in made


def test_a_ratio_below_the_wanted_one_is_seen() -> None:
    made = remade(PAGE.read_text(), {"web": Measured(RATIOS, date(2026, 12, 1), 1)})
    assert "| memory | peak | 100 MB | ≥ 1 | **0.50** |  |\n" in made


def test_a_large_ratio_has_no_decimals() -> None:
    made = remade(PAGE.read_text(), {"web": Measured(RATIOS, date(2026, 12, 1), 1)})
    assert "| 110 (90–130) |" in made


def test_all_else_stays() -> None:
    page = "before\n<!-- web -->\nold\n<!-- end of web -->\nbetween\n<!-- sdk -->\nkept\n<!-- end of sdk -->\nafter\n"
    made = remade(page, {"web": Measured([], date(2026, 12, 1), 1)})
    assert made.startswith("before\n<!-- web -->\n| Measurement")
    assert made.endswith("<!-- end of web -->\nbetween\n<!-- sdk -->\nkept\n<!-- end of sdk -->\nafter\n")
    assert "old" not in made


@pytest.mark.parametrize("page", ["", "<!-- web -->\n", "<!-- web -->\n<!-- end of web -->\n" * 2])
def test_a_page_without_a_place_is_said(page: str) -> None:
    with pytest.raises(NoPlace, match="web"):
        remade(page, {"web": Measured(RATIOS, date(2026, 12, 1), 1)})


def test_remade_twice_is_the_same() -> None:
    measured = {name: Measured(RATIOS, date(2026, 12, 1), 1) for name in NAMES}
    once = remade(PAGE.read_text(), measured)
    assert remade(once, measured) == once

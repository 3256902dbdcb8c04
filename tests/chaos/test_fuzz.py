"""A few seconds of `make fuzz`: it tries every kind of input, and finds nothing."""

from __future__ import annotations

import random

import pytest

from tests.chaos import odd_values
from tests.chaos.fuzz import Fuzz
from tests.chaos.fuzz_protocol import ProtocolFuzz
from tests.chaos.fuzz_web import growth

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]


def test_random_input_of_every_kind_neither_ends_nor_fails_the_web(tmp_path):
    figures = Fuzz(tmp_path, seed=5).run(6)
    assert figures.problems == []
    kinds = {answer.rpartition(" ")[0] for answer in figures.answers}
    assert {"REST", "public API", "archive", "image", "annotation", "page"} <= kinds
    assert figures.lines > 0
    assert any(answer.endswith(" 400") for answer in figures.answers)


def test_random_calls_of_an_original_agent_harm_nobody(tmp_path):
    figures = ProtocolFuzz(tmp_path, seed=5).run(8)
    assert figures.problems == []
    answers = set(figures.answers)
    assert {"call 200", "call 400", "lines 200", "careful lines 200", "no token 401", "other door 401"} <= answers
    assert figures.waits_s


def test_growing_memory_is_a_problem_and_caches_that_fill_are_not():
    def problems(samples: list[int]) -> str:
        return growth("the web", [mib << 20 for mib in samples])

    assert problems([100, 200, 210, 220, 220, 220, 215, 220, 220, 220]) == ""
    assert "grew from 300 to 1000 MiB" in problems([200, 300, 400, 500, 600, 700, 800, 900, 950, 1000])


def test_damage_is_sometimes_none_and_mostly_some():
    rng = random.Random(1)
    same = sum(odd_values.damaged(b"some bytes" * 20, rng) == b"some bytes" * 20 for _ in range(200))
    assert 10 < same < 120

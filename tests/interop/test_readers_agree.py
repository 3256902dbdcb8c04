"""The door, our SDK, the web and the official package read the same of projects and images, but for listed cases.

`python -m tests.support.readers` prints the same as a table, and `--generated N` compares more generated projects.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzzing import fuzz
from tests.support.generated_projects import generated_project
from tests.support.reader_cases import write_case
from tests.support.readers import Readers, cases, compare, differences, listed, readers

pytestmark = pytest.mark.official


@pytest.fixture(scope="module")
def asked(official_python: Path) -> Iterator[Readers]:
    with readers() as all_of_them:
        yield all_of_them


def test_every_case_is_read_the_same_by_all_or_listed_with_its_reason(asked: Readers) -> None:
    differ = {name: found for name, _, found in compare(asked, cases()) if found}

    assert {name: found for name, found in differ.items() if name not in listed()} == {}
    assert listed() - differ.keys() == set()


@fuzz(60)
@given(chance=st.randoms(use_true_random=False))
def test_a_generated_project_is_read_the_same_by_all(asked: Readers, chance: random.Random) -> None:
    files = generated_project(chance)
    with tempfile.TemporaryDirectory() as place:
        results, _ = asked.generated(write_case(Path(place, "p"), files))

    assert differences(results) == [], results


def test_most_of_the_generated_projects_can_be_read(asked: Readers) -> None:
    """Otherwise the test before this one would compare refusals."""
    read = 0
    for seed in range(40):
        with tempfile.TemporaryDirectory() as place:
            results, _ = asked.generated(write_case(Path(place, "p"), generated_project(seed)))
        assert differences(results) == [], seed
        read += results["official"].status == "ok"

    assert read >= 20

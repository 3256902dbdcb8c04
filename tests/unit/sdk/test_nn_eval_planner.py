"""The schedule of validations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.nn.training.eval_planner import VAL_EVERY, EvalPlanner


def steps_with_validation(planner: EvalPlanner, epochs: int, iterations: int) -> list[float]:
    done = []
    for epoch in range(epochs):
        for iteration in range(iterations):
            now = epoch + (iteration + 1) / iterations
            if planner.need_validation(now):
                planner.validation_performed()
                done.append(now)
    return done


def test_half_an_epoch_gives_two_validations_per_epoch() -> None:
    assert steps_with_validation(EvalPlanner(epochs=2, val_every=0.5), 2, 4) == [0.5, 1.0, 1.5, 2.0]


def test_validation_rarer_than_the_training_is_long_never_happens() -> None:
    planner = EvalPlanner(epochs=2, val_every=3)

    assert steps_with_validation(planner, 2, 5) == []
    assert planner.total_val_cnt == 0


def test_validations_missed_are_made_up_for_one_by_one() -> None:
    planner = EvalPlanner(epochs=1, val_every=0.25)
    planner.validation_performed()

    assert planner.need_validation(0.5)
    planner.validation_performed()
    assert not planner.need_validation(0.5)
    assert planner.performed_val_cnt == 2


@given(epochs=st.integers(1, 30), parts=st.integers(1, 20), per_part=st.integers(1, 5))
def test_rounding_of_fractions_loses_no_validation(epochs: int, parts: int, per_part: int) -> None:
    planner = EvalPlanner(epochs=epochs, val_every=1 / parts)

    done = steps_with_validation(planner, epochs, parts * per_part)

    assert len(done) == epochs * parts == planner.total_val_cnt
    assert done == pytest.approx([(index + 1) / parts for index in range(epochs * parts)])


def test_the_config_key_has_its_official_name() -> None:
    assert VAL_EVERY == "val_every"

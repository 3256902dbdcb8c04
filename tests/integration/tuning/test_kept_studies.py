"""Agents go on with studies that have no controller, one of them with each, and give them to a terminal that comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import Conflict
from agent.liveness import SEEN_WITHIN, this_process
from agent.run.shutdown import Shutdown
from agent.store import StudyState
from agent.tuning.control import controlling, is_controlled
from agent.tuning.controller import Controller
from agent.tuning.overview import view
from agent.worker import keeper
from agent.worker import studies as kept
from agent.worker.studies import StudyKeeper
from tests.integration.tuning.conftest import Bench

PATIENCE = 400  # looks, each after a change of the store or its timeout


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOOK_S", 0.0)
    monkeypatch.setattr(kept, "TURN_S", 0.05)


@pytest.fixture
def agents(bench: Bench) -> Iterator[Callable[[], None]]:
    """Two agents; each call lets both of them look."""
    shutdown = Shutdown()
    with ThreadPoolExecutor(8) as pool:
        keepers = [StudyKeeper(bench.store, shutdown) for _ in range(2)]

        def look() -> None:
            for one in keepers:
                one.take_when_due(pool)

        try:
            yield look
        finally:
            shutdown.leave()


def until(bench, fact, do):
    for _ in range(PATIENCE):
        if fact():
            return
        do()
        bench.store.wait_for_change(0.05)
    raise AssertionError("it does not come")


def state_of(bench, study):
    return bench.store.studies.get(study.id).state


def test_studies_that_nobody_controls_are_ended_by_agents_with_every_trial_once(bench, agents):
    studies = [bench.add("lr=0.1..0.9"), bench.add("lr=0.1,0.2,0.3", sampler="grid", trials=3)]

    def work():
        agents()
        for study in studies:
            bench.work(study)

    until(bench, lambda: all(state_of(bench, study) is StudyState.FINISHED for study in studies), work)

    for study in studies:
        found, _ = view(bench.store, study)
        assert [trial.number for trial in found.trials] == list(range(study.trials))
        assert [trial.state.value for trial in found.trials] == ["complete"] * study.trials
        assert len(bench.store.studies.tasks(study.id)) == study.trials


def test_a_terminal_has_the_study_from_its_agent_and_leaves_it_to_one_again(bench, agents):
    study = bench.add("lr=0.1..0.9", jobs=1)

    def is_kept():
        now = bench.store.studies.get(study.id)
        return is_controlled(now) and now.controller_info["yields"]

    until(bench, is_kept, agents)
    with controlling(bench.store, study.id) as name:
        turn = Controller(bench.store, study.id, name).turn()
        assert len(turn.running) == 1
        agents()
        assert bench.store.studies.get(study.id).controller == name
        with pytest.raises(Conflict, match="run by another process"), controlling(bench.store, study.id, yields=True):
            pass
    until(bench, is_kept, agents)


def test_an_agent_that_lives_controls_a_study_as_long_as_its_lease_only(bench):
    study = bench.add("lr=0.1..0.9")
    info = {**this_process(), "yields": True}
    assert bench.store.studies.control(study.id, "a", info, instead_of=None)
    now = bench.store.studies.get(study.id)
    late = replace(now, unseen_for=SEEN_WITHIN + timedelta(seconds=1))

    assert is_controlled(now)
    assert not is_controlled(late), "its thread has ended"
    assert is_controlled(replace(late, controller_info=this_process())), "a terminal that slept"


def test_a_study_that_is_stopped_while_an_agent_keeps_it_is_told_to_its_end(bench, agents):
    study = bench.add("lr=0.1..0.9", jobs=2)
    until(bench, lambda: len(bench.store.studies.tasks(study.id)) == 2, agents)
    for task in bench.store.studies.tasks(study.id).values():
        bench.start(task)

    bench.store.studies.stop(study.id)

    until(bench, lambda: all(t.stop_requested for t in bench.store.studies.tasks(study.id).values()), agents)
    bench.work(study)
    until(bench, lambda: bench.store.studies.get(study.id).controller is None, agents)
    assert state_of(bench, study) is StudyState.STOPPED

"""The controller of a study: what it submits, reports, prunes and tells, and what is left when it dies anywhere."""

from __future__ import annotations

import itertools
import sys
import threading

import pytest

from agent.domain import TaskStatus
from agent.errors import Conflict
from agent.store import StudyState, open_store
from agent.tuning.control import controlling, is_controlled
from agent.tuning.controller import Controller
from agent.tuning.decisions import TrialState
from agent.tuning.overview import view
from agent.tuning.request import require_parts
from agent.tuning.search import Search
from tests.support.instants import Instants

TURNS = 200


def run(bench, study):
    """Turns of one controller, and work of agents between them, until the study is over."""
    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        for _ in range(TURNS):
            turn = controller.turn()
            if turn.is_over:
                return bench.whole(turn)
            bench.work(study)
    raise AssertionError("the study does not end")


def test_every_trial_becomes_a_task_with_its_parameters_and_a_value(bench):
    study = bench.add("lr=0.1..0.9", "opt.name=sgd,adam", "epochs=5..20")

    turn = run(bench, study)

    assert turn.study.state is StudyState.FINISHED
    assert [trial.number for trial in turn.trials] == [0, 1, 2, 3, 4]
    for trial in turn.trials:
        task = turn.tasks[trial.number]
        assert trial.state is TrialState.COMPLETE
        assert trial.value == task.config["lr"] == trial.params["lr"]
        assert task.config["opt"]["name"] == trial.params["opt.name"] in ("sgd", "adam")
        assert 5 <= task.config["epochs"] == trial.params["epochs"] <= 20
        assert task.name == f"{study.name} {trial.number}"
    found, _ = view(bench.store, turn.study)
    assert found.best is not None
    assert found.best.value == max(trial.value for trial in turn.trials)


def test_no_more_tasks_run_at_once_than_were_asked_for(bench):
    study = bench.add("lr=0.1..0.9", jobs=3)
    with controlling(bench.store, study.id) as name:
        Controller(bench.store, study.id, name).turn()
        Controller(bench.store, study.id, name).turn()

    assert len(bench.store.tasks.list()) == 3


def test_a_grid_tries_each_combination_once(bench):
    study = bench.add("lr=0.1,0.2,0.3", "size=[1,2],[3]", sampler="grid", trials=6, metric=None, direction=None)

    turn = run(bench, study)

    tried = [(trial.params["lr"], trial.params["size"]) for trial in turn.trials]
    assert sorted(tried) == sorted(itertools.product([0.1, 0.2, 0.3], [[1, 2], [3]]))
    assert {trial.state for trial in turn.trials} == {TrialState.COMPLETE}
    assert {trial.value for trial in turn.trials} == {None}


def test_a_grid_that_was_cut_goes_on_with_the_combinations_it_has_not_tried(bench):
    study = bench.add("lr=0.1,0.2,0.3", "n=1,2", sampler="grid", trials=2)
    turn = run(bench, study)
    assert (len(turn.trials), turn.study.state) == (2, StudyState.FINISHED)

    for trials in (3, 6):
        bench.store.studies.resume(study.id, trials=trials, jobs=2)
        turn = run(bench, study)
        tried = [(trial.params["lr"], trial.params["n"]) for trial in turn.trials]
        assert len(tried) == len(set(tried)) == trials

    assert set(tried) == set(itertools.product([0.1, 0.2, 0.3], [1, 2]))


def test_the_same_seed_draws_the_same_whenever_it_is_interrupted(bench):
    whole = run(bench, bench.add("lr=0.1..0.9", jobs=1))
    pieces = bench.add("lr=0.1..0.9", jobs=1)
    while not (turn := one_turn(bench, pieces)).is_over:
        bench.work(pieces)

    assert [trial.params for trial in turn.trials] == [trial.params for trial in whole.trials]
    assert len({trial.params["lr"] for trial in turn.trials}) == 5


def one_turn(bench, study):
    with controlling(bench.store, study.id) as name:
        return bench.whole(Controller(bench.store, study.id, name).turn())


def test_values_of_a_running_task_are_reported_and_its_best_one_counts(bench):
    study = bench.add("lr=0.1..0.9", trials=1)
    one_turn(bench, study)
    (task,) = bench.store.studies.tasks(study.id).values()
    bench.start(task)
    bench.measure(task, 0.1, None, 0.5)

    (trial,) = one_turn(bench, study).trials
    assert trial.steps == {0: 0.1, 2: 0.5}

    bench.measure(task, 0.4, first=4)
    bench.end(task)
    (trial,) = one_turn(bench, study).trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.5)
    assert trial.steps == {0: 0.1, 2: 0.5, 3: 0.4}


def test_a_study_whose_plugin_was_deleted_is_not_resumed(bench):
    study = bench.add("lr=0.1..0.9", trials=1)
    require_parts(bench.store, study)
    bench.store.plugins.remove(study.task.plugin_id)
    require_parts(bench.store, study)  # a task takes it out of the trash
    bench.store.plugins.give_up(study.task.plugin_id)
    with pytest.raises(Conflict, match=r"study 1 cannot go on: its plugin 1 was deleted; `agent tune` starts"):
        require_parts(bench.store, study)


def test_a_poor_trial_is_pruned_and_its_task_is_stopped_with_that_reason(bench):
    study = bench.add("lr=0.1..0.9", trials=6, jobs=1, pruner="median")
    for value in (0.5, 0.6, 0.7, 0.8, 0.9):
        one_turn(bench, study)
        task = bench.store.studies.tasks(study.id)[len(bench.store.studies.tasks(study.id)) - 1]
        bench.start(task)
        bench.measure(task, value, value)
        bench.end(task)
        one_turn(bench, study)
    task = bench.store.studies.tasks(study.id)[5]
    bench.start(task)
    bench.measure(task, 0.1)

    trial = one_turn(bench, study).trials[5]
    asked = bench.store.tasks.get(task.id)
    assert (trial.is_pruned, trial.state, asked.status) == (True, TrialState.RUNNING, TaskStatus.TERMINATING)
    assert bench.store.tasks.stop_cause(task.id) == "trial_pruned"

    bench.end(task, TaskStatus.STOPPED)
    turn = one_turn(bench, study)
    assert (turn.trials[5].state, turn.trials[5].value, turn.study.state) == (
        TrialState.PRUNED,
        0.1,
        StudyState.FINISHED,
    )


def test_a_decision_to_prune_outlives_the_controller_that_made_it(bench):
    study = bench.add("lr=0.1..0.9", trials=1)
    one_turn(bench, study)
    task = bench.start(bench.store.studies.tasks(study.id)[0])
    with controlling(bench.store, study.id) as name:
        Search(bench.store, study, name).note_pruned(0)  # and died before it stopped the task

    one_turn(bench, study)

    assert bench.store.tasks.stop_cause(task.id) == "trial_pruned"


def test_a_trial_whose_task_was_deleted_before_it_was_told_has_failed_and_does_not_run_again(bench):
    study = bench.add("lr=0.1..0.9", trials=3, jobs=2)
    one_turn(bench, study)
    in_trash, gone = bench.store.studies.tasks(study.id).values()
    for task in (in_trash, gone):  # while no controller lives
        bench.start(task)
        bench.measure(task, 0.5)
        bench.end(task)
        bench.store.tasks.remove(task.id)
    bench.store.tasks.purge(gone.id)

    turn = run(bench, study)

    assert [trial.state for trial in turn.trials] == [TrialState.COMPLETE, TrialState.FAILED, TrialState.COMPLETE]
    assert turn.trials[1].sentence == "its task was deleted before its value was read"
    assert list(turn.tasks) == [0, 2]


def test_a_failed_a_stopped_and_a_silent_task_are_failed_trials_with_a_sentence(bench):
    study = bench.add("lr=0.1..0.9", trials=3, jobs=3)
    one_turn(bench, study)
    failed, stopped, silent = bench.store.studies.tasks(study.id).values()
    for task in (failed, silent):
        bench.start(task)
    bench.end(failed, TaskStatus.ERROR, "the plugin ended with exit code 1")
    bench.end(silent)
    bench.store.tasks.request_stop(stopped.id)

    turn = one_turn(bench, study)

    assert {trial.state for trial in turn.trials} == {TrialState.FAILED}
    assert "the plugin ended with exit code 1" in turn.trials[0].sentence
    assert "was stopped" in turn.trials[1].sentence
    assert "finished without a value of val.score" in turn.trials[2].sentence
    assert turn.study.state is StudyState.FINISHED


def test_a_study_whose_first_trials_all_fail_is_given_up_with_the_reason(bench):
    study = bench.add("lr=0.1..0.9", trials=50, jobs=1)
    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        while not (turn := controller.turn()).is_over:
            for task in bench.store.studies.tasks(study.id).values():
                if not task.status.is_final:
                    bench.start(task)
                    bench.end(task, TaskStatus.ERROR, "no such key: lrr")

    assert (turn.counts[TrialState.FAILED], turn.study.state) == (5, StudyState.STOPPED)
    assert "no such key: lrr" in turn.gave_up


def test_a_study_whose_project_was_deleted_is_stopped_with_the_reason(bench):
    study = bench.add("lr=0.1..0.9", jobs=1)
    bench.store.projects.give_up(bench.task.project_id)

    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        turn = controller.turn()
        assert controller.turn().is_over

    assert (turn.study.state, turn.running, bench.store.studies.journal(study.id)[1:]) == (StudyState.STOPPED, [], [])
    assert (
        turn.gave_up
        == f"no more trials can be submitted, so the study was stopped: There is no project {bench.task.project_id}."
    )


def test_a_stopped_study_stops_its_tasks_and_can_be_resumed_to_its_full_number(bench):
    study = bench.add("lr=0.1..0.9")
    one_turn(bench, study)
    for task in bench.store.studies.tasks(study.id).values():
        bench.start(task)
    bench.store.studies.stop(study.id)
    assert not one_turn(bench, study).is_over
    assert all(task.stop_requested for task in bench.store.studies.tasks(study.id).values())
    bench.work(study)
    turn = one_turn(bench, study)
    assert turn.is_over
    assert [trial.state for trial in turn.trials] == [TrialState.FAILED] * 2

    bench.store.studies.resume(study.id, trials=5, jobs=2)
    turn = run(bench, study)

    assert len(turn.trials) == 5
    assert sum(trial.state is TrialState.COMPLETE for trial in turn.trials) == 3


def test_a_second_controller_is_refused_while_the_first_lives(bench):
    study = bench.add("lr=0.1..0.9")
    with controlling(bench.store, study.id) as name:
        assert is_controlled(bench.store.studies.get(study.id))
        with pytest.raises(Conflict, match="run by another process"), controlling(bench.store, study.id):
            pass
        Controller(bench.store, study.id, name).turn()
    assert not is_controlled(bench.store.studies.get(study.id))
    run(bench, study)


def test_a_controller_that_was_replaced_decides_nothing_more(bench):
    study = bench.add("lr=0.1..0.9", jobs=1)
    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        assert bench.store.studies.control(study.id, "another", {}, instead_of=name)
        with pytest.raises(Conflict, match="Another process controls"):
            controller.turn()
    assert bench.store.tasks.list() == []


class Died(BaseException):
    """Stands for kill -9: nothing catches it."""


def died():
    raise Died


def test_whichever_call_a_controller_dies_before_no_trial_is_lost_or_doubled(bench):
    """Controllers die one after the other, each a call to the store later than the one before it."""
    study = bench.add("lr=0.1..0.9", "n=1,2,3", trials=12, jobs=2)
    deaths = 0
    for at in range(1, 500):
        instants = Instants(at, died, match="studies|tasks|metrics")
        store = instants.store(bench.store)
        name, before = f"controller {at}", bench.store.studies.get(study.id)
        assert bench.store.studies.control(study.id, name, {}, instead_of=before.controller)
        try:
            controller = Controller(store, study.id, name)
            for _ in range(1 + at // 30):  # a later death comes in a later turn
                if (turn := controller.turn()).is_over:
                    break
        except Died:
            deaths += 1
            bench.work(study)
            continue
        bench.work(study)
        if turn.is_over:
            break

    assert turn.is_over
    assert deaths > 10
    turn = bench.whole(turn)
    assert [trial.number for trial in turn.trials] == list(range(12))
    assert list(turn.tasks) == list(range(12))
    assert len(bench.store.tasks.list()) == 12
    assert all(trial.state is TrialState.COMPLETE for trial in turn.trials)
    assert all(turn.tasks[trial.number].config["lr"] == trial.value for trial in turn.trials)


def test_a_turn_costs_the_same_however_many_trials_have_ended(bench):
    few, many = (calls_of_a_turn(bench, bench.add("lr=0.1..0.9", trials=99, jobs=3), ended) for ended in (5, 60))

    assert abs(many - few) < few / 20, "a weak reference or a compiled statement more or less"


def calls_of_a_turn(bench, study, ended):
    """How many calls of functions a turn makes that finds three tasks running beside so many ended trials."""
    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        while (turn := controller.turn()).counts[TrialState.COMPLETE] < ended:
            bench.work(study)
        assert turn.counts[TrialState.RUNNING] == 3
        controller.turn()
        calls = []
        sys.setprofile(lambda frame, event, called: calls.append(event.endswith("call")))
        try:
            controller.turn()
        finally:
            sys.setprofile(None)
    return sum(calls)


def test_a_turn_names_the_trials_that_ended_in_it_once(bench):
    study = bench.add("lr=0.1..0.9")
    ended = []
    with controlling(bench.store, study.id) as name:
        controller = Controller(bench.store, study.id, name)
        while not (turn := controller.turn()).is_over:
            ended += turn.ended
            bench.work(study)
        ended += turn.ended

    assert sorted(trial.number for trial in ended) == [0, 1, 2, 3, 4]
    assert turn.best == max(ended, key=lambda trial: trial.params["lr"])
    assert turn.counts == {**dict.fromkeys(TrialState, 0), TrialState.COMPLETE: 5}


def test_importance_names_the_parameter_that_matters(bench):
    study = bench.add("lr=0.1..0.9", "n=0.0..1.0", trials=40, jobs=4)
    run(bench, study)
    search = view(bench.store, study)[1]

    shares = search.importance().shares

    assert shares is not None
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert shares["lr"] > shares["n"]


@pytest.mark.parametrize(
    ("space", "changes", "why"),
    [
        (("lr=0.1..0.9", "n=0.0..1.0"), {"trials": 3}, "Told from 10 complete trials on; 3 are complete."),
        (("lr=0.1..0.9",), {"trials": 12}, "Only one parameter varies."),
        (("n=0.0..1.0", "m=0.0..1.0"), {"trials": 12}, "All complete trials have the same value."),
        (
            ("lr=0.1,0.2", "n=1,2"),
            {"trials": 4, "sampler": "grid", "metric": None, "direction": None},
            "The study has no metric, so nothing is compared.",
        ),
    ],
)
def test_where_no_importance_can_be_told_a_sentence_says_why(bench, space, changes, why):
    study = bench.add(*space, **changes)
    run(bench, study)
    importance = view(bench.store, study)[1].importance()

    assert (importance.shares, importance.missing) == (None, why)


def test_a_trial_is_shown_as_its_task_is_though_no_controller_lives(bench):
    study = bench.add("lr=0.1..0.9", trials=6, jobs=6)
    one_turn(bench, study)
    finished, failed, silent, pruned, runs, deleted = bench.store.studies.tasks(study.id).values()
    for task in (finished, failed, silent, pruned, runs, deleted):
        bench.start(task)
    for task in (finished, pruned, runs):
        bench.measure(task, 0.5, 0.4)
    with controlling(bench.store, study.id) as name:
        search = Search(bench.store, study, name)
        search.report(3, 0, 0.3)
        search.note_pruned(3)
    bench.end(finished)
    bench.end(failed, TaskStatus.ERROR, "no such key")
    bench.end(silent)
    bench.end(pruned, TaskStatus.STOPPED)
    bench.end(deleted)
    bench.store.tasks.remove(deleted.id)
    bench.store.tasks.purge(deleted.id)

    found, _ = view(bench.store, study)

    shown = [(trial.state, trial.value, trial.step, trial.is_task_deleted) for trial in found.trials]
    assert shown == [
        (TrialState.COMPLETE, 0.5, 1, False),
        (TrialState.FAILED, None, None, False),
        (TrialState.FAILED, None, None, False),
        (TrialState.PRUNED, 0.3, 0, False),
        (TrialState.RUNNING, 0.4, 1, False),
        (TrialState.FAILED, None, None, True),
    ]
    assert "no such key" in found.trials[1].sentence
    assert (found.best, found.count(TrialState.FAILED)) == (found.trials[0], 3)
    turn = one_turn(bench, study)  # and that is what the next controller tells
    told = [(trial.state, trial.value) for trial in turn.trials if trial.state is not TrialState.RUNNING]
    assert told == [shown[number][:2] for number in (0, 1, 2, 3, 5)]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_each_sampler_searches(bench, sampler):
    turn = run(bench, bench.add("lr=0.1..0.9:log", "opt.name=sgd,adam", trials=14, sampler=sampler))

    assert len({trial.params["lr"] for trial in turn.trials}) == 14


def test_a_study_can_be_read_before_its_first_turn(bench):
    found, search = view(bench.store, bench.add("lr=0.1..0.9"))

    assert (found.trials, found.best, found.is_interrupted, search.importance().shares) == ([], None, True, None)


def test_the_store_outlives_the_process(bench, tmp_path):
    study = bench.add("lr=0.1..0.9")
    run(bench, study)
    with open_store(tmp_path / "store.db") as again:
        found, _ = view(again, again.studies.get(study.id))

    assert len(found.trials) == 5


def test_a_controller_on_another_machine_is_watched_before_its_study_is_taken(bench, monkeypatch):
    """No clock is asked: it lives as long as its heartbeat changes."""
    monkeypatch.setattr("agent.controllers.LEASE_S", 0.6)
    study, far = bench.add("lr=0.1..0.9"), {"machine": "another-boot/pid:[1]", "pid": 1, "started": 1}
    assert bench.store.studies.control(study.id, "far", far, instead_of=None)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.05):
            bench.store.studies.beat(study.id, "far")

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        with pytest.raises(Conflict, match="run by another process"), controlling(bench.store, study.id):
            pass
    finally:
        stop.set()
        heart.join()
    with controlling(bench.store, study.id):
        assert is_controlled(bench.store.studies.get(study.id))

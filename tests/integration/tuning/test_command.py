"""`agent tune` as a user runs it: to its end, killed and resumed, stopped, refused."""

from __future__ import annotations

import signal
import time

import pytest

from agent.store import open_store
from tests.chaos.audit import end_runs_of
from tests.support.inputs import ODD, Cli, write_model, write_project

TUNED = ODD.parent / "tuned"
SIXTH_IS_WORST = 2  # the seed: of the learning rates that it draws only the sixth is below 1e-5


@pytest.fixture
def cli(tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    yield cli
    end_runs_of(cli.home)


@pytest.fixture
def inputs(tmp_path):
    project, model = write_project(tmp_path / "fruit", images=1), write_model(tmp_path / "start")
    return ("--plugin", TUNED, "--project", project, "--model", model)


def trials_ended(cli):
    """How many tasks of trials have ended, by the store."""
    if not (cli.home / "store.db").exists():
        return 0
    with open_store(cli.home / "store.db") as store:
        return sum(task.status.is_final for task in store.tasks.list(limit=1000))


def wait_until(fact, process):
    deadline = time.monotonic() + 120
    while not fact():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.chaos
def test_a_study_that_is_killed_twice_with_its_agent_ends_with_every_trial_once(cli, inputs):
    space = ("--set", "lr=1e-4..1:log", "--set", "opt.name=sgd,adam", "--set", "epochs=2")
    how = ("--maximize", "val.score", "--trials", 30, "--jobs", 4, "--name", "rates")

    # First its own agent dies with it, then an agent beside it, too.
    killed = cli.start("tune", *inputs, *space, *how)
    wait_until(lambda: trials_ended(cli) >= 5, killed)
    killed.kill()
    killed.communicate()
    listed = cli.json("tune", "list")[0]
    assert (listed["state"], listed["is_interrupted"]) == ("running", True)

    agent = cli.start("run", "--parallel", 4)
    killed = cli.start("tune", "resume", "rates")
    wait_until(lambda: trials_ended(cli) >= 14, killed)
    for process in (killed, agent):
        process.send_signal(signal.SIGKILL)
    for process in (killed, agent):
        process.communicate()

    done = cli.run("tune", "resume", "rates")

    assert "study 1 is finished: 30 of 30 have ended; best is trial" in done.stderr
    shown = cli.json("tune", "show", "rates")
    assert [trial["number"] for trial in shown["trials"]] == list(range(30))
    assert {trial["state"] for trial in shown["trials"]} == {"complete"}
    tasks = cli.json("task", "list", "--limit", 100)
    assert sorted(trial["task_id"] for trial in shown["trials"]) == sorted(task["id"] for task in tasks)
    assert {task["status"] for task in tasks} == {"finished"}
    best = max(shown["trials"], key=lambda trial: trial["value"])
    assert shown["best"] == best
    assert set(shown["importance"]) == {"lr", "opt.name"}
    assert cli.run("tune", "resume", "rates", code=2).stderr.startswith("agent: study 1 has finished its 30 trials")


@pytest.mark.chaos
def test_a_study_whose_terminal_is_killed_is_ended_by_the_agent_that_runs_its_tasks(cli, inputs):
    agent = cli.start("run", "--parallel", 2)
    space = ("--set", "lr=1e-4..1:log", "--set", "epochs=1")
    killed = cli.start(
        "tune", *inputs, *space, "--maximize", "val.score", "--trials", 8, "--jobs", 2, "--name", "rates"
    )
    wait_until(lambda: trials_ended(cli) >= 2, killed)
    killed.kill()
    killed.communicate()

    wait_until(lambda: trials_ended(cli) == 8 and cli.json("tune", "list")[0]["state"] == "finished", agent)

    shown = cli.json("tune", "show", "rates")
    assert [trial["state"] for trial in shown["trials"]] == ["complete"] * 8
    assert len(cli.json("task", "list", "--limit", 100)) == 8
    agent.send_signal(signal.SIGINT)
    agent.communicate(timeout=60)


def test_ctrl_c_ends_the_command_and_says_how_the_study_goes_on(cli, inputs):
    command = cli.start("tune", *inputs, "--set", "lr=0.1,0.2", "--set", "mode=hang", "--name", "slow")
    wait_until(lambda: (cli.home / "store.db").exists() and running(cli), command)
    second = cli.run("tune", "resume", "slow", code=2)
    assert "is run by another process" in second.stderr

    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=60)

    assert command.returncode == 130
    assert "`agent tune resume 1` goes on with study 1" in said
    assert cli.json("tune", "show", "slow")["is_interrupted"]
    assert "study 1 is stopped" in cli.run("tune", "stop", "slow").stdout
    assert cli.json("tune", "show", 1)["state"] == "stopped"


def running(cli):
    with open_store(cli.home / "store.db") as store:
        return any(task.status.value == "started" for task in store.tasks.list())


def test_a_pruned_trial_is_stopped_and_its_task_says_why(cli, inputs):
    space = ("--set", "lr=1e-6..1e-1:log", "--set", "epochs=2", "--set", "slow_below=1e-5")
    how = ("--maximize", "val.score", "--sampler", "random", "--seed", SIXTH_IS_WORST, "--pruner", "median")

    cli.run("tune", *inputs, *space, *how, "--trials", 6, "--name", "rates")

    *complete, pruned = cli.json("tune", "show", "rates")["trials"]
    assert [trial["state"] for trial in complete] == ["complete"] * 5
    assert pruned["state"] == "pruned"
    task = cli.json("task", "show", pruned["task_id"])
    assert (task["status"], task["reason"]) == ("stopped", "trial_pruned")
    assert "its trial was pruned" in task["message"]


def test_without_optuna_one_sentence_says_how_to_install_it(cli, inputs, monkeypatch, capsys):
    from agent.cli.app import app, run
    from agent.errors import CouldNotStart

    monkeypatch.setattr("agent.tuning.extra.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["agent", "tune", *map(str, inputs), "--set", "lr=1,2"])
    with pytest.raises(CouldNotStart, match=r"pip install 'supervisely-local\[tune\]'"):
        run(app)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--plugin is missing"),
        (("--plugin", "x"), "--project is missing"),
        (("--plugin", "x", "--project", "y"), "nothing varies"),
        (("--plugin", "x", "--project", "y", "--set", "lr=2..1"), "--set 'lr=2..1': 2 is not below 1"),
    ],
)
def test_a_slip_is_one_sentence(cli, words, said):
    done = cli.run("tune", *words, code=2)

    assert said in done.stderr
    assert done.stderr.count("\n") == 1

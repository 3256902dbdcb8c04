"""The run of a deployed model with the real store; only the engine is a fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.errors import BadInput
from agent.installation import Installation
from agent.run import interrupts
from agent.run.dry_run import plan
from agent.run.loss import fate_of
from agent.run.lost_node import declared
from agent.run.run import Run
from agent.run.run_task import run_task
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from agent.worker.loop import run_one
from tests.support.fake_engine import Act, FakeEngine, event
from tests.support.inputs import ASKED, SERVED, write_model
from tests.support.tasks import queue_task

READY = event("TASK_DEPLOYED", "Ready to get events")
URL = "http://web.example:1"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    settings = Settings(home=tmp_path / "home", models_url=URL)
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def inputs(installation: Installation, tmp_path: Path) -> dict[str, Any]:
    plugin = library.add_plugin_folder(installation.store, ASKED, "local")
    model = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))
    return {"type": "deploy", "plugin": plugin, "model": model}


@pytest.fixture
def queued(installation: Installation, inputs: dict[str, Any]) -> Callable[..., Task]:
    """`queued(**options)`: a queued model."""
    return lambda **options: queue_task(installation, **inputs, options=RequestedOptions(**options))


def on(installation: Installation, act: Act) -> tuple[Installation, FakeEngine]:
    engine = FakeEngine(act)
    return replace(installation, open_engine=lambda _name, _settings: engine), engine


def run(installation: Installation, task: Task, agent: str = "a:1") -> Task:
    claimed = installation.store.tasks.claim(agent, task_id=task.id)
    assert claimed is not None
    return run_task(claimed, installation)


def test_it_is_deployed_from_its_line_on_and_finished_when_it_ends_by_itself(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    task, seen = queued(), []

    def act(_folder: Path) -> Iterator[str]:
        seen.append(installation.store.tasks.get(task.id).status)
        yield "loading"
        yield READY
        yield "after"
        seen.append(installation.store.tasks.get(task.id).status)

    ended = run(on(installation, act)[0], task)
    assert seen == [TaskStatus.STARTED, TaskStatus.DEPLOYED]
    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
    assert (installation.store.projects.count(), installation.store.checkpoints.list(task.id)) == (0, [])


def test_the_line_of_another_kind_of_task_changes_nothing(installation: Installation, inputs: dict[str, Any]) -> None:
    """The line is known by its event alone; a note of the agent is none."""
    task = queue_task(installation, **inputs)
    seen = []

    def act(_folder: Path) -> Iterator[str]:
        yield '{"message": "TASK_DEPLOYED"}'
        seen.append(installation.store.tasks.get(task.id).status)

    run(on(installation, act)[0], task)
    assert seen == [TaskStatus.STARTED]


@pytest.mark.parametrize("idle_limit_s", [None, 0.3])
def test_a_model_that_hangs_before_it_is_ready_is_ended_with_a_sentence(
    idle_limit_s: float | None,
    installation: Installation,
    queued: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrupts, "SILENT_LOADING_S", 0.2 if idle_limit_s is None else 3600.0)

    def act(_folder: Path) -> Iterator[str | None]:
        yield "loading"
        yield None  # for ever

    ended = run(on(installation, act)[0], queued(idle_limit_s=idle_limit_s))
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "idle_limit")
    assert ended.message is not None
    assert "has not said that its model is ready, and printed nothing for its limit of 0." in ended.message


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_agent_that_died_before_it_recorded_the_deployment_is_made_good(
    is_kept: bool, installation: Installation, queued: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed behind the line that is kept, or before it: the next agent finds it in the store, or in the output."""
    task, gates = queued(), [READY] if is_kept else []

    def act(_folder: Path) -> Iterator[str | None]:
        yield from gates
        yield "begun" if is_kept else READY
        yield None

    here, engine = on(installation, act)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Run, "deployed", die)
        patched.setattr("agent.run.run.close", lambda *_: False)
        with pytest.raises(Killed):
            run(here, task)
    left = installation.store.tasks.get(task.id)
    assert left.status is TaskStatus.STARTED
    assert left.lines_read == 1

    (taken,) = installation.store.tasks.take_over("b:2", gone=["a:1"])
    shutdown = Shutdown()
    seen = []
    deployed = Run.deployed

    def then_stop(self: Run, *args: int) -> None:
        deployed(self, *args)
        seen.append(installation.store.tasks.get(task.id).status)
        installation.store.tasks.request_stop(task.id)

    monkeypatch.setattr(Run, "deployed", then_stop)
    ended = run_task(taken, here, shutdown=shutdown)
    assert seen == [TaskStatus.DEPLOYED]
    assert (ended.status, ended.reason, len(engine.containers)) == (TaskStatus.STOPPED, "stopped_by_user", 1)
    assert len(list(installation.store.events.each(task.id, event_type="TASK_DEPLOYED"))) == 1


def test_a_stop_that_came_before_the_line_stays(installation: Installation, queued: Callable[..., Task]) -> None:
    task = queued()

    def act(_folder: Path) -> Iterator[str | None]:
        installation.store.tasks.request_stop(task.id)
        yield READY
        yield None

    ended = run(on(installation, act)[0], task)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


def test_each_attempt_is_deployed_anew_and_the_last_failure_is_the_end(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    task, keys = queued(restarts=2), []

    def act(folder: Path) -> Iterator[str | int]:
        keys.append(json.loads((folder / "task_config.json").read_text())["connection"]["token"])
        yield READY
        yield f"key {keys[-1]}"
        yield 3

    here, engine = on(installation, act)
    statuses = [run(here, task).status for _ in range(3)]
    assert statuses == [TaskStatus.QUEUED, TaskStatus.QUEUED, TaskStatus.ERROR]
    ended = installation.store.tasks.get(task.id)
    assert (ended.reason, ended.attempt, ended.exit_code) == ("plugin_exit", 3, 3)
    assert len(set(keys)) == len(engine.containers) == 3
    lines = [one.raw for one in installation.store.events.each(task.id) if one.raw.startswith("key ")]
    assert lines == ["key <the key of this task>"] * 3
    assert all(container.removed for container in engine.containers)


@pytest.mark.parametrize(("act_code", "words"), [(2, "can't open file '/workdir/src/deploy.py': [Errno 2]"), (127, "")])
def test_a_plugin_that_cannot_begin_is_not_started_again(
    act_code: int, words: str, installation: Installation, queued: Callable[..., Task]
) -> None:
    def act(_folder: Path) -> Iterator[str | int]:
        yield f"python: {words}"
        yield act_code

    ended = run(on(installation, act)[0], queued(restarts=5))
    assert (ended.status, ended.reason, ended.attempt) == (TaskStatus.ERROR, "entry_missing", 1)


def test_a_plugin_without_deploy_py_gets_the_program_that_serves_it(
    installation: Installation, inputs: dict[str, Any]
) -> None:
    served = library.add_plugin_folder(installation.store, SERVED, "local")
    program = Path("supervisely_lib/nn/hosted/serve.py").read_bytes()
    seen = []

    def act(folder: Path) -> Iterator[str]:
        seen.append((folder / "serve.py").read_bytes())
        yield READY

    here, engine = on(installation, act)
    new = new_task(installation.store, installation.settings, TaskRequest(**{**inputs, "plugin": served}))
    run(here, installation.store.tasks.add(new))
    assert seen == [program]
    command = "python -u /sly_task_data/serve.py /workdir/src/inference.py"
    assert engine.containers[0].spec.entrypoint == ("sh", "-c", command)
    planned = plan(new, here, engine.info())
    assert planned.container["entrypoint"][2] == command
    assert ("serve.py", "the program that serves the model") in planned.layout
    assert planned.config == {
        "connection": {"server_address": f"{URL}/", "token": "<the key of this task>", "task_id": "0"},
        "model_settings": {},
    }


def test_the_agent_of_one_task_goes_on_with_its_next_attempt(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    codes = iter((3, 0))

    def act(_folder: Path) -> Iterator[str | int]:
        yield READY
        yield next(codes)

    here, engine = on(installation, act)
    ended = run_one(here, queued(restarts=1).id, Shutdown())
    assert (ended.status, ended.attempt, len(engine.containers)) == (TaskStatus.FINISHED, 2, 2)


def test_in_a_job_of_a_cluster_the_address_of_the_web_must_be_set(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    task, unset = queued(), replace(installation, settings=replace(installation.settings, models_url=""))
    claimed = installation.store.tasks.claim("a:1", task_id=task.id)
    assert claimed is not None
    ended = run_task(claimed, on(unset, lambda _folder: [])[0], loss_of=lambda _: None)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "could_not_start")
    assert "set AGENT_MODELS_URL" in str(ended.message)


def test_an_agent_that_hardens_every_task_runs_no_deployed_model(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    task = queued()
    hardens = replace(installation, settings=replace(installation.settings, hardened=True))
    ended = run(on(hardens, lambda _folder: [])[0], task)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, BadInput.reason)
    assert "a hardened container has no network" in str(ended.message)


def test_a_lost_node_ends_a_model_or_queues_it_again_without_a_word_of_checkpoints(
    installation: Installation, queued: Callable[..., Task]
) -> None:
    for restarts in (0, 1):
        task = queued(restarts=restarts)
        fate = fate_of(task, [], None, loss=declared("lab"))
        assert "checkpoint" not in str(fate.note)
        assert (fate.end is None) == bool(restarts)

"""The story of a task over the real store and artifacts; only the engine is a fake."""

from __future__ import annotations

import shutil
import subprocess
import threading

import pytest

import agent.closing
from agent import library
from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, Step, TaskOptions, TaskStatus
from agent.errors import EngineUnavailable
from agent.house import House
from agent.loop import run_one
from agent.run import Run
from agent.run_task import run_task
from agent.settings import Settings
from agent.store import open_store
from agent.wishes import new_task
from tests.fake_engine import FakeContainer, FakeEngine, checkpoint, event, metrics, write_checkpoint
from tests.small import ODD, write_model, write_project


@pytest.fixture
def house(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    store = open_store(settings.store)
    yield House(store, open_artifacts(settings.artifacts), settings)
    store.close()


@pytest.fixture
def queue_task(house, tmp_path):
    plugin = library.add_plugin_folder(house.store, ODD, "local")
    project = library.add_project(house.store, house.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(house.store, house.artifacts, write_model(tmp_path / "start"))

    def queue(kind="train", **options):
        wish = new_task(
            house.store, type=kind, plugin=plugin, project=project, model=model, name="result",
            config={"a": 1.0, "b": 1}, options=TaskOptions(**options),
        )  # fmt: skip
        return house.store.tasks.add(wish)

    return queue


@pytest.fixture
def run(house, queue_task):
    """Queue and run one task whose container does `act`; gives (task, engine)."""

    def go(act, kind="train", shutdown=None, **options):
        engine = FakeEngine(act)
        with_engine = House(house.store, house.artifacts, house.settings, lambda name, settings: engine)
        task = queue_task(kind, **options)
        return run_one(with_engine, task.id, shutdown or threading.Event()), engine

    return go


def good(folder):
    yield metrics(0.5, loss=1.0)
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0, best=True, optional={"epoch": 1.0})


def types(house, task):
    return [e.event_type for e in house.store.events.after(task.id) if e.event_type]


def test_a_training_goes_through_all_steps_and_ends_last(house, run):
    task, engine = run(good)
    assert (task.status, task.reason, task.step) == (TaskStatus.FINISHED, "finished", Step.UPLOAD)
    assert types(house, task) == [
        "TASK_STARTED", "STEP_COMPLETE", "METRICS", "CHECKPOINT", "STEP_COMPLETE", "STEP_COMPLETE", "TASK_FINISHED",
    ]  # fmt: skip
    assert engine.containers[0].removed
    assert house.store.events.last_seq(task.id) == task.events_count
    (row,) = house.store.checkpoints.list(task.id)
    model = house.store.models.get(row.model_id)
    assert (row.state, model.name) == (CheckpointState.PUBLISHED, "result")
    assert model.provenance.optional == {"epoch": 1.0}
    assert model.provenance.train_config == {"a": 1.0, "b": 1}
    assert model.provenance.image_digest == "sha256:" + "0" * 64


def test_an_engine_that_goes_away_at_the_end_keeps_no_folder(house, run, monkeypatch):
    def away(container):
        raise EngineUnavailable("the Docker engine does not answer")

    monkeypatch.setattr(FakeContainer, "remove", away)
    task, _ = run(good)
    assert task.status is TaskStatus.FINISHED
    assert [entry.name for entry in (house.settings.tasks / str(task.id)).iterdir()] == ["logs"]
    assert any("could not tidy up" in event.message for event in house.store.events.after(task.id))


def test_the_folder_is_as_the_contract_says_while_the_plugin_runs(run):
    seen = {}

    def look(folder):
        seen.update({str(p.relative_to(folder)): p for p in folder.rglob("*")})
        seen["config"] = (folder / "task_config.json").read_text()
        seen["settings"] = (folder / "task_settings.json").read_text()
        yield from good(folder)

    run(look)
    assert {"data/fruit/meta.json", "model/config.json", "model/model.pt", "results", "tmp", "logs"} <= set(seen)
    assert seen["config"] == seen["settings"] == '{"a":1.0,"b":1}'


def test_a_plugin_that_deletes_its_checkpoint_at_once_loses_nothing(house, run):
    def act(folder):
        for index in range(5):
            place = write_checkpoint(folder / "results", index, b"%d" % index)
            yield checkpoint(index)
            subprocess.run(["rm", "-rf", place], check=True)  # a process of its own, as a plugin is

    task, _ = run(act)
    assert task.status is TaskStatus.FINISHED
    assert [c.state for c in house.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 5


def test_a_checkpoint_changed_while_packing_is_an_error_and_the_others_are_kept(house, run, monkeypatch):
    from agent.formats import model_state

    pack = model_state.pack

    def meddle(folder, out, **how):
        if (folder / "model.pt").read_bytes() == b"touched":
            with (folder / "model.pt").open("ab") as file:  # the plugin writes on into the file it reported
                file.write(b"!")
        return pack(folder, out, **how)

    monkeypatch.setattr(model_state, "pack", meddle)

    def act(folder):
        write_checkpoint(folder / "results", 0, b"touched")
        yield checkpoint(0)
        write_checkpoint(folder / "results", 1)
        yield checkpoint(1)

    task, _ = run(act)
    assert (task.status, task.reason) == (TaskStatus.ERROR, "checkpoint_changed")
    assert [c.state.value for c in house.store.checkpoints.list(task.id)] == ["failed", "published"]


def test_a_stop_wish_kills_the_container_and_the_task_is_stopped(house, run):
    def act(folder):
        yield metrics(0.1, loss=1.0)
        (task,) = house.store.tasks.list()
        house.store.tasks.request_stop(task.id)
        for _ in range(1000):
            threading.Event().wait(0.01)  # a training goes on until it is killed
            yield "still here"

    task, engine = run(act)
    assert (task.status, task.reason, task.exit_code) == (TaskStatus.STOPPED, "stopped_by_user", 137)
    assert engine.containers[0].removed
    assert types(house, task)[-1] == "TASK_STOPPED"


def test_no_engine_ends_the_task_with_that_reason(house, queue_task):
    def none(name, settings):
        raise EngineUnavailable("no engine answers; start Docker or use AGENT_ENGINE=process")

    task = queue_task()
    ended = run_one(House(house.store, house.artifacts, house.settings, none), task.id, threading.Event())
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "engine_unavailable")
    assert "AGENT_ENGINE=process" in ended.message


def test_a_bug_is_recorded_and_raised(house, queue_task):
    def bug(name, settings):
        raise ZeroDivisionError("oops")

    task = queue_task()
    with pytest.raises(ZeroDivisionError):
        run_one(House(house.store, house.artifacts, house.settings, bug), task.id, threading.Event())
    ended = house.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "internal_error")
    assert "ZeroDivisionError" in str(house.store.events.after(task.id)[-1].fields)


def test_an_inference_result_becomes_a_project_once_per_report(house, run):
    def act(folder):
        shutil.copytree(folder / "data" / "fruit", folder / "results" / "fruit")
        yield event("MODEL_APPLIED")

    task, _ = run(act, kind="inference")
    assert task.status is TaskStatus.FINISHED
    project = house.store.projects.get(task.result_project_id)
    assert (project.name, project.images_count, project.task_id) == ("result", 3, task.id)
    assert types(house, task).count("PROJECT_CREATED") == 1


def test_after_a_crash_every_line_and_checkpoint_is_there_once(house, queue_task, monkeypatch):
    """The agent dies while the container runs; another goes on with the same container."""

    class PowerCut(BaseException):
        pass

    def act(folder):
        for index in range(3):
            write_checkpoint(folder / "results", index, b"%d" % index)
            yield checkpoint(index)
            yield f"line {index}"

    engine = FakeEngine(act)
    alive = House(house.store, house.artifacts, house.settings, lambda name, settings: engine)
    task = house.store.tasks.claim("first", task_id=queue_task().id)

    class Dying(Run):
        def __init__(self, *args):
            super().__init__(*args)
            self.uploader._hand_over = lambda job: None  # the power is cut before anything is packed

    def die(run, error):
        run.uploader._shadow.stop()
        raise error

    class Half:
        """The container's output, cut by the power after a few lines."""

        def __init__(self, inner):
            self._inner = inner

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def output(self):
            for count, frames in enumerate(self._inner.output()):
                yield frames
                if count == 2:
                    raise PowerCut

    start = FakeEngine.start
    engine.start = lambda spec: Half(start(engine, spec))
    with monkeypatch.context() as patch:
        patch.setattr(agent.closing, "Run", Dying)
        patch.setattr(agent.closing, "finish", die)
        with pytest.raises(PowerCut):
            run_task(task, alive)
    middle = house.store.tasks.get(task.id)
    assert middle.status is TaskStatus.STARTED
    assert middle.lines_read == 3

    for path in (house.settings.tasks / str(task.id) / "results").iterdir():
        shutil.rmtree(path)  # the fake container writes its folders again; a real one would go on
    ended = run_task(middle, alive)
    assert ended.status is TaskStatus.FINISHED
    lines = [e.raw for e in house.store.events.after(task.id) if e.raw.startswith("line ")]
    assert lines == ["line 0", "line 1", "line 2"]
    assert [c.state for c in house.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 3
    assert len(house.store.models.list(task_id=task.id)) == 3

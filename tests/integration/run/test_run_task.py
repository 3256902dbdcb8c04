"""The run of a task with the real store and artifacts; only the engine is a fake."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

import agent.run.run_task
from agent import library
from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, ExitResult, Step, TaskStatus
from agent.engines.usage import Usage
from agent.errors import EngineUnavailable
from agent.events.model import Level
from agent.installation import Installation
from agent.maintenance.cleanup import find_orphans
from agent.run.run import Run
from agent.run.run_task import run_task
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.task_options import RequestedOptions
from agent.worker.loop import run_one
from tests.support import tasks
from tests.support.fake_engine import FakeContainer, FakeEngine, checkpoint, event, metrics, write_checkpoint
from tests.support.inputs import ODD, write_model, write_project


@pytest.fixture
def installation(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    store = open_store(settings.store)
    yield Installation(store, open_artifacts(settings.artifacts), settings)
    store.close()


@pytest.fixture
def queue_task(installation, tmp_path):
    plugin = library.add_plugin_folder(installation.store, ODD, "local")
    project = library.add_project(installation.store, installation.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))

    def queue(kind="train", **options):
        return tasks.queue_task(
            installation, type=kind, plugin=plugin, project=project, model=model, name="result",
            config={"a": 1.0, "b": 1}, options=RequestedOptions(**options),
        )  # fmt: skip

    return queue


@pytest.fixture
def run(installation, queue_task):
    """Queue and run one task whose container does `act`; gives (task, engine)."""

    def go(act, kind="train", shutdown=None, **options):
        engine = FakeEngine(act)
        with_engine = Installation(
            installation.store, installation.artifacts, installation.settings, lambda name, settings: engine
        )
        task = queue_task(kind, **options)
        return run_one(with_engine, task.id, shutdown or Shutdown()), engine

    return go


def good(folder):
    yield metrics(0.5, loss=1.0)
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0, best=True, optional={"epoch": 1.0})


def types(installation, task):
    return [e.event_type for e in installation.store.events.after(task.id) if e.event_type]


def test_a_training_goes_through_all_steps_and_ends_last(installation, run):
    task, engine = run(good)
    assert (task.status, task.reason, task.step) == (TaskStatus.FINISHED, "finished", Step.UPLOAD)
    assert types(installation, task) == [
        "TASK_STARTED", "STEP_COMPLETE", "METRICS", "CHECKPOINT", "STEP_COMPLETE", "STEP_COMPLETE", "TASK_FINISHED",
    ]  # fmt: skip
    assert engine.containers[0].removed
    assert installation.store.events.last_seq(task.id) == task.events_count
    (row,) = installation.store.checkpoints.list(task.id)
    model = installation.store.models.get(row.model_id)
    assert (row.state, model.name) == (CheckpointState.PUBLISHED, "result")
    assert model.provenance.optional == {"epoch": 1.0}
    assert model.provenance.train_config == {"a": 1.0, "b": 1}
    assert model.provenance.image_digest == "sha256:" + "0" * 64


def test_how_far_a_long_staging_is_shows_as_a_bar_of_the_task(installation, run, monkeypatch):
    monkeypatch.setattr("agent.run.stage.TOLD_S", 0)
    task, _ = run(good)
    (bar,) = installation.store.progress.list(task.id)
    assert (bar.subtask, bar.current, bar.total) == (
        "Staging images",
        0,
        installation.store.projects.list()[0].images_count,
    )


def before_publishing(monkeypatch, act):
    """Let a person do something after the last checkpoint became a model and before the run looks at it."""
    publish = Run.publish

    def meddled(self):
        act(max(model.id for model in self.installation.store.models.list(task_id=self.task.id)))
        publish(self)

    monkeypatch.setattr(Run, "publish", meddled)


@pytest.mark.parametrize("how", ["trash", "given up", "purged"])
def test_a_training_whose_last_model_was_deleted_meanwhile_ends_well(installation, run, monkeypatch, how):
    models = installation.store.models

    def delete(id_):
        models.remove(id_) if how == "trash" else models.give_up(id_)
        if how == "purged":
            library.purge_model(installation.store, installation.artifacts, id_)

    before_publishing(monkeypatch, delete)
    task, _ = run(good)
    assert (task.status, task.reason, task.message) == (TaskStatus.FINISHED, "finished", None)


def test_the_name_that_a_person_gave_to_the_last_model_stays(installation, run, monkeypatch):
    before_publishing(monkeypatch, lambda id_: installation.store.models.edit(id_, name="the good one"))
    task, _ = run(good)
    assert [model.name for model in installation.store.models.list(task_id=task.id)] == ["the good one"]


def test_a_crash_without_its_exception_is_told_in_the_words_of_its_line(run):
    def crash(folder):
        yield event("TASK_CRASHED", "get_params error", exc_str="")
        yield 255

    task, _ = run(crash)

    assert task.message == "the plugin ended with exit code 255: get_params error"


def test_a_config_key_that_no_preset_has_is_said_before_the_plugin_runs(installation, queue_task, tmp_path):
    folder = shutil.copytree(ODD, tmp_path / "with_presets")
    preset = {"title": "p", "type": "train", "config": {"epochs": 2}}
    (folder / "predefined_run_configs.json").write_text(json.dumps([preset]))
    plugin = library.add_plugin_folder(installation.store, folder, "presets")
    (project,), (model, *_) = installation.store.projects.list(), installation.store.models.list()
    task = tasks.queue_task(
        installation, plugin=plugin, project=project, model=model, name="result", config={"epoch": 3}
    )
    with_engine = Installation(
        installation.store, installation.artifacts, installation.settings, lambda *_: FakeEngine(good)
    )

    run_one(with_engine, task.id, Shutdown())

    said = [event.message for event in installation.store.events.after(task.id)]
    sentence = "No preset of the plugin has the config key epoch; did you mean epochs?"
    assert said.index(sentence) < said.index("CONTAINER_START")


def test_an_engine_that_goes_away_at_the_end_keeps_no_folder(installation, run, monkeypatch):
    def away(container):
        raise EngineUnavailable("the Docker engine does not answer")

    monkeypatch.setattr(FakeContainer, "remove", away)
    task, _ = run(good)
    assert task.status is TaskStatus.FINISHED
    assert [entry.name for entry in (installation.settings.tasks / str(task.id)).iterdir()] == ["logs"]
    assert any("could not tidy up" in event.message for event in installation.store.events.after(task.id))


def test_a_folder_that_settings_kept_is_kept_by_a_clean_with_other_settings(installation, queue_task):
    def with_settings(**changes):
        settings = Settings(home=installation.settings.home, **changes)
        return Installation(installation.store, installation.artifacts, settings, lambda *_: FakeEngine(good))

    task = run_one(with_settings(delete_task_dir_on_finish=False), queue_task().id, Shutdown())
    for orphan in find_orphans(with_settings()):
        orphan.remove()

    assert task.status is TaskStatus.FINISHED
    assert (installation.settings.tasks / str(task.id) / "results/00000000").is_dir()


def test_a_task_whose_output_was_lost_in_part_never_ends_as_finished(installation, run, monkeypatch):
    monkeypatch.setattr(FakeContainer, "wait", lambda self: ExitResult(0, lost="the log was cut, so lines are missing"))
    task, _ = run(good)

    assert (task.status, task.reason) == (TaskStatus.ERROR, "output_lost")
    assert task.message == "the log was cut, so lines are missing"
    (row,) = installation.store.checkpoints.list(task.id)
    assert row.state is CheckpointState.PUBLISHED  # what was saved is kept


def test_what_somebody_else_did_to_the_container_is_in_its_log(installation, run, monkeypatch):
    monkeypatch.setattr(FakeContainer, "wait", lambda self: ExitResult(0, remark="Somebody else started it again."))
    task, _ = run(good)

    assert task.status is TaskStatus.FINISHED
    assert "Somebody else started it again." in [e.message for e in installation.store.events.after(task.id)]


def test_the_folder_is_as_the_contract_says_while_the_plugin_runs(run):
    seen = {}

    def look(folder):
        seen.update({str(p.relative_to(folder)): p for p in folder.rglob("*")})
        seen["config"] = (folder / "task_config.json").read_text()
        seen["settings"] = (folder / "task_settings.json").read_text()
        yield from good(folder)

    run(look)
    assert {"data/fruit/meta.json", "model/config.json", "model/model.pt", "results", "tmp", "logs"} <= set(seen)
    assert seen["config"] == seen["settings"] == '{"a": 1.0, "b": 1}'


def test_a_plugin_that_deletes_its_checkpoint_at_once_loses_nothing(installation, run):
    def act(folder):
        for index in range(5):
            place = write_checkpoint(folder / "results", index, b"%d" % index)
            yield checkpoint(index)
            subprocess.run(["rm", "-rf", place], check=True)  # a process of its own, as a plugin is

    task, _ = run(act)
    assert task.status is TaskStatus.FINISHED
    assert [c.state for c in installation.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 5


def test_a_checkpoint_changed_while_packing_is_an_error_and_the_others_are_kept(installation, run, monkeypatch):
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
    assert [c.state.value for c in installation.store.checkpoints.list(task.id)] == ["failed", "published"]


def test_a_stop_kills_the_container_and_the_task_is_stopped(installation, run):
    def act(folder):
        yield metrics(0.1, loss=1.0)
        (task,) = installation.store.tasks.list()
        installation.store.tasks.request_stop(task.id)
        for _ in range(1000):
            threading.Event().wait(0.01)  # a training goes on until it is killed
            yield "still here"

    task, engine = run(act)
    assert (task.status, task.reason, task.exit_code) == (TaskStatus.STOPPED, "stopped_by_user", 137)
    assert engine.containers[0].removed
    assert types(installation, task)[-1] == "TASK_STOPPED"


def test_no_engine_ends_the_task_with_that_reason(installation, queue_task):
    def none(name, settings):
        raise EngineUnavailable("no engine answers; start Docker or use AGENT_ENGINE=process")

    task = queue_task()
    ended = run_one(
        Installation(installation.store, installation.artifacts, installation.settings, none),
        task.id,
        Shutdown(),
    )
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "engine_unavailable")
    assert ended.message is not None
    assert "AGENT_ENGINE=process" in ended.message


def test_a_bug_is_recorded_and_raised(installation, queue_task):
    def bug(name, settings):
        raise ZeroDivisionError("oops")

    task = queue_task()
    with pytest.raises(ZeroDivisionError):
        run_one(
            Installation(installation.store, installation.artifacts, installation.settings, bug),
            task.id,
            Shutdown(),
        )
    ended = installation.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "internal_error")
    assert "ZeroDivisionError" in str(installation.store.events.after(task.id)[-1].fields)


def test_an_inference_result_becomes_a_project_once_per_report(installation, run):
    def act(folder):
        shutil.copytree(folder / "data" / "fruit", folder / "results" / "fruit")
        yield event("MODEL_APPLIED")

    task, _ = run(act, kind="inference")
    assert task.status is TaskStatus.FINISHED
    project = installation.store.projects.get(task.result_project_id)
    assert (project.name, project.images_count, project.task_id) == ("result", 3, task.id)
    assert types(installation, task).count("PROJECT_CREATED") == 1


def test_after_a_crash_every_line_and_checkpoint_is_there_once(installation, queue_task, monkeypatch):
    """The agent dies while the container runs; another agent goes on with the same container."""

    class PowerCut(BaseException):
        pass

    def act(folder):
        for index in range(3):
            write_checkpoint(folder / "results", index, b"%d" % index)
            yield checkpoint(index)
            yield f"line {index}"

    engine = FakeEngine(act)
    alive = Installation(
        installation.store, installation.artifacts, installation.settings, lambda name, settings: engine
    )
    task = installation.store.tasks.claim("first", task_id=queue_task().id)

    class Dying(Run):
        def __init__(self, *args, **how):
            super().__init__(*args, **how)
            # the power is cut before anything is packed
            monkeypatch.setattr(self.uploader, "_hand_over", lambda job: None)

        def __exit__(self, kind, error, trace):
            self.uploader._guard.stop()

    class Half:
        """The container's output, which a power failure cuts after a few lines."""

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
    monkeypatch.setattr(engine, "start", lambda spec: Half(start(engine, spec)))
    with monkeypatch.context() as patch:
        patch.setattr(agent.run.run_task, "Run", Dying)
        with pytest.raises(PowerCut):
            run_task(task, alive)
    middle = installation.store.tasks.get(task.id)
    assert middle.status is TaskStatus.STARTED
    assert middle.lines_read == 3

    ended = run_task(middle, alive)
    assert ended.status is TaskStatus.FINISHED
    lines = [e.raw for e in installation.store.events.after(task.id) if e.raw.startswith("line ")]
    assert lines == ["line 0", "line 1", "line 2"]
    assert [c.state for c in installation.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 3
    assert len(installation.store.models.list(task_id=task.id)) == 3


@pytest.mark.parametrize("starts", ["soon", "too late"])
def test_a_container_that_is_starting_as_its_agent_dies_never_meets_another_in_one_folder(
    installation, queue_task, monkeypatch, starts
):
    """The engine starts it after the agent's death: it is gone on with, or gone before the folder is made anew."""

    def act(folder):
        (folder / "results" / "00000000").mkdir()  # fails where another plugin has been
        write_checkpoint(folder / "results", 0)
        yield checkpoint(0)

    class Starting(FakeEngine):
        """The first container has been asked to start, and does so when it was looked for a few times, or later."""

        looks = 0

        def find(self, labels, *, unstarted=False):
            self.looks += not unstarted
            is_started = self.looks > 4 if starts == "soon" else len(self.containers) > 1
            return super().find(labels) if unstarted or is_started else []

        def start(self, spec):
            """A first container that is still there has begun to write into the folder that was made anew."""
            if self.containers:
                list(self.containers[0].output())
            return super().start(spec)

    monkeypatch.setattr("agent.run.resume.STARTING_S", 0.3 if starts == "too late" else 10.0)
    engine = Starting(act)
    alive = Installation(
        installation.store, installation.artifacts, installation.settings, lambda name, settings: engine
    )
    task = installation.store.tasks.claim("first", task_id=queue_task().id)
    with monkeypatch.context() as patch:
        patch.setattr(installation.store.tasks, "launched", _dies)  # started, and not yet recorded
        patch.setattr(Run, "__exit__", lambda run, *_: run.uploader._guard.stop())
        with pytest.raises(KeyboardInterrupt):
            run_task(task, alive)
    ended = run_task(installation.store.tasks.get(task.id), alive)
    assert (ended.status, ended.message) == (TaskStatus.FINISHED, None)
    assert len(engine.containers) == (1 if starts == "soon" else 2)


class Created(FakeEngine):
    """Creates containers and does not start them: `start` says that it could not, as an engine that takes too long."""

    def start(self, spec):
        super().start(spec)
        raise EngineUnavailable("the engine did not answer in time")

    def find(self, labels, *, unstarted=False):
        return super().find(labels) if unstarted else []


def test_the_end_of_a_task_takes_a_container_along_that_may_still_be_started(installation, queue_task):
    engine = Created(good)
    alive = replace(installation, open_engine=lambda name, settings: engine)
    ended = run_one(alive, queue_task().id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "engine_unavailable")
    assert [container.removed for container in engine.containers] == [True]


def test_a_decided_task_takes_a_container_along_that_may_still_be_started(installation, queue_task, monkeypatch):
    """Its agent died between the decision and the end, and the engine has not started what it was asked to."""
    engine = Created(good)
    alive = replace(installation, open_engine=lambda name, settings: engine)
    task = installation.store.tasks.claim("first", task_id=queue_task().id)
    with monkeypatch.context() as patch:
        patch.setattr("agent.run.closing._tidy", _dies)
        with pytest.raises(KeyboardInterrupt):
            run_task(task, alive)
    decided = installation.store.tasks.get(task.id)
    assert (decided.reason, decided.status) == ("engine_unavailable", TaskStatus.STARTED)
    assert run_task(decided, alive).status is TaskStatus.ERROR
    assert [container.removed for container in engine.containers] == [True]


def test_a_container_that_starts_while_it_is_removed_is_gone_on_with(installation, queue_task, monkeypatch):
    """An engine refuses to remove what it is just starting."""
    monkeypatch.setattr("agent.run.resume.STARTING_S", 0.1)
    engine = FakeEngine(good)
    alive = replace(installation, open_engine=lambda name, settings: engine)
    task = installation.store.tasks.claim("first", task_id=queue_task().id)
    with monkeypatch.context() as patch:
        patch.setattr(installation.store.tasks, "launched", _dies)
        patch.setattr(Run, "__exit__", lambda run, *_: run.uploader._guard.stop())
        with pytest.raises(KeyboardInterrupt):
            run_task(task, alive)
    refusals: list[int] = []
    find = FakeEngine.find

    def starting(labels, *, unstarted=False):
        return find(engine, labels) if unstarted or refusals else []

    monkeypatch.setattr(engine, "find", starting)
    with monkeypatch.context() as patch:

        def refuse():
            refusals.append(1)
            patch.undo()

        patch.setattr(engine.containers[0], "kill", lambda *_: None)
        patch.setattr(engine.containers[0], "remove", refuse)
        ended = run_task(installation.store.tasks.get(task.id), alive)
    assert (ended.status, refusals, len(engine.containers)) == (TaskStatus.FINISHED, [1], 1)


def _dies(*_, **__):
    raise KeyboardInterrupt


def test_what_a_running_plugin_uses_is_kept_and_an_engine_that_cannot_tell_changes_nothing(installation, queue_task):
    readings = iter(Usage(cpu_s, memory, 2) for cpu_s, memory in ((1.0, 100), (3.0, 900)))
    task = queue_task()

    def act(folder):
        while not installation.store.usage.list(task.id):
            installation.store.wait_for_change(0.1)
            yield "still running"
        yield from good(folder)

    engine = FakeEngine(act)
    engine.usage = lambda: next(readings, None)
    with_engine = Installation(
        installation.store, installation.artifacts, installation.settings, lambda name, settings: engine
    )
    assert run_one(with_engine, task.id, Shutdown()).status is TaskStatus.FINISHED
    (sample,) = installation.store.usage.list(task.id)
    assert (sample.memory_bytes, sample.processes, sample.received_per_s) == (900, 2, None)
    assert 0 < sample.cpu_percent <= 200  # two seconds of a processor in at least one second


def test_nothing_is_measured_where_the_setting_says_so(installation, queue_task):
    def unwanted():
        raise AssertionError("asked for its usage")

    engine = FakeEngine(good)
    engine.usage = unwanted
    settings = replace(installation.settings, measure_usage=False)
    with_engine = Installation(installation.store, installation.artifacts, settings, lambda name, settings: engine)
    assert run_one(with_engine, queue_task().id, Shutdown()).status is TaskStatus.FINISHED


def picture(value=7):
    return bytes(cv2.imencode(".png", np.full((6, 8, 3), value, np.uint8))[1])


def image_line(path, step):
    image = {"path": f"/sly_task_data/results/{path}", "name": "val", "step": step}
    return json.dumps({"message": "prediction", "image": image, "level": "info"})


def test_images_that_a_training_logs_and_leaves_are_kept_and_the_rest_is_a_note(installation, run):
    def draws(folder):
        for step in (1, 2):
            (folder / "results" / f"{step}.png").write_bytes(picture(step))
            yield image_line(f"{step}.png", step)
        yield image_line("missing.png", 3)
        (folder / "results" / "left.png").write_bytes(picture(9))
        yield from good(folder)

    task, _ = run(draws)

    assert task.status is TaskStatus.FINISHED
    kept = installation.store.task_images.list(task.id)
    assert [(image.name, image.step) for image in kept] == [("val", 1), ("val", 2), ("left.png", None)]
    assert types(installation, task).count("IMAGE") == 3
    (note,) = [event for event in installation.store.events.after(task.id) if "was not kept" in event.message]
    assert (note.level, "missing.png" in note.message) == (Level.WARN, True)
    assert [folder.name for folder in installation.settings.tasks.iterdir()] == [str(task.id)]
    (log,) = (installation.settings.tasks / str(task.id) / "logs").iterdir()
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["event_type"] for line in logged if "image" in line} == {"EventType.LOGJ"}


def test_images_of_a_training_that_fails_are_kept(installation, run):
    def fails(folder):
        (folder / "results" / "1.png").write_bytes(picture())
        yield image_line("1.png", 1)
        yield 1

    task, _ = run(fails)

    assert task.status is TaskStatus.ERROR
    assert [image.step for image in installation.store.task_images.list(task.id)] == [1]

"""The controller of a cluster: what it submits, what it says of tasks whose jobs end, and what is left when it dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import open_artifacts
from agent.clusters import BEGINS_ANEW, ClusterUnavailable, How, JobRequest, JobState
from agent.clusters.control import controlling, run_cluster
from agent.clusters.controller import MOST_PLACEMENTS, Controller
from agent.domain import CheckpointState, NewModel, NewProject, NewTask, Task, TaskOptions, TaskStatus, TaskType
from agent.errors import BadInput, Conflict, StoreAway, StoreBusy, TakenOver
from agent.events.model import CheckpointReported
from agent.installation import Installation
from agent.liveness import this_process
from agent.run.loss import Loss, fate_of
from agent.run.lost_node import declared
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from tests.support.fake_cluster import FakeCluster
from tests.support.instants import Instants


class Bench:
    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.store = installation.store
        self.cluster = FakeCluster()
        self.runs: list[int] = []  # tasks that an agent ran
        plugin = self.store.plugins.put(
            title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train"], readme="",
            configs=[], image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = self.store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
        model = self.store.models.add(NewModel("start", "1" * 64, 10, {}))
        self._new = NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {})

    def queue(self) -> Task:
        return self.store.tasks.add(self._new)

    def take_control(self, name: str = "me") -> Controller:
        before = self.store.placements.cluster("fake").controller
        assert self.store.placements.control("fake", name, {}, instead_of=before)
        return self.controller(name)

    def controller(self, name: str, *, store: Any = None, cluster: Any = None) -> Controller:
        installation = self.installation
        if store is not None:
            installation = Installation(store, installation.artifacts, installation.settings)
        return Controller(installation, cluster or self.cluster, name, f"controller:{name}", unknown_s=0)

    def turn(self, controller: Controller) -> None:
        controller.follow()
        controller.place()

    def claim(self, task: Task, job: str, *, agent: str = "agent:1:a", node: str = "n1", **given: Any) -> Task:
        (*_, placement) = self.store.placements.of_task(task.id)
        return self.store.placements.claim(task.id, placement.number, agent, job=job, node=node, **given)

    def work(self) -> None:
        """Every job that waits runs, and its agent runs the task to its end."""
        for id_ in self.cluster.in_state(JobState.WAITING):
            self.cluster.start(id_)
            request = self.cluster.requests[id_]
            agent = f"agent:{id_}:x"
            try:
                task = self.store.placements.claim(request.task_id, request.number, agent, job=id_, node="n1")
            except Conflict:
                self.cluster.end(id_, How.FAILED, 2)
                continue
            self.store.tasks.become(task.id, TaskStatus.STARTED, agent_id=agent)
            self.store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished", agent_id=agent)
            self.runs.append(task.id)
            self.cluster.end(id_, How.DONE, 0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(home=tmp_path)
    with open_store(tmp_path / "store.db") as store:
        yield Bench(Installation(store, open_artifacts(str(tmp_path / "artifacts")), settings))


def test_a_queued_task_becomes_a_job_whose_agent_alone_may_take_it(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.turn(controller)

    (placement,) = bench.store.placements.of_task(task.id)
    assert (placement.number, placement.job, placement.state) == (1, "1", "waiting")
    assert placement.why == "no node is free (Resources)"
    assert bench.store.tasks.claim("queue:1:a") is None
    assert bench.store.tasks.claim("queue:1:a", task_id=task.id) is None
    assert bench.store.tasks.engines_wanted("queue:1:a") == set()
    with pytest.raises(Conflict, match="belongs to job 1, not to job 7"):
        bench.claim(task, "7")
    assert bench.claim(task, "1").status is TaskStatus.CONSUMED
    with pytest.raises(Conflict, match="agent agent:1:a runs it"):
        bench.claim(task, "1", agent="agent:2:b")
    assert bench.claim(task, "1", agent="agent:2:b", restarted=True).agent_id == "agent:2:b"


def test_no_more_jobs_are_in_the_queue_than_were_allowed(bench: Bench) -> None:
    bench.cluster.most_jobs = 2
    controller = bench.take_control()
    for _ in range(5):
        bench.queue()
    bench.turn(controller)
    bench.turn(controller)
    assert len(bench.cluster.jobs) == 2
    bench.work()
    bench.turn(controller)
    assert len(bench.cluster.jobs) == 4


def test_a_job_that_cannot_even_be_described_waits_with_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def submit(request: object) -> str:
        raise BadInput("the template of pods cannot be used: line 3")

    monkeypatch.setattr(bench.cluster, "submit", submit)
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    (placement,) = bench.store.placements.of_task(task.id)
    assert (placement.job, placement.why) == (None, "the template of pods cannot be used: line 3")
    assert bench.store.tasks.get(task.id).status is TaskStatus.QUEUED


def test_what_is_left_of_jobs_is_removed_once_their_ends_are_recorded(bench: Bench) -> None:
    first, second, controller = bench.queue(), bench.queue(), bench.take_control()
    bench.turn(controller)
    labels = [bench.store.placements.of_task(task.id)[0].label for task in (first, second)]
    bench.turn(controller)
    assert bench.cluster.kept == labels
    bench.cluster.start("1")
    bench.claim(first, "1")
    for status in (TaskStatus.STARTED, TaskStatus.FINISHED):
        bench.store.tasks.become(first.id, status, agent_id="agent:1:a")
    bench.turn(controller)
    assert bench.cluster.kept == labels  # the job itself has not ended
    bench.cluster.end("1", How.DONE, 0)
    bench.turn(controller)
    assert bench.cluster.kept == labels[1:]
    bench.cluster.end("2", How.CANCELLED)
    bench.store.tasks.request_stop(second.id)
    bench.turn(controller)
    bench.turn(controller)
    assert bench.cluster.kept == []


def test_one_job_about_which_its_cluster_is_silent_holds_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, submit = bench.queue(), bench.cluster.submit

    def silent(request: JobRequest) -> str:
        if request.task_id == first.id:
            raise ClusterUnavailable("failed calling webhook")
        return submit(request)

    monkeypatch.setattr(bench.cluster, "submit", silent)
    controller = bench.take_control()
    with pytest.raises(ClusterUnavailable):
        bench.turn(controller)
    others = [bench.queue(), bench.queue()]
    for _ in range(3):
        bench.turn(controller)
    assert [bench.store.placements.of_task(task.id)[0].state for task in others] == ["waiting"] * 2
    bench.work()
    bench.turn(controller)
    assert {bench.store.tasks.get(task.id).status for task in others} == {TaskStatus.FINISHED}


def test_a_cluster_that_cannot_harden_leaves_such_tasks_to_agents_that_can(bench: Bench) -> None:
    bench.cluster.hardens = False
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(hardened=True)))
    bench.turn(bench.take_control())
    assert bench.store.placements.of_task(task.id) == []
    assert bench.store.tasks.claim("queue:1:a") is not None


def test_an_end_that_could_not_be_recorded_is_recorded_by_the_next_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.end("1", How.FAILED, 127)
    decide, failures = bench.store.tasks.decide, iter([StoreBusy("busy")])

    def once(*words: Any, **given: Any) -> Any:
        for failure in failures:
            raise failure
        return decide(*words, **given)

    monkeypatch.setattr(bench.store.tasks, "decide", once)
    with pytest.raises(StoreBusy):
        controller.follow()
    bench.store.agents.beat("controller:me", "me", this_process())
    controller.follow()
    assert bench.store.tasks.get(task.id).status is TaskStatus.ERROR


def test_an_agent_that_had_begun_and_gave_its_node_back_is_a_loss(bench: Bench) -> None:
    """Its pod was started again while the store was away."""
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(restarts=1)))
    controller = bench.take_control()
    bench.turn(controller)
    bench.cluster.start("1")
    bench.claim(task, "1")
    bench.store.tasks.become(task.id, TaskStatus.STARTED)
    bench.store.tasks.launching(task.id, engine="process", spec={}, image_digest=None)
    bench.cluster.end("1", How.GIVEN_BACK, 75)
    bench.turn(controller)
    assert (bench.store.tasks.get(task.id).status, bench.store.tasks.get(task.id).attempt) == (TaskStatus.QUEUED, 2)


def test_refused_jobs_take_the_place_of_no_other(bench: Bench) -> None:
    bench.cluster.most_jobs = 2
    controller = bench.take_control()
    bench.cluster.refuses = "Slurm refuses the job: invalid account"
    bench.queue()
    bench.turn(controller)
    bench.cluster.refuses = ""
    good = [bench.queue() for _ in range(3)]
    bench.turn(controller)
    bench.work()
    bench.turn(controller)
    bench.turn(controller)
    bench.work()
    bench.turn(controller)
    bench.work()
    assert bench.runs == [task.id for task in good]


def test_a_waiting_task_that_is_stopped_loses_its_job(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.store.tasks.request_stop(task.id)
    bench.turn(controller)
    bench.turn(controller)

    assert bench.cluster.cancelled == ["1"]
    assert [one.how for one in bench.store.placements.of_task(task.id)] == ["cancelled"]
    with pytest.raises(Conflict, match="has ended"):
        bench.claim(task, "1")


@pytest.mark.parametrize(
    ("how", "code", "reason", "words"),
    [
        (How.FAILED, 127, "job_failed", "ended with exit code 127"),
        (How.OUT_OF_MEMORY, None, "out_of_memory", "AGENT_FAKE_MEMORY"),
        (How.TIME_LIMIT, None, "time_limit", "AGENT_FAKE_TIME"),
        (How.CANCELLED, None, "job_cancelled", "was cancelled on the cluster"),
    ],
)
def test_a_job_that_ends_before_its_agent_has_begun_ends_the_task_with_the_agents_words(
    bench: Bench, how: How, code: int | None, reason: str, words: str
) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.said = "sh: 12: /opt/agent: not found"
    bench.cluster.end("1", how, code)
    bench.turn(controller)

    ended = bench.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, reason)
    assert words in (ended.message or "")
    assert "/opt/agent: not found" in (ended.message or "")
    assert bench.store.placements.unsettled("fake") == []


def test_a_job_without_an_end_of_its_task_ends_the_task_once_its_agent_is_silent(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.start("1")
    bench.claim(task, "1")
    bench.store.tasks.become(task.id, TaskStatus.STARTED, agent_id="agent:1:a")
    bench.store.agents.beat("agent:1:a", "agent", {})
    bench.cluster.end("1", How.NODE_FAILED)
    bench.turn(controller)
    assert bench.store.tasks.get(task.id).status is TaskStatus.STARTED  # its agent may be recording the end

    bench.store.agents.leave("agent:1:a")
    bench.turn(controller)

    ended = bench.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "node_lost")
    (*_, last) = bench.store.events.after(task.id)
    assert last.event_type == "TASK_CRASHED"
    with pytest.raises(Conflict):
        bench.store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="agent:1:a")


def test_a_stop_that_no_agent_obeys_ends_the_job_and_the_task_is_stopped(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.start("1")
    bench.claim(task, "1")
    bench.store.tasks.become(task.id, TaskStatus.STARTED, agent_id="agent:1:a")
    bench.store.tasks.request_stop(task.id)
    bench.turn(controller)
    bench.turn(controller)

    assert bench.cluster.cancelled == ["1"]
    ended = bench.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


@pytest.mark.parametrize("how", [How.NODE_FAILED, How.PREEMPTED])
def test_a_job_that_is_lost_before_its_agent_has_begun_is_placed_again_but_not_for_ever(bench: Bench, how: How) -> None:
    task, controller = bench.queue(), bench.take_control()
    for number in range(1, MOST_PLACEMENTS + 1):
        bench.turn(controller)
        assert len(bench.store.placements.of_task(task.id)) == number
        bench.cluster.end(str(number), how)
        bench.turn(controller)
        controller = bench.take_control(f"after {number}")  # whose pauses begin again

    ended = bench.store.tasks.get(task.id)
    assert (ended.status, len(bench.cluster.jobs)) == (TaskStatus.ERROR, MOST_PLACEMENTS)
    with pytest.raises(Conflict, match="has ended"):
        bench.claim(task, "1")


def test_a_task_that_a_node_gave_back_is_placed_on_another(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.start("1", "n2")
    bench.turn(controller)
    bench.claim(task, "1", node="n2")
    assert bench.store.tasks.give_back(task.id, "agent:1:a")
    bench.cluster.said = "task 1 is given back: no engine answers"
    bench.cluster.end("1", How.GIVEN_BACK, 75)
    bench.turn(controller)
    (placement,) = bench.store.placements.of_task(task.id)
    assert placement.waits_for == (
        "It is placed again in a moment: fake job 1 on n2 could not run the task: "
        "task 1 is given back: no engine answers."
    )
    with pytest.raises(Conflict, match="Placement 1 of task 1 is over"):
        bench.store.placements.claim(task.id, 1, "agent:1:a", job="1", node="n2")
    bench.turn(bench.take_control("next"))

    assert bench.cluster.requests["2"].number == 2
    assert bench.cluster.requests["2"].avoid == ["n2"]


def test_a_job_whose_task_begins_anew_speaks_against_no_node(bench: Bench) -> None:
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(restarts=1)))
    controller = bench.take_control()
    bench.turn(controller)
    bench.cluster.start("1", "n1")
    bench.claim(task, "1")
    assert bench.store.tasks.give_back(task.id, "agent:1:a")
    bench.cluster.end("1", How.FAILED, BEGINS_ANEW)
    bench.turn(controller)
    (placement,) = bench.store.placements.of_task(task.id)
    assert placement.waits_for == "It is placed again in a moment: fake job 1: its task begins anew."
    bench.turn(bench.take_control("next"))
    assert bench.cluster.requests["2"].avoid == []


def test_a_cluster_of_one_node_gets_a_task_back_that_this_node_gave_back(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.claim(task, "1")
    assert bench.store.tasks.give_back(task.id, "agent:1:a")
    bench.cluster.end("1", How.GIVEN_BACK, 75)
    bench.turn(controller)
    bench.cluster.refuses = "Slurm refuses the job: Requested node configuration is not available"
    bench.turn(bench.take_control("next"))
    bench.cluster.refuses = ""
    bench.turn(bench.take_control("after it"))

    assert bench.cluster.requests["2"].avoid == []
    bench.work()
    assert bench.runs == [task.id]


def test_a_refused_job_waits_with_the_reason_and_others_go_on(bench: Bench) -> None:
    controller = bench.take_control()
    bench.cluster.refuses = "Slurm refuses the job: Requested node configuration is not available"
    refused = bench.queue()
    bench.turn(controller)
    bench.cluster.refuses = ""
    other = bench.queue()
    bench.turn(controller)

    (placement,) = bench.store.placements.of_task(refused.id)
    assert (placement.state, placement.job) == ("placing", None)
    assert "node configuration" in (placement.why or "")
    assert [one.job for one in bench.store.placements.of_task(other.id)] == ["1"]
    bench.turn(bench.take_control("next"))
    bench.work()
    assert sorted(bench.runs) == [refused.id, other.id]


def test_a_cluster_that_is_away_says_nothing_about_any_task(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.is_away = True
    with pytest.raises(ClusterUnavailable):
        bench.turn(controller)
    assert bench.store.tasks.get(task.id).status is TaskStatus.QUEUED
    bench.cluster.is_away = False
    bench.turn(controller)
    bench.work()
    assert bench.runs == [task.id]


def test_a_job_whose_submission_got_no_answer_is_found_again(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.cluster.hears_and_is_silent = True
    with pytest.raises(ClusterUnavailable):
        bench.turn(controller)
    bench.cluster.hears_and_is_silent = False
    bench.turn(controller)

    assert len(bench.cluster.jobs) == 1
    assert [one.job for one in bench.store.placements.of_task(task.id)] == ["1"]


def test_of_two_jobs_with_one_label_one_is_ended(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.submit(bench.cluster.requests["1"])
    bench.turn(controller)

    assert bench.cluster.cancelled == ["2"]
    assert bench.claim(task, "1").status is TaskStatus.CONSUMED


def test_a_job_that_the_cluster_has_forgotten_is_placed_again(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.cluster.jobs.clear()
    bench.turn(controller)
    bench.turn(bench.take_control("next"))

    assert [one.how for one in bench.store.placements.of_task(task.id)] == ["vanished", None]


def test_a_second_controller_is_refused_and_one_that_was_replaced_places_nothing_more(bench: Bench) -> None:
    with controlling(bench.store, "fake") as name:
        refused = pytest.raises(Conflict, match="places the tasks of this installation on fake already")
        with refused, controlling(bench.store, "fake"):
            pass
        assert bench.store.placements.control("fake", "another", {}, instead_of=name)
        bench.queue()
        with pytest.raises(Conflict, match="Another process places tasks"):
            bench.turn(bench.controller(name))
    assert bench.cluster.jobs == {}


def test_a_controller_that_is_started_while_its_store_is_away_waits_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever question gets no answer, and also where the store has done what it was asked."""
    monkeypatch.setattr("agent.worker.presence.START_LIMIT_S", 0.0)
    task, shutdown = bench.queue(), Shutdown()
    asked: list[str] = []

    def once(real: Any, name: str, *words: Any, **given: Any) -> Any:
        answer = real(*words, **given)
        if name not in asked:
            asked.append(name)
            raise StoreAway("the database does not answer")
        return answer

    for noun, name in (
        (bench.store.placements, "cluster"), (bench.store.placements, "control"), (bench.store.nodes, "put"),
        (bench.store.agents, "beat"),
    ):  # fmt: skip
        monkeypatch.setattr(noun, name, partial(once, getattr(noun, name), name))
    thread = threading.Thread(target=run_cluster, args=(bench.installation, bench.cluster, shutdown))
    thread.start()
    deadline = time.monotonic() + 30
    while not bench.store.placements.of_task(task.id) and thread.is_alive() and time.monotonic() < deadline:
        bench.store.wait_for_change(0.2)
    shutdown.leave()
    thread.join()
    assert asked == ["cluster", "control", "put", "beat"]
    assert bench.store.placements.of_task(task.id)


class Died(BaseException):
    """Stands for kill -9: nothing catches it."""


def died() -> None:
    raise Died


def test_whichever_call_a_controller_dies_before_no_task_is_placed_twice_or_forgotten(bench: Bench) -> None:
    """Controllers die one after the other, each before another of its calls to the store and the cluster."""
    tasks = [bench.queue() for _ in range(8)]
    deaths = 0
    for round_ in range(120):
        at = 1 + round_ % 30
        bench.take_control(f"controller {round_}")
        instants = Instants(at, died, match="placements|tasks|events|checkpoints|cluster")
        controller = bench.controller(
            f"controller {round_}", store=instants.store(bench.store), cluster=instants.cluster(bench.cluster)
        )
        try:
            bench.turn(controller)
        except Died:
            deaths += 1
        if round_ % 3 == 0:
            bench.work()
        if round_ % 2 == 0:
            tasks.append(bench.queue())
    assert deaths > 30
    for name in ("last", "last of all"):
        bench.turn(bench.take_control(name))
        bench.work()
    bench.turn(bench.take_control("after all"))

    assert sorted(bench.runs) == [task.id for task in tasks]  # each once
    assert all(bench.store.tasks.get(task.id).status is TaskStatus.FINISHED for task in tasks)
    assert bench.store.placements.unsettled("fake") == []
    labels = [job.label for job in bench.cluster.jobs.values()]
    assert len(labels) == len(set(labels))


def test_whichever_call_a_controller_dies_before_a_task_gets_its_one_end(bench: Bench) -> None:
    for at in range(1, 60):
        task = bench.queue()
        bench.turn(bench.take_control(f"before {at}"))
        (placement,) = bench.store.placements.of_task(task.id)
        assert placement.job is not None
        bench.cluster.start(placement.job)
        bench.claim(task, placement.job, agent=f"agent:{at}:a")
        bench.store.tasks.become(task.id, TaskStatus.STARTED, agent_id=f"agent:{at}:a")
        bench.cluster.end(placement.job, How.OUT_OF_MEMORY)
        bench.take_control(f"controller {at}")
        instants = Instants(at, died, match="placements|tasks|events|checkpoints|cluster")
        controller = bench.controller(
            f"controller {at}", store=instants.store(bench.store), cluster=instants.cluster(bench.cluster)
        )
        try:
            controller.follow()
        except Died:
            bench.turn(bench.take_control(f"after {at}"))
        else:
            assert at > 8
            break
        ended = bench.store.tasks.get(task.id)
        assert (ended.status, ended.reason) == (TaskStatus.ERROR, "out_of_memory")
        assert [event.event_type for event in bench.store.events.after(task.id)] == ["TASK_CRASHED"]
        assert bench.store.placements.unsettled("fake") == []


class AsksLate:
    """A cluster that takes its time to answer: `meanwhile` happens between the look at the store and the answer."""

    def __init__(self, cluster: Any, meanwhile: Callable[[], object]) -> None:
        self._cluster, self._meanwhile = cluster, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def find(self, labels: Any) -> Any:
        self._meanwhile()
        return self._cluster.find(labels)


def test_a_task_that_is_claimed_while_its_cluster_answers_is_not_forgotten(bench: Bench) -> None:
    task = bench.queue()
    bench.turn(bench.take_control())
    (job,) = bench.cluster.in_state(JobState.WAITING)

    def claimed_and_lost() -> None:
        bench.cluster.start(job)
        bench.claim(task, job)
        bench.cluster.end(job, How.NODE_FAILED, None)

    late = bench.controller("late", cluster=AsksLate(bench.cluster, claimed_and_lost))
    assert bench.store.placements.control("fake", "late", {}, instead_of="me")
    late.follow()
    assert len(bench.store.placements.unsettled("fake")) == 1, "the next look sees that its agent is gone"
    bench.turn(bench.take_control("next"))
    assert bench.store.tasks.get(task.id).status.is_final
    assert bench.store.placements.unsettled("fake") == []


def test_a_task_that_is_started_anew_leaves_its_job_which_is_cancelled(bench: Bench) -> None:
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(restarts=1)))
    controller = bench.take_control()
    bench.turn(controller)
    (job,) = bench.cluster.in_state(JobState.WAITING)
    bench.cluster.start(job)
    agent = bench.claim(task, job, home="home").agent_id
    bench.store.tasks.become(task.id, TaskStatus.STARTED, agent_id=agent)
    bench.store.tasks.launching(task.id, engine="process", spec={}, image_digest=None, agent_id=agent)
    bench.turn(controller)

    assert bench.store.tasks.lose(task.id, "home", 1, partial(fate_of, loss=declared("n1"))) is not None
    bench.turn(controller)
    bench.turn(controller)

    assert job in bench.cluster.cancelled
    assert bench.store.tasks.get(task.id).status is TaskStatus.QUEUED
    bench.work()
    assert bench.store.tasks.get(task.id).status is TaskStatus.FINISHED


def begin(bench: Bench, *, restarts: int = 0, agent: str = "agent:1:a") -> tuple[Task, str]:
    """A task whose agent has launched it in a job that runs, and the id of the job."""
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(restarts=restarts)))
    bench.turn(bench.take_control())
    job = str(bench.store.placements.of_task(task.id)[-1].job)
    bench.cluster.start(job)
    launch(bench, task, job, agent=agent)
    return task, job


def launch(bench: Bench, task: Task, job: str, *, agent: str) -> None:
    bench.claim(task, job, agent=agent, home="home")
    bench.store.tasks.become(task.id, TaskStatus.STARTED, agent_id=agent)
    bench.store.tasks.launching(task.id, engine="process", spec={}, image_digest=None, agent_id=agent)


LOSSES = [
    (How.NODE_FAILED, "node_lost", "the node of fake job 1 on n1 failed"),
    (How.PREEMPTED, "job_preempted", "fake job 1 on n1 had to make room for other jobs, or somebody requeued it"),
    (How.VANISHED, "node_lost", "the cluster does not know fake job 1 on n1 any more, and its agent is silent"),
]


def lose_job(bench: Bench, job: str, how: How) -> None:
    if how is How.VANISHED:
        del bench.cluster.jobs[job]
    else:
        bench.cluster.end(job, how)


@pytest.mark.parametrize(("how", "reason", "said"), LOSSES)
def test_a_task_whose_job_is_lost_begins_anew_from_its_last_checkpoint(
    bench: Bench, how: How, reason: str, said: str
) -> None:
    task, job = begin(bench, restarts=1)
    reported = CheckpointReported(1, "00000001", 10, False, None)
    kept = bench.store.checkpoints.add(task.id, 1, reported, agent_id="agent:1:a")
    model = bench.store.checkpoints.publish(kept.id, NewModel("ck", "2" * 64, 10, {}), agent_id="agent:1:a")
    bench.store.checkpoints.add(task.id, 2, reported, agent_id="agent:1:a")  # its files were on the node only
    lose_job(bench, job, how)
    controller = bench.take_control("next")
    bench.turn(controller)
    bench.turn(controller)

    again = bench.store.tasks.get(task.id)
    assert (again.status, again.attempt, again.reason) == (TaskStatus.QUEUED, 2, None)
    first, second = bench.store.attempts.list(task.id)
    assert (first.reason, first.message) == (reason, said)
    assert (second.model_id, second.started_at) == (model.id, None)
    assert [one.how for one in bench.store.placements.of_task(task.id)] == [how.value, None]
    (note,) = [event for event in bench.store.events.after(task.id) if event.event_type == "TASK_RESTARTS"]
    assert note.message == f"attempt 2 of 2: {said}; it goes on from checkpoint 1 (model {model.id})"
    assert [c.state for c in bench.store.checkpoints.list(task.id)] == [
        CheckpointState.PUBLISHED,
        CheckpointState.FAILED,
    ]
    with pytest.raises(TakenOver):
        bench.store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="agent:1:a")
    with pytest.raises(Conflict, match="Placement 1 of task 1 is over"):
        bench.store.placements.claim(task.id, 1, "agent:9:z", job=job, node="n1", restarted=True)

    launch(bench, task, "2", agent="agent:2:b")
    bench.cluster.end("2", How.NODE_FAILED)
    bench.turn(controller)
    ended = bench.store.tasks.get(task.id)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "node_lost")
    assert ended.message == "the node of fake job 2 failed; its checkpoint is kept"


def test_an_attempt_that_was_lost_before_its_launch_is_listed_with_its_reason(bench: Bench) -> None:
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(restarts=1)))
    bench.turn(bench.take_control())
    bench.cluster.start("1")
    bench.claim(task, "1", home="home")
    bench.cluster.end("1", How.PREEMPTED)
    bench.turn(bench.take_control("next"))
    first, second = bench.store.attempts.list(task.id)
    assert (first.number, first.node, first.started_at, first.reason) == (1, "home", None, "job_preempted")
    assert first.ended_at is not None
    assert (second.number, second.ended_at) == (2, None)


@pytest.mark.parametrize("how", [How.OUT_OF_MEMORY, How.TIME_LIMIT, How.FAILED, How.CANCELLED])
def test_a_task_whose_job_ends_by_its_own_fault_or_by_hand_does_not_begin_anew(bench: Bench, how: How) -> None:
    task, job = begin(bench, restarts=3)
    bench.cluster.end(job, how, 1)
    bench.turn(bench.take_control("next"))
    assert (bench.store.tasks.get(task.id).status, bench.store.tasks.get(task.id).attempt) == (TaskStatus.ERROR, 1)


def test_an_end_that_was_decided_or_demanded_before_its_job_was_lost_stays_the_end(bench: Bench) -> None:
    finished, first = begin(bench, restarts=1)
    stopped, second = begin(bench, restarts=1, agent="agent:2:b")
    bench.store.tasks.decide(finished.id, reason="finished", message=None, exit_code=0, agent_id="agent:1:a")
    bench.store.tasks.request_stop(stopped.id)
    for job in (first, second):
        bench.cluster.end(job, How.PREEMPTED)
    bench.turn(bench.take_control("next"))

    ends = [bench.store.tasks.get(task.id) for task in (finished, stopped)]
    assert [(task.status, task.reason) for task in ends] == [
        (TaskStatus.FINISHED, "finished"),
        (TaskStatus.STOPPED, "stopped_by_user"),
    ]


def test_a_task_that_its_agent_has_queued_anew_is_the_restarted_jobs_or_placed_again(bench: Bench) -> None:
    """The agent in a job that is preempted queues the task; then the cluster starts the job once more, or ends it."""
    task, job = begin(bench, restarts=2)
    lose = partial(fate_of, loss=Loss("job_preempted", "fake job 1 had to go", "n1"))
    assert bench.store.tasks.lose_own(task.id, "agent:1:a", 1, lose).status is TaskStatus.QUEUED
    assert bench.store.tasks.lose_own(task.id, "agent:1:a", 1, lose).attempt == 2, "its answer may have been lost"
    controller = bench.take_control("next")
    bench.turn(controller)
    assert bench.cluster.cancelled == []
    launch(bench, task, job, agent="agent:2:b")
    with pytest.raises(TakenOver):
        bench.store.tasks.lose_own(task.id, "agent:1:a", 2, lose)
    with pytest.raises(TakenOver):  # lost otherwise, by another
        bench.store.tasks.lose_own(
            task.id, "agent:1:a", 1, partial(fate_of, loss=Loss("node_lost", "n1 is lost", "n1"))
        )

    assert bench.store.tasks.lose_own(task.id, "agent:2:b", 2, lose).attempt == 3
    bench.cluster.end(job, How.PREEMPTED)
    bench.turn(controller)
    bench.turn(bench.take_control("another"))  # whose pauses begin again
    bench.work()
    assert bench.store.tasks.get(task.id).status is TaskStatus.FINISHED
    assert [one.how for one in bench.store.placements.of_task(task.id)] == ["preempted", None]


def test_somebody_who_cancels_the_job_of_a_task_that_waits_for_its_next_attempt_ends_the_task(bench: Bench) -> None:
    task, job = begin(bench, restarts=1)
    lose = partial(fate_of, loss=Loss("job_preempted", "fake job 1 had to go", "n1"))
    bench.store.tasks.lose_own(task.id, "agent:1:a", 1, lose)
    bench.cluster.end(job, How.CANCELLED)
    bench.turn(bench.take_control("next"))
    assert bench.store.tasks.get(task.id).reason == "job_cancelled"


def test_jobs_whose_agents_had_begun_do_not_use_up_the_placements_of_the_next_attempt(bench: Bench) -> None:
    task, job = begin(bench, restarts=MOST_PLACEMENTS)
    for number in range(1, MOST_PLACEMENTS + 1):
        bench.cluster.end(job, How.NODE_FAILED)
        bench.turn(bench.take_control(f"after {number}"))
        job = str(bench.store.placements.of_task(task.id)[-1].job)
        if number < MOST_PLACEMENTS:
            launch(bench, task, job, agent=f"agent:{number + 1}:x")
    bench.cluster.end(job, How.NODE_FAILED)  # before its agent has begun
    bench.turn(bench.take_control("a"))
    bench.turn(bench.take_control("b"))
    bench.work()
    assert bench.store.tasks.get(task.id).status is TaskStatus.FINISHED


def test_whichever_call_a_controller_dies_before_a_lost_job_makes_one_more_attempt(bench: Bench) -> None:
    deaths = 0
    for at in range(1, 40):
        task, job = begin(bench, restarts=1, agent=f"agent:{at}:a")
        bench.cluster.end(job, How.NODE_FAILED)
        bench.take_control(f"controller {at}")
        instants = Instants(at, died, match="placements|tasks|events|checkpoints|cluster")
        controller = bench.controller(
            f"controller {at}", store=instants.store(bench.store), cluster=instants.cluster(bench.cluster)
        )
        try:
            controller.follow()
        except Died:
            deaths += 1
            bench.turn(bench.take_control(f"after {at}"))
        bench.turn(bench.take_control(f"then {at}"))
        assert bench.store.tasks.get(task.id).attempt == 2
        notes = [event.event_type for event in bench.store.events.after(task.id)]
        assert notes.count("TASK_RESTARTS") == 1
        bench.work()
        bench.turn(bench.take_control(f"at last {at}"))
        assert bench.store.tasks.get(task.id).status is TaskStatus.FINISHED
        assert bench.store.placements.unsettled("fake") == []
        if deaths < at:
            break
    assert deaths >= 4


def test_a_task_with_labels_of_nodes_waits_for_an_agent_that_has_them(bench: Bench) -> None:
    task = bench.store.tasks.add(replace(bench._new, options=TaskOptions(on={"site": "berlin"})))
    bench.turn(bench.take_control())
    assert bench.store.placements.of_task(task.id) == []


def test_a_deleted_task_is_kept_until_its_job_is_gone(bench: Bench) -> None:
    task, controller = bench.queue(), bench.take_control()
    bench.turn(controller)
    bench.store.tasks.request_stop(task.id)
    bench.store.tasks.remove(task.id)
    bench.store.tasks.give_up(task.id)
    assert not bench.store.tasks.purge(task.id)
    bench.turn(controller)
    bench.turn(controller)
    assert bench.cluster.in_state(JobState.WAITING) == []
    assert bench.store.tasks.purge(task.id)
    bench.turn(controller)

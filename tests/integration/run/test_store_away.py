"""The database server goes away at any moment of a run: the task goes on, and nothing is lost or there twice.

Store, artifacts and server are real; only the engine is a fake.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.engines import Frame
from agent.errors import StoreBusy
from agent.installation import Installation
from agent.run.cancellation import Cancelled, Cause
from agent.run.run_task import run_task
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import Store, open_store
from agent.task_options import RequestedOptions
from agent.worker.loop import run_one
from tests.chaos.audit import audit
from tests.support import tasks
from tests.support.counted_plugin import counting
from tests.support.cut_proxy import CutProxy, Loss, cut_proxy
from tests.support.fake_engine import Act, FakeEngine
from tests.support.inputs import COUNTED, write_model, write_project
from tests.support.postgres import PostgresServer, running_postgres

LINES = 3
counted = counting(LINES)
Queue = Callable[..., Task]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[CutProxy]:
    server.empty()
    with cut_proxy(server) as proxy:
        yield proxy


@pytest.fixture
def near(server: PostgresServer, proxy: CutProxy, tmp_path: Path) -> Iterator[Installation]:
    """The installation as an observer sees it whose connections nobody cuts."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    with open_store(server.url) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(counted)


@pytest.fixture
def far(near: Installation, proxy: CutProxy, engine: FakeEngine) -> Iterator[Installation]:
    """The installation of the agent: its connections pass the proxy."""
    with open_store(proxy.url) as store:
        yield Installation(store, near.artifacts, near.settings, lambda *_: engine)


@pytest.fixture
def queue(near: Installation, tmp_path: Path) -> Queue:
    plugin = library.add_plugin_folder(near.store, COUNTED, "local")
    project = library.add_project(near.store, near.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(near.store, near.artifacts, write_model(tmp_path / "start"))

    def queue(kind: str = "train", **options: Any) -> Task:
        return tasks.queue_task(
            near, type=kind, plugin=plugin, project=project, model=model, name=f"net {len(near.store.tasks.list())}",
            config={"lines": LINES}, options=RequestedOptions(**options),
        )  # fmt: skip

    return queue


class Noticing:
    """Whether the agent has noticed that its store is away."""

    def __init__(self, store: Store) -> None:
        self._noticed = threading.Event()
        before = store.outage.noticed

        def noticed(failure: StoreBusy) -> None:
            before(failure)
            self._noticed.set()

        store.outage.noticed = noticed  # type: ignore[method-assign]

    def wait(self) -> None:
        assert self._noticed.wait(30)

    def then(self, act: Callable[[], object]) -> None:
        """Act in another thread, once it is noticed."""
        self._noticed.clear()

        def wait_and_act() -> None:
            self.wait()
            act()

        threading.Thread(target=wait_and_act, daemon=True).start()


def saved(store: Store, task_id: int) -> int:
    return sum(event.message == "MODEL_SAVED" for event in store.events.after(task_id))


# Requests between two losses: a batch of lines takes a dozen, and has to get through in one of its attempts.
STRIDE = 29
FIRST = sorted(random.Random(int(os.environ.get("CHAOS_SEED", "5"))).sample(range(STRIDE), 3))  # another seed, others


@pytest.mark.parametrize("kind", ["train", "inference"])
@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.value)
@pytest.mark.parametrize("first", FIRST)
def test_whichever_requests_are_lost_the_task_ends_well(
    near: Installation,
    far: Installation,
    proxy: CutProxy,
    engine: FakeEngine,
    queue: Queue,
    kind: str,
    loss: Loss,
    first: int,
) -> None:
    task = queue(kind)
    begun = proxy.requests
    lost = []

    def loses(number: int, request: bytes) -> Loss | None:
        if (number - begun - first) % STRIDE:
            return None
        lost.append(request)
        return loss

    proxy.loses = loses
    ended = run_one(far, task.id, Shutdown())
    proxy.loses = lambda *_: None

    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
    assert len(lost) > 3
    assert audit(near, [engine]) == []
    if kind == "train":
        assert saved(near.store, task.id) == LINES


@pytest.mark.parametrize("every", [4, 6, 9])  # on average: a new connection commits, too, and strict turns would lock
def test_answers_of_commits_that_are_lost_make_nothing_twice(
    near: Installation, far: Installation, proxy: CutProxy, engine: FakeEngine, queue: Queue, every: int
) -> None:
    task, commits, chance = queue(), 0, random.Random(every)

    def loses(_: int, request: bytes) -> Loss | None:
        nonlocal commits
        is_commit = request[5:].startswith(b"COMMIT")
        commits += is_commit
        return Loss.ANSWER if is_commit and chance.random() * every < 1 else None

    proxy.loses = loses
    assert run_one(far, task.id, Shutdown()).status is TaskStatus.FINISHED
    assert commits > 20
    assert audit(near, [engine]) == []
    assert saved(near.store, task.id) == LINES


def away_after_two_lines(go_away: Callable[[], object]) -> Act:
    def act(folder: Path) -> Iterator[str | bytes | Frame | int | None]:
        for number, item in enumerate(counted(folder), 1):
            yield item
            if number == 2:
                go_away()

    return act


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_under_a_running_task_is_only_a_delay(
    near: Installation, far: Installation, server: PostgresServer, engine: FakeEngine, queue: Queue, mode: str
) -> None:
    noticing = Noticing(far.store)

    def go_away() -> None:
        server.stop(mode)
        noticing.then(server.start)

    engine.act = away_after_two_lines(go_away)
    assert run_one(far, queue().id, Shutdown()).status is TaskStatus.FINISHED
    assert audit(near, [engine]) == []


def test_connections_that_are_cut_all_the_time_are_only_a_delay(
    near: Installation, far: Installation, server: PostgresServer, engine: FakeEngine, queue: Queue
) -> None:
    def act(folder: Path) -> Iterator[str | bytes | Frame | int | None]:
        for item in counted(folder):
            yield item
            server.cut_connections()

    engine.act = act
    assert run_one(far, queue().id, Shutdown()).status is TaskStatus.FINISHED
    assert audit(near, [engine]) == []


def test_a_server_that_falls_silent_is_waited_for(
    near: Installation, far: Installation, proxy: CutProxy, engine: FakeEngine, queue: Queue
) -> None:
    def go_away() -> None:
        proxy.fall_silent()
        threading.Timer(1, proxy.open).start()

    engine.act = away_after_two_lines(go_away)
    assert run_one(far, queue().id, Shutdown()).status is TaskStatus.FINISHED
    assert audit(near, [engine]) == []


@pytest.mark.parametrize("how", ["leave", "stop_tasks"])
@pytest.mark.parametrize("at", [0, 2, 3 * LINES, -1])
def test_an_agent_that_is_told_to_end_while_the_store_is_away_leaves_the_task(
    near: Installation, far: Installation, proxy: CutProxy, engine: FakeEngine, queue: Queue, how: str, at: int
) -> None:
    noticing, shutdown = Noticing(far.store), Shutdown()

    def act(folder: Path) -> Iterator[str | bytes | Frame | int | None]:
        items = [*counted(folder)]
        for number, item in enumerate(items):
            if number == at % len(items) and not shutdown.is_asked:
                noticing.then(getattr(shutdown, how))
                proxy.shut()
            yield item

    engine.act = act
    task = queue()
    with pytest.raises(Cancelled) as left:
        run_one(far, task.id, shutdown)
    assert left.value.cause is Cause.AGENT_LEFT
    assert len(engine.containers) == 1
    assert not engine.containers[0]._killed.is_set()
    assert not near.store.tasks.get(task.id).status.is_final

    proxy.open()
    holder = str(near.store.tasks.get(task.id).agent_id)
    (taken,) = near.store.tasks.take_over("next", gone={holder})
    next_agent = Installation(near.store, near.artifacts, near.settings, far.open_engine)
    assert run_task(taken, next_agent).status is TaskStatus.FINISHED
    assert audit(near, [engine]) == []


def test_silence_that_the_store_is_to_blame_for_is_no_idle_plugin(
    near: Installation, far: Installation, proxy: CutProxy, engine: FakeEngine, queue: Queue
) -> None:
    def go_away() -> None:
        proxy.shut()
        threading.Timer(2, proxy.open).start()

    engine.act = away_after_two_lines(go_away)
    ended = run_one(far, queue(idle_limit_s=1.0).id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")


def test_a_limit_that_passes_while_the_store_is_away_is_recorded_before_the_container_is_killed(
    near: Installation, far: Installation, proxy: CutProxy, engine: FakeEngine, queue: Queue
) -> None:
    def act(folder: Path) -> Iterator[str | bytes | Frame | int | None]:
        yield from counted(folder)
        proxy.shut()
        threading.Timer(3, proxy.open).start()
        yield None

    engine.act = act
    ended = run_one(far, queue(time_limit_s=1.0).id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "time_limit")
    assert audit(near, [engine]) == []

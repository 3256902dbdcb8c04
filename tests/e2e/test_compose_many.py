"""The profile `many` of the compose file: PostgreSQL, an object store and two agents, of which one is cut off."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.compose import Compose, skip_or_fail
from tests.support.compose_images import server_image
from tests.support.inputs import COUNTED, ROOT, Cli, write_model, write_project

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

SERVICES = ("web-many", "agent-1", "agent-2")
SERVICE_OF = {"node-1": "agent-1", "node-2": "agent-2"}
LINES = 200
BECOME_ADMIN = ROOT / "tests" / "support" / "become_admin.py"


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class Many:
    """The services, a plugin that every node has, and what it trains on."""

    def __init__(self, compose: Compose, image: str) -> None:
        self.compose, self.image = compose, image
        inputs = compose.folder / "in"
        write_project(inputs / "fruit")
        write_model(inputs / "start")
        # The homes of the agents belong to root, whoever runs the tests.
        docker("cp", str(inputs), f"{self.container('node-1')}:{compose.folder / 'node-1'}")
        inputs = compose.folder / "node-1" / "in"
        self.command(1, "plugin", "add", image)
        self.command(1, "project", "add", inputs / "fruit")
        self.command(1, "model", "add", inputs / "start", "--name", "start")

    def command(self, node: int | str, *words: object) -> str:
        return self.compose.agent(*words, service=SERVICE_OF.get(str(node), f"agent-{node}"))

    def submit(self, node: int | str, *words: object, lines: int = LINES) -> int:
        """Queue a training that counts slowly until its node's folder has the file `finish`."""
        settings = (f"lines={lines}", "checkpoint_every=10", "slow_until=/sly_task_data/finish")
        chosen = [word for one in settings for word in ("--set", one)]
        of = ("--plugin", self.image, "--project", "fruit", "--model", "start")
        return int(self.command(node, "submit-train", *of, *chosen, "--detach", *words))

    def shown(self, task: int, what: str = "") -> Any:
        return json.loads(self.compose.get(f"/api/tasks/{task}{what}"))

    def attempts(self, task: int) -> list[Any]:
        return self.shown(task, "/attempts")["items"]

    def until(self, reached: Callable[[], Any], within_s: float = 60) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            try:
                if found := reached():
                    return found
            except OSError:  # the web is starting
                pass
            assert time.monotonic() < deadline, self.compose.run("logs", "--tail", "20")
            time.sleep(0.1)

    def runs_on(self, task: int) -> str:
        """The node of the attempt that runs, once it has saved a checkpoint in this attempt."""

        def node() -> str | None:
            attempt = self.attempts(task)[-1]
            kept = self.shown(task, "/checkpoints")["items"]
            saved = any(one["state"] == "published" and one["seq"] >= attempt["first_seq"] for one in kept)
            return attempt["node_name"] if saved else None

        return str(self.until(node))

    def finish(self, task: int, node: str) -> None:
        file = self.compose.folder / node / "tasks" / str(task) / "finish"
        self.compose.run("exec", "-T", SERVICE_OF[node], "touch", file)

    def ends(self, node: str, task: int) -> str:
        return str(json.loads(self.command(node, "task", "wait", task, "--json"))["status"])

    @contextmanager
    def cut_off(self, node: str) -> Iterator[None]:
        """The node reaches neither the store nor the objects while the block runs; its engine is with it."""
        network, container = f"{self.compose.project}_inside", self.container(node)
        docker("network", "disconnect", network, container)
        try:
            yield
        finally:
            docker("network", "connect", network, container)

    def container(self, node: str) -> str:
        label = f"label=com.docker.compose.project={self.compose.project}"
        return docker("ps", "-q", "--filter", label, "--filter", f"label=com.docker.compose.service={SERVICE_OF[node]}")

    def plugins(self, task: int) -> list[str]:
        """The containers of a task."""
        found = docker("ps", "-a", "--format", '{{.ID}} {{.Image}} {{.Label "task_id"}}').splitlines()
        return [line.split()[0] for line in found if line.split()[1:] == [self.image, str(task)]]

    def said(self, node: str, task: int) -> list[str]:
        return [line for line in self.command(node, "task", "logs", task, "--raw").splitlines() if line[:4] == "out "]

    def other(self, node: str) -> str:
        return "node-2" if node == "node-1" else "node-1"


@pytest.fixture(scope="module")
def many(docker_engine: object, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    folder = tmp_path_factory.mktemp("many")
    try:
        image = server_image(base_image)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        skip_or_fail(str(error))
    names = ("POSTGRES_PASSWORD", "OBJECTS_KEY", "OBJECTS_SECRET")
    passwords = {name: secrets.token_hex(16) for name in names}
    compose = Compose(folder, base_image, POSTGRES_IMAGE=image, OBJECTS_IMAGE=image, **passwords)
    # The name says that no node has built it: an image of `local/` stays with its node.
    plugin = f"{compose.project}/nn-counted:0.1.0"
    Cli(folder / "builder", {}).run("build", COUNTED, "--base", f"base-py={base_image}")
    docker("tag", "local/nn-counted:0.1.0", plugin)
    try:
        compose.run("up", "--build", "--detach", *SERVICES)
        yield Many(compose, plugin)
    finally:
        compose.run("--profile", "many", "down", "--volumes", "--timeout", "5")
        docker("rmi", "--force", plugin)  # a run that was killed may have left a container of it


def test_a_machine_that_is_cut_off_loses_nothing_and_holds_nobody_up(many: Many) -> None:
    task = many.submit(1)
    node = many.runs_on(task)
    other = many.other(node)
    with many.cut_off(node):
        second = many.submit(other, lines=10)
        assert many.ends(other, second) == "finished"
        many.finish(task, node)  # it ends while nobody hears of it
        many.until(lambda: not docker("ps", "-q", "--filter", f"id={many.plugins(task)[0]}"))
        shown = many.shown(task)
        assert shown["status"] == "started"
        assert shown["lines_read"] < 3 * LINES
    assert many.ends(other, task) == "finished"

    assert many.said(other, task) == [f"out {number}" for number in range(1, LINES + 1)]
    states = Counter(one["state"] for one in many.shown(task, "/checkpoints")["items"])
    assert states == {"published": LINES // 10}
    assert [one["node_name"] for one in many.attempts(task)] == [node]


def test_a_machine_that_is_declared_lost_is_replaced_by_the_other(many: Many) -> None:
    task = many.submit(1, "--restarts", 1)
    node = many.runs_on(task)
    other = many.other(node)
    (old,) = many.plugins(task)
    with many.cut_off(node):
        declared = many.command(other, "node", "lost", node, "--force")
        assert f"task {task}: queued for attempt 2" in declared
        assert many.runs_on(task) == other
        many.finish(task, other)
        assert many.ends(other, task) == "finished"
    many.until(lambda: old not in many.plugins(task))  # it is back, and removes what nobody wants any more

    first, second = many.attempts(task)
    assert [one["node_name"] for one in (first, second)] == [node, other]
    assert (first["reason"], second["reason"]) == ("node_lost", "finished")
    kept = {one["model_id"]: one["seq"] for one in many.shown(task, "/checkpoints")["items"]}
    assert kept[second["model_id"]] < second["first_seq"]
    said = many.said(other, task)
    assert said[-LINES:] == [f"out {number}" for number in range(1, LINES + 1)]
    assert said[:-LINES] == [f"out {number}" for number in range(1, len(said) - LINES + 1)]


@pytest.mark.parametrize(
    ("service", "secret", "words"),
    [("postgres", "POSTGRES_PASSWORD", "password is not specified"), ("objects", "OBJECTS_SECRET", "OBJECTS_SECRET")],
)
def test_a_server_without_a_secret_does_not_start(many: Many, service: str, secret: str, words: str) -> None:
    compose = many.compose
    done = subprocess.run(
        [*compose.command, "run", "--rm", "--no-deps", service],
        cwd=ROOT, env={**compose.env, secret: ""}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert words in done.stdout + done.stderr


def test_who_reaches_the_objects_without_a_key_gets_no_rights(many: Many) -> None:
    tried = many.compose.run("exec", "-T", "web-many", "python", "-c", BECOME_ADMIN.read_text())
    assert tried.split() == ["InvalidAccessKeyId"]


def test_the_objects_are_ready_again_after_a_restart(many: Many) -> None:
    """Their bucket is there then, and nothing goes on trying to make it."""
    many.compose.run("restart", "objects")
    label = f"label=com.docker.compose.project={many.compose.project}"
    (objects,) = docker("ps", "-q", "--filter", label, "--filter", "label=com.docker.compose.service=objects").split()
    many.until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", objects) == "healthy")
    many.until(lambda: len(docker("top", objects, "-o", "pid").split()) == 2)  # the title, and the server
    task = many.submit(1, lines=10)
    assert many.ends("node-1", task) == "finished"

"""The protocol of original agents, fuzzed: a wild agent beside a careful one, and a task of ours beside both.

The wild one sends odd messages, lines about tasks of everybody, opens streams and breaks everything off; it also uses
the keys of its tasks for what they do not open. The careful one sends numbered lines, and repeats and cuts its calls.
Problems are those of `make fuzz`, and: a call that is admitted without its token, a line of the careful agent that is
lost, doubled or out of order, a task of another that is not as it was, and another client that waits for long.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.domain import NewTask, Task, TaskType
from agent.events.model import Stream
from agent.store import Store, open_store
from tests.chaos import odd_calls
from tests.chaos.fuzz_web import ANSWER_S, TOKEN, Figures, FuzzedWeb
from tests.support.original_agent import TaskLog
from web_stub import agent_rpc, public_api
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.routes import _NOT_HERE

WAIT_S = 10.0  # another client waits no longer
_REFUSALS = {307, 400, 404, 405, 409, 413, 429, 501}
_METHODS = sorted(
    {getattr(route, "path", "").removeprefix("/agent/") for route in agent_rpc.router.routes} - {"{method}"} | _NOT_HERE
)
_STREAMS = ("GetNewTask", "GetStopTask", "GetTelemetryTask")


class ProtocolFuzz:
    def __init__(self, folder: Path, *, seed: int) -> None:
        self._rng = random.Random(seed)
        self._figures = Figures(seed, "fuzzing of the protocol of original agents")
        self._web = FuzzedWeb(folder)
        self._printed = 0  # lines of the careful agent
        self._streams: list[socket.socket] = []

    def run(self, seconds: float) -> Figures:
        figures, web = self._figures, self._web
        with open_store(web.settings.store) as store:
            self._set_up(store)
            web.start()
            stop = threading.Event()
            self._ask_as_person("first")  # which is answered late: the web gets ready for it
            beside = threading.Thread(target=self._ask_beside, args=(stop,))
            started = time.monotonic()
            try:
                beside.start()
                while time.monotonic() - started < seconds:
                    web.keep_up(figures)
                    self._step(store)
            finally:
                stop.set()
                beside.join()
                for stream in self._streams:
                    stream.close()
                web.stop()
            figures.seconds = time.monotonic() - started
            web.judge(figures)
            self._judge(store)
        return figures

    # ---------------------------------------------------------------- who there is

    def _set_up(self, store: Store) -> None:
        _, self._wild = store.tokens.create("wild", is_agent=True)
        _, self._careful = store.tokens.create("careful", is_agent=True)
        self._own = self._new(store, "careful", "careful:original:2")
        self._other = self._new(store, None, "laptop:1:ab")
        self._before = store.tasks.get(self._other.id)
        self._log = TaskLog(self._own.id)
        self._unsent = self._log.begun()
        self._ids: tuple[int, ...] = (self._own.id, self._other.id)  # and those of the wild one, as it gets some
        self._keys: list[str] = []

    def _new(self, store: Store, agent: str | None, claimed_by: str | None = None) -> Task:
        known = store.tasks.get(1)
        new = NewTask(TaskType.TRAIN, "fuzzed", known.plugin_id, known.project_id, known.model_id, {})
        task = store.tasks.add(new, only_for=agent)
        if claimed_by is None:
            return task
        claimed = store.tasks.claim(claimed_by, task_id=task.id, node=None)
        assert claimed is not None
        return claimed

    # ---------------------------------------------------------------- what they do

    def _step(self, store: Store) -> None:
        deeds: list[Callable[[], object]] = [*[self._call] * 4, *[self._lines] * 4, *[self._careful_lines] * 2]
        deeds += [self._stream, self._break_off, self._without_token, self._use_key, lambda: self._ask_for_task(store)]
        self._rng.choice(deeds)()

    def _call(self) -> None:
        method = self._rng.choice((*_METHODS, "Dance", "%00", "Log/", "", "../api/tasks"))
        body = odd_calls.body(self._rng, self._ids)
        if method in _STREAMS:
            self._open(method)
        else:
            self._ask("call", f"/agent/{method}", body, {"x-token": self._wild}, {200, *_REFUSALS})

    def _lines(self) -> None:
        body = odd_calls.calls_of_log(self._rng, self._ids)
        self._figures.lines += 1
        self._ask("lines", "/agent/Log", body, {"x-token": self._wild}, {200})

    def _careful_lines(self) -> None:
        """The next lines, again and again until they are answered; cut before the answer, and repeated after it."""
        rng = self._rng
        for _ in range(rng.choice((1, 4, 30))):
            said = f"line {self._printed}"
            plain = rng.random() < 0.5
            self._unsent.append(self._log.text(said) if plain else self._log.line(said, level="debug"))
            self._printed += 1
        body, self._unsent = api.LogLines(data=self._unsent).SerializeToString(), []
        headers = {"x-token": self._careful}
        for _ in range(rng.choice((0, 0, 1, 3))):
            self._send("/agent/Log", headers, body, rng.choice((len(body), rng.randrange(len(body)))))
        for _ in range(rng.choice((1, 1, 2))):
            self._ask("careful lines", "/agent/Log", body, headers, {200})

    def _stream(self) -> None:
        self._open(self._rng.choice(_STREAMS))
        if len(self._streams) > 20:
            self._streams.pop(self._rng.randrange(20)).close()

    def _open(self, method: str) -> None:
        with suppress(OSError):
            self._streams.append(self._send(f"/agent/{method}", {"x-token": self._wild}, b"", 0, keep=True))

    def _break_off(self) -> None:
        body = odd_calls.body(self._rng, self._ids)
        sent = self._rng.randint(0, len(body))
        self._send(f"/agent/{self._rng.choice(_METHODS)}", {"x-token": self._wild}, body, sent)

    def _without_token(self) -> None:
        given = self._rng.choice(("", TOKEN, "x" * 600, self._wild[:-1], *self._keys[-1:]))
        path = f"/agent/{self._rng.choice(_METHODS)}"
        self._ask("no token", path, odd_calls.body(self._rng, self._ids), {"x-token": given}, {401})
        path = self._rng.choice(("/api/tasks", f"{public_api.PREFIX}/tasks.info", f"{public_api.PREFIX}/projects.list"))
        self._ask("other door", path, b"{}", {"x-api-key": self._wild}, {401})

    def _use_key(self) -> None:
        """For what the key of a task does not change: the first project, and the tasks of others."""
        if not self._keys:
            return
        task_id = self._rng.choice((self._own.id, self._other.id, 1))
        method, body = self._rng.choice(
            (
                ("projects.meta.update", {"id": 1, "meta": {"classes": [], "tags": []}}),
                ("datasets.add", {"projectId": 1, "name": str(self._rng.random())}),
                ("images.bulk.add", {"datasetId": 1, "images": []}),
                ("annotations.bulk.add", {"annotations": [{"imageId": 1, "annotation": {}}]}),
                ("models.hash.create", {"taskId": task_id}),
                ("tasks.stop", {"id": task_id}),
                ("models.remove", {"id": 1}),
            )
        )
        headers = {"x-api-key": self._rng.choice(self._keys), "Content-Type": "application/json"}
        self._ask("key", f"{public_api.PREFIX}/{method}", json.dumps(body).encode(), headers, {401, 403})

    def _ask_for_task(self, store: Store) -> None:
        """A task of its own for the wild agent, with its key."""
        task = self._new(store, "wild")
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=ANSWER_S)
        with suppress(OSError, ValueError):
            connection.request("POST", "/agent/GetNewTask", b"", {"x-token": self._wild})
            answer = connection.getresponse()
            for _ in range(3):
                if size := int.from_bytes(answer.read(4)):
                    said = json.loads(api.Task.FromString(answer.read(size)).data)
                    self._keys = [*self._keys[-9:], said["user_api_key"]]
                    break
        connection.close()
        self._ids = (*self._ids[:2], *self._ids[2:][-9:], task.id)

    # ---------------------------------------------------------------- requests

    def _send(self, path: str, headers: dict[str, str], body: bytes, sent: int, *, keep: bool = False) -> socket.socket:
        """Send a request with the beginning of its body, and close the connection unless it is to be kept."""
        raw = socket.create_connection(("127.0.0.1", self._web.port), timeout=ANSWER_S)
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with suppress(OSError):
            raw.sendall("\r\n".join([*lines, "", ""]).encode() + body[:sent])
        if not keep:
            raw.close()
        return raw

    def _ask(self, kind: str, path: str, body: bytes, headers: dict[str, str], allowed: set[int]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=ANSWER_S)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read(200) if answer.status not in (200, 401) else b""
        except (OSError, http.client.HTTPException) as error:
            self._figures.answers[f"{kind} {type(error).__name__}"] += 1
            if isinstance(error, TimeoutError):
                self._figures.problems.append(f"no answer to {path} {body[:200]!r}")
            return
        finally:
            connection.close()
        self._figures.answers[f"{kind} {answer.status}"] += 1
        if answer.status not in allowed:
            self._figures.problems.append(f"{answer.status} for {path} {body[:300]!r}: {said!r}")

    def _ask_beside(self, stop: threading.Event) -> None:
        while not stop.wait(0.2):
            started = time.monotonic()
            self._ask_as_person("beside")
            self._figures.waits_s.append(time.monotonic() - started)

    def _ask_as_person(self, kind: str) -> None:
        headers = {"x-api-key": TOKEN, "Content-Type": "application/json"}
        self._ask(kind, f"{public_api.PREFIX}/projects.list", b"{}", headers, {200})

    # ---------------------------------------------------------------- afterwards

    def _judge(self, store: Store) -> None:
        problems = self._figures.problems
        printed = [event for event in store.events.each(self._own.id) if event.stream is not Stream.AGENT]
        lines = [event.message for event in printed if event.message.startswith("line ")]
        if lines != [f"line {number}" for number in range(self._printed)]:
            problems.append(f"the careful agent has sent {self._printed} lines, and {len(lines)} are kept")
        other = store.tasks.get(self._other.id)
        if other != self._before or store.events.last_seq(other.id):
            problems.append(f"the task of another is not as it was: {other}")
        if (most := max(self._figures.waits_s, default=0.0)) > WAIT_S:
            problems.append(f"another client waited {most:.1f} s")

"""A small agent that speaks the protocol of the original one, to play it: what it does with a task, a test decides.

Its lines have the form of those that the original agent 5.16.0 (release 2019-11) sent to this web.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
from google.protobuf.message import Message

from web_stub.agent_rpc import worker_api_pb2 as api

M = TypeVar("M", bound=Message)
KEEP_ALIVE = None


class OriginalAgent:
    def __init__(self, url: str, token: str) -> None:
        headers = {"x-token": token, "content-type": "application/octet-stream", "accept-encoding": "deflate"}
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=20)

    def close(self) -> None:
        self.http.close()

    def post(self, method: str, body: bytes = b"") -> httpx2.Response:
        return self.http.post(f"/agent/{method}", content=body)

    def call(self, method: str, message: Message) -> bytes:
        answer = self.post(method, message.SerializeToString())
        assert answer.status_code == 200, answer.text
        return answer.content

    def connect(self) -> None:
        said = {"hardware_info": {}, "agent_image": "agent", "agent_version": "agent:5.16.0", "agent_image_digest": ""}
        self.call("AgentConnected", api.AgentInfo(info=json.dumps(said)))

    def log(self, *lines: str) -> None:
        self.call("Log", api.LogLines(data=lines))

    @contextmanager
    def stream(self, method: str, kind: type[M]) -> Iterator[Iterator[M | None]]:
        """The messages of a stream; None for each sign of life between them."""
        with self.http.stream("POST", f"/agent/{method}") as answer:
            assert answer.status_code == 200, answer.read()
            yield _messages(answer, kind)

    def next_task(self) -> dict[str, Any]:
        """The next task of a stream that is closed behind it."""
        with self.stream("GetNewTask", api.Task) as tasks:
            message = next(task for task in tasks if task is not None)
        found: dict[str, Any] = json.loads(message.data)
        return found


def _messages(answer: httpx2.Response, kind: type[M]) -> Iterator[M | None]:
    held = b""
    for piece in answer.iter_raw():
        held += piece
        while len(held) >= 4 and len(held) >= 4 + (size := int.from_bytes(held[:4])):
            data, held = held[4 : 4 + size], held[4 + size :]
            yield kind.FromString(data) if data else KEEP_ALIVE
    assert not held, "the stream ended inside a frame"


class TaskLog:
    """Lines about one task. Each has a time of its own, as log lines have."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id
        self._lock = threading.Lock()
        self._at_us = 0

    def line(self, message: str = "", kind: str = "LOGJ", level: str = "info", **fields: Any) -> str:
        with self._lock:
            self._at_us += 1000
            at = datetime.fromtimestamp(self._at_us / 1e6, UTC).isoformat(timespec="milliseconds")
        added = {"service_type": "ServiceType.TASK", "task_id": self.task_id, "timestamp": at, "level": level}
        return json.dumps({"message": message, "event_type": f"EventType.{kind}", **fields, **added})

    def text(self, text: str) -> str:
        return self.line(cont_msg=f"{text}\n")

    def metrics(self, epoch: float, **values: float) -> str:
        return self.line("metrics", "METRICS", type="train", epoch=epoch, metrics=values)

    def step(self, name: str) -> str:
        return self.line("STEP_DONE", "STEP_COMPLETE", step=name)

    def begun(self) -> list[str]:
        """From the start to the running container."""
        return [
            self.line("TASK_START", "TASK_STARTED"),
            self.line("LAST_COMPLETE_STEP", step=None),
            self.line("BEFORE_STEP", step="DOWNLOAD"),
            self.step("DOWNLOAD"),
            self.line("BEFORE_STEP", step="MAIN"),
            self.line("Docker container is spawned", container_id="c0ffee", container_name=f"sly_task_{self.task_id}"),
        ]

    def main_over(self) -> list[str]:
        status = "{'Error': None, 'StatusCode': 0}"
        return [self.line(f"Task container finished with status: {status}", level="debug"), self.step("MAIN")]

    def ended(self, kind: str = "TASK_FINISHED", level: str = "info", **fields: Any) -> list[str]:
        return [self.line("TASK_END", kind, level, **fields), self.line("WAIT_FOR_TASK_LOG")]

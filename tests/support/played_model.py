"""A deployed model of the real SDK, in a process of its own, and one that is played call by call.

`python -m tests.support.played_model ADDRESS TOKEN TASK` serves a model that needs no weights. What it does with an
image says the image's first pixel, as (red, green, blue): (1, 0, 0) an error, (2, 0, 0) sleep for ever, (3, 0, 0) the
end of the process, (4, 0, n) a thousand things n times; anything else has one thing.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image

from agent.domain import NewTask, Task, TaskStatus, TaskType
from agent.store import Store
from tests.support.original_agent import OriginalAgent
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.frames import frame

FAILS, HANGS, DIES = (1, 0, 0), (2, 0, 0), (3, 0, 0)
_READY = "Ready to get events"
ROOT = Path(__file__).parents[2]


def png(pixel: tuple[int, int, int] = (9, 9, 9), size: tuple[int, int] = (12, 8)) -> bytes:
    """An image of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, pixel).save(out, "PNG")
    return out.getvalue()


def deployed_task(store: Store, plugin_id: int, model_id: int, agent: str = "here:1", *, to: str = "deployed") -> Task:
    """A task of this agent that serves a model, with the status `to`."""
    task = store.tasks.add(
        NewTask(TaskType.DEPLOY, "served", plugin_id, None, model_id, {"gpu_device": 0}), agent_id=agent
    )
    for status in (TaskStatus.STARTED, TaskStatus.DEPLOYED):
        if task.status.value == to:
            break
        task = store.tasks.become(task.id, status, agent_id=agent)
    return task


class ServedModel:
    """The model in a process."""

    def __init__(self, url: str, token: str, task_id: int) -> None:
        program = [sys.executable, "-m", "tests.support.played_model", url, token, str(task_id)]
        self.process = subprocess.Popen(
            program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.said: list[str] = []
        self._is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._is_ready.wait(60)
        assert any(_READY in line for line in self.said), "".join(self.said)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if _READY in line:
                self._is_ready.set()
        self._is_ready.set()

    def pause(self) -> None:
        """It is there, and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


class PlayedModel:
    """The calls of a model, one by one."""

    def __init__(self, url: str, token: str, task_id: int | None = None) -> None:
        self.calls = OriginalAgent(url, token)
        if task_id is not None:
            self.calls.http.headers["x-task-id"] = str(task_id)

    def close(self) -> None:
        self.calls.close()

    def requests(self) -> Any:
        """A context with the requests of a stream as they come; None for each sign of life."""
        return self.calls.stream("GetGeneralEventsStream", api.GeneralEvent)

    def image(self, request_id: str) -> list[api.Chunk]:
        answer = self.calls.http.post("/agent/GetGeneralEventData", headers={"x-request-id": request_id})
        assert answer.status_code == 200, answer.text
        return _messages(answer.content, api.Chunk)

    def image_by_hash(self, *hashes: str) -> list[api.ChunkImage]:
        asked = api.ImagesHashes(images_hashes=hashes)
        return _messages(self.calls.call("DownloadImages", asked), api.ChunkImage)

    def send(self, request_id: str, body: Any) -> Any:
        """The response to a body of frames, sent as it is."""
        return self.calls.http.post("/agent/SendGeneralEventData", headers={"x-request-id": request_id}, content=body)

    def answer(self, request_id: str, value: Any) -> Any:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.send(request_id, frame(api.Chunk(buffer=content, total_size=len(content))))


def _messages(body: bytes, kind: Any) -> list[Any]:
    found = []
    while body:
        size = int.from_bytes(body[:4])
        found.append(kind.FromString(body[4 : 4 + size]))
        body = body[4 + size :]
    return found


def _serve(address: str, token: str, task_id: str) -> None:
    import supervisely_lib as sly
    from supervisely_lib.sly_logger import logger
    from supervisely_lib.worker_api.agent_rpc import SimpleCache
    from supervisely_lib.worker_api.rpc_servicer import AgentRPCServicer

    thing = sly.ObjClass("thing", sly.Rectangle)

    class Corners:
        model_out_meta = sly.ProjectMeta(sly.ObjClassCollection([thing]))

        def get_out_meta(self) -> Any:
            return self.model_out_meta

        def inference(self, image: Any, ann: Any) -> Any:
            first = tuple(map(int, image[0, 0]))
            if first == FAILS:
                raise ValueError("no fruit in sight: \u0416")
            if first == HANGS:
                time.sleep(3600)
            if first == DIES:
                os._exit(7)
            labels = [sly.Label(sly.Rectangle(0, 0, 3, 4), thing)]
            if first[:2] == (4, 0):
                labels *= first[2] * 1000
            return sly.Annotation(image.shape[:2], labels)

    connection = {"server_address": address, "token": token, "task_id": task_id}
    AgentRPCServicer(
        logger=logger, model_applier=Corners(), conn_config=connection, cache=SimpleCache(10)
    ).run_inf_loop()


if __name__ == "__main__":
    _serve(*sys.argv[1:])

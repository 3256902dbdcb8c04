"""Questions to deployed models, whoever asks: which task serves the model, what it is asked, what its answer says.

The model's side is `broker/`; the forms of the questions are those of `rest/` and `public_api/`.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import orjson
from cachetools import LRUCache
from starlette.concurrency import run_in_threadpool

from agent.domain import Task, TaskStatus
from agent.errors import Conflict
from agent.formats.json_text import read_lenient
from web_stub.broker import Broker, ModelFailed, TimedOut, Times
from web_stub.json_response import encode
from web_stub.unchanged import WhileUnchanged

if TYPE_CHECKING:
    from agent.store import Store

LIMIT_S = 60.0  # unless the client says another
MOST_LIMIT_S = 3600.0
IMAGE_BYTES = 128 << 20
_SMALL_BYTES = 256 << 10  # JSON that is parsed on the event loop
MOST_VALUES = 1_000_000  # of an answer: half a second of the one parser that all threads share
_META_BYTES = 1 << 20  # of a meta that is remembered
_METAS = 256  # remembered
_MODELS = 256  # whose tasks are
_WORDS = 1000  # characters of a plugin's error in a sentence
_TRACE = "Traceback (most recent call last):"

INFERENCE = "inference"
GET_OUT_META = "get_out_meta"


class NotDeployed(Conflict):
    """No task serves the model now."""

    reason = "not_deployed"


@dataclass(frozen=True, slots=True)
class Durations:
    """Where the time of an answer went, in seconds."""

    queue_s: float  # until it was sent to the model
    transfer_s: float  # of the image, where it came with the request, and of the answer
    model_s: float  # the rest: the model with what it was asked before, and its loading of a library's image
    total_s: float


_Key = tuple[int, str]  # the task, and what tells the mode and the meta from others


@dataclass(slots=True)
class _Shared:
    task: asyncio.Future[dict[str, Any]]
    waiting: int = 0


class Asker:
    """Asks the deployed models of an installation. Its calls with `await` belong to one event loop."""

    def __init__(self, store: Store, broker: Broker) -> None:
        self._store, self._broker = store, broker
        self._metas: LRUCache[_Key, Any] = LRUCache(_METAS)
        self._asking: dict[_Key, _Shared] = {}
        self._serving: WhileUnchanged[int, list[Task]] = WhileUnchanged(store.prompt_version, _MODELS)

    async def find(self, model_id: int, task_id: int | None = None) -> Task:
        """As `serving`, and without a look into the store where it would say what it has said before."""
        if task_id is None and (ready := self._serving.get(model_id)) is not None:
            return min(ready, key=self._burden)
        version = self._store.prompt_version()
        found, ready = await run_in_threadpool(self._find, model_id, task_id)
        if ready:
            self._serving.keep(model_id, ready, version)
        return found

    def serving(self, model_id: int, task_id: int | None = None) -> Task:
        """The task to ask: of several the one that is connected and has the least to do. Blocks on the store.

        `task_id`: only this one. Raises NotDeployed, and NotFound for a model or a task that there is not.
        """
        return self._find(model_id, task_id)[0]

    def _find(self, model_id: int, task_id: int | None) -> tuple[Task, list[Task]]:
        """(the task to ask, all of the model that could be asked)."""
        tasks = self._store.tasks.serving(model_id)
        if task_id is None and (ready := [task for task in tasks if _has_been_deployed(task)]):
            return min(ready, key=self._burden), ready  # one look into the store for a request
        model = self._store.models.get(model_id)
        if task_id is not None:
            task = self._store.tasks.get(task_id)
            tasks = [task] if task.id in [one.id for one in tasks] else []
            if not tasks:
                raise NotDeployed(f"Task {task_id} does not serve model {model.id} (its status: {task.status.value}).")
        if ready := [task for task in tasks if _has_been_deployed(task)]:
            return min(ready, key=self._burden), []
        if tasks := [task for task in tasks if task.status is not TaskStatus.TERMINATING]:
            others = " and ".join(f"task {task.id} ({task.status.value})" for task in tasks[:3])
            raise NotDeployed(
                f"Model {model.name!r} ({model.id}) is not deployed yet; {others} may become what serves it: "
                "ask again when it is deployed."
            )
        raise NotDeployed(
            f"Model {model.name!r} ({model.id}) is not deployed. Deploy it: `agent deploy --model {model.id}`, or "
            f"POST /api/models/{model.id}/deploy."
        )

    def is_ready(self, task: Task) -> bool:
        """Whether the model answers now."""
        return task.status is TaskStatus.DEPLOYED and self._broker.is_connected(task.id)

    def _burden(self, task: Task) -> tuple[bool, int, int]:
        return not self.is_ready(task), sum(self._broker.counts(task.id)), task.id

    async def ask(
        self, task: Task, data: Mapping[str, Any], *, image: bytes | None = None, client: str, limit_s: float
    ) -> tuple[dict[str, Any], Durations]:
        """What the model answers: an object without `success`. Raises what `Broker.ask` raises."""
        answer = await self._broker.ask(task.id, encode(data), image=image, client=client, limit_s=limit_s)
        content = answer.content
        said = read_answer(content) if len(content) <= _SMALL_BYTES else await run_in_threadpool(read_answer, content)
        return said, durations(answer.times)

    async def output_meta(self, task: Task, mode: Any, meta: Any, *, client: str, limit_s: float) -> dict[str, Any]:
        """The classes and tags of the model's answers in a mode, over images with this meta. Asked once for each."""
        key = _key(task, mode, meta)
        if (known := self._metas.get(key)) is not None:
            return cast("dict[str, Any]", known)
        shared = self._asking.get(key)
        if shared is None:  # all that ask meanwhile wait for the same answer
            shared = self._asking[key] = _Shared(asyncio.ensure_future(self._ask_meta(key, task, mode, meta, client)))
            shared.task.add_done_callback(partial(self._forget, key, shared))
        shared.waiting += 1
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(shared.task)
        except TimeoutError:
            raise TimedOut(f"the model of task {task.id} has not told its output meta within {limit_s:g} s") from None
        finally:
            shared.waiting -= 1
            if not shared.waiting:  # who asks from now on asks anew: a cancelled question ends some steps later
                self._forget(key, shared, shared.task)
                shared.task.cancel()

    async def _ask_meta(self, key: _Key, task: Task, mode: Any, meta: Any, client: str) -> dict[str, Any]:
        data = {"request_type": GET_OUT_META, "meta": meta, "mode": mode}
        said, _ = await self.ask(task, data, client=client, limit_s=MOST_LIMIT_S)
        found = said.get("out_meta")
        if type(found) is not dict:
            raise ModelFailed("the model's answer has no out_meta, which would be the meta of a project")
        if len(encode(found)) <= _META_BYTES:
            self._metas[key] = found
        return found

    def _forget(self, key: _Key, shared: _Shared, done: asyncio.Future[Any]) -> None:
        if self._asking.get(key) is shared:
            del self._asking[key]
        if done.done() and not done.cancelled():
            done.exception()  # retrieved, also where nobody waits any more

    async def infer(
        self, task: Task, data: Mapping[str, Any], *, image: bytes | None, client: str, limit_s: float
    ) -> tuple[dict[str, Any], dict[str, Any], Durations]:
        """(annotation, meta of the answer, durations) of one image."""
        asking = self.ask(task, data, image=image, client=client, limit_s=limit_s)
        meta = self._metas.get(_key(task, data["mode"], data["meta"]))
        if meta is not None:
            annotation, took = await asking
        else:
            naming = self.output_meta(task, data["mode"], data["meta"], client=client, limit_s=limit_s)
            try:
                async with asyncio.TaskGroup() as group:
                    asked, named = group.create_task(asking), group.create_task(naming)
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
            (annotation, took), meta = asked.result(), named.result()
        if type(annotation.get("objects")) is not list or type(annotation.get("size")) is not dict:
            raise ModelFailed("the model's answer is no annotation: it lacks size or objects")
        return annotation, meta, took


def _key(task: Task, mode: Any, meta: Any) -> _Key:
    return task.id, hashlib.sha256(encode([mode, meta])).hexdigest()


def _has_been_deployed(task: Task) -> bool:
    """Whether it serves the model, or a further attempt is about to."""
    return task.status is TaskStatus.DEPLOYED or (task.attempt > 1 and task.status is not TaskStatus.TERMINATING)


def read_answer(content: bytes) -> dict[str, Any]:
    """The object that a model answered, without `success`. ModelFailed for its error, and for anything else. Pure."""
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise ModelFailed(f"the model's answer has more than {MOST_VALUES:,} values")
    try:
        said: Any = orjson.loads(content)
    except ValueError:
        try:
            said = read_lenient(content.decode())  # Python may have written NaN, which becomes null
        except ValueError as error:
            raise ModelFailed(f"the model's answer is no JSON: {error}") from None
    if type(said) is not dict:
        raise ModelFailed("the model's answer is no JSON object")
    if said.pop("success", True) is not True:
        trace = _traceback(said.get("error"))
        raise ModelFailed(f"the model could not answer: {_words_of(trace)[:_WORDS]}", traceback=trace)
    return said


def _words_of(trace: str) -> str:
    """The exception at the end of a traceback, to the end of its first paragraph; of any other text the last line."""
    lines = [line.rstrip() for line in trace.splitlines()]
    if _TRACE in lines:
        lines = lines[len(lines) - lines[::-1].index(_TRACE) :]
        said = itertools.dropwhile(lambda line: line.startswith(" "), lines)
        if words := " ".join(line.strip() for line in itertools.takewhile(bool, said)):
            return words
    return next((line.strip() for line in reversed(lines) if line.strip()), "it does not say why")


def _traceback(error: Any) -> str:
    """The plugin's words: JSON of a text, as the SDK writes it, or the text itself."""
    try:
        said = json.loads(error) if isinstance(error, str) else error
    except ValueError:
        said = error
    return said if isinstance(said, str) else "" if said is None else json.dumps(said)


def durations(times: Times) -> Durations:
    """Of a request that is answered. Pure."""
    answered = times.answered or times.asked
    sent = times.sent or answered
    fetched = times.fetched or sent
    answering = times.answering or answered
    return Durations(
        queue_s=sent - times.asked,
        transfer_s=fetched - sent + answered - answering,
        model_s=max(0.0, answering - fetched),
        total_s=answered - times.asked,
    )

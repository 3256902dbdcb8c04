"""Deployed models, asked over REST and the public API, served by the SDK itself over real connections."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from agent.artifacts import Artifacts
from agent.domain import NewModel, Task, TaskStatus
from agent.store import Store
from tests.support.demo_store import Library
from tests.support.played_model import DIES, FAILS, HANGS, PlayedModel, ServedModel, deployed_task, png
from tests.support.web_server import TOKEN, Server
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.frames import frame

API = "/public/api/v3"
Play = Callable[..., PlayedModel]
NO_META: dict[str, Any] = {"classes": [], "tags": []}
MODE = {"name": "full_image", "model_classes": {"add_suffix": "_seen", "save_classes": "__all__"}}
CORNER = {"exterior": [[0, 0], [4, 3]], "interior": []}


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(models_bridge=False)


@pytest.fixture
def task(store: Store, library: Library) -> Task:
    return deployed_task(store, library.plugin_id, library.model_id)


@pytest.fixture
def serve(server: Server, store: Store) -> Iterator[Callable[[Task], ServedModel]]:
    models: list[ServedModel] = []

    def start(task: Task) -> ServedModel:
        models.append(ServedModel(server.url, store.tokens.create_for_task(task.id), task.id))
        return models[-1]

    yield start
    for model in models:
        model.kill()


@pytest.fixture
def play(server: Server) -> Iterator[Callable[..., PlayedModel]]:
    """play(token, task id for the header or None, another address): a model that the test plays."""
    models: list[PlayedModel] = []

    def start(token: str, task_id: int | None = None, *, url: str = server.url) -> PlayedModel:
        models.append(PlayedModel(url, token, task_id))
        return models[-1]

    yield start
    for model in models:
        model.close()


@pytest.fixture
def played(play: Play, store: Store, task: Task) -> PlayedModel:
    return play(store.tokens.create_for_task(task.id))


def infer(client: httpx2.Client, library: Library, image: bytes | None = None, **fields: Any) -> httpx2.Response:
    files: dict[str, Any] = {name: (None, str(value)) for name, value in fields.items()}
    if image is not None:
        files["image"] = ("a.png", image)
    return client.post(f"/api/models/{library.model_id}/infer", files=files, timeout=60)


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    said = answer.json()
    return answer.status_code, said["details"]["reason"], said["error"]


def wait_for(condition: Callable[[], Any], limit_s: float = 20) -> Any:
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
    return found


def serving(person: httpx2.Client, library: Library) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get(f"/api/models/{library.model_id}/deployed").json()["tasks"]
    return found


# ---------------------------------------------------------------- the SDK serves


def test_a_model_answers_about_bytes_and_about_images_of_the_library(
    store: Store, person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    serve(task)
    said = infer(person, library, png()).json()
    assert (said["task"], said["width"], said["height"]) == (task.id, 12, 8)
    assert [(o["classTitle"], o["points"]) for o in said["annotation"]["objects"]] == [("thing_model", CORNER)]
    assert [one["title"] for one in said["meta"]["classes"]] == ["thing_model"]
    assert "success" not in said["annotation"]
    times = said["times"]
    assert times["total_s"] == pytest.approx(times["queue_s"] + times["transfer_s"] + times["model_s"])

    image = next(store.images.of_dataset(store.datasets.list(library.project_id)[0].id))
    stored = infer(person, library, image_id=image.id, mode=json.dumps(MODE)).json()
    assert (stored["width"], stored["height"]) == (64, 48)
    assert [one["classTitle"] for one in stored["annotation"]["objects"]] == ["thing_seen"]

    meta = person.get(f"/api/models/{library.model_id}/output_meta", params={"mode": json.dumps(MODE)}).json()["meta"]
    assert [one["title"] for one in meta["classes"]] == ["thing_seen"]


def test_the_public_api_gives_the_answer_of_the_model(
    store: Store, person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    serve(task)
    assert person.post(f"{API}/models.info.deployed", json={"id": library.model_id}).json() == [{"id": task.id}]
    data: dict[str, Any] = {
        "request_type": "inference",
        "meta": {"classes": [], "tags": []},
        "annotation": None,
        "mode": {},
    }
    form: Any = {"id": (None, str(library.model_id)), "data": (None, json.dumps(data)), "image": ("img", png())}
    said = person.post(f"{API}/models.infer", files=form).json()
    assert (said["success"], said["size"], len(said["objects"])) == (True, {"width": 12, "height": 8}, 1)

    image = next(store.images.of_dataset(store.datasets.list(library.project_id)[0].id))
    data["image_hash"] = base64.b64encode(bytes.fromhex(image.sha256)).decode()
    by_hash = person.post(f"{API}/models.infer", json={"id": library.model_id, "data": data}).json()
    assert by_hash["size"] == {"width": 64, "height": 48}
    data["image_hash"] = base64.b64encode(bytes(32)).decode()
    nobody = person.post(f"{API}/models.infer", json={"id": library.model_id, "data": data})
    assert nobody.status_code == 422
    assert "no image with this hash is stored here" in nobody.json()["error"]

    meta = {"id": library.model_id, "data": {"request_type": "get_out_meta", "meta": {"classes": [], "tags": []}}}
    found = person.post(f"{API}/models.infer", json=meta).json()
    assert (found["success"], found["out_meta"]["classes"][0]["title"]) == (True, "thing_model")


def test_a_question_reads_nothing_that_is_known_and_a_revoked_token_is_known_at_once(
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    store: Store,
    library: Library,
    task: Task,
    serve: Callable[[Task], ServedModel],
) -> None:
    serve(task)
    token, secret = store.tokens.create("notebook")
    reads: Counter[str] = Counter()

    def counted(part: Any, name: str) -> None:
        read = getattr(part, name)
        monkeypatch.setattr(part, name, lambda *given: (reads.update([name]), read(*given))[1])

    with server.client() as client:
        client.headers["x-api-key"] = secret
        assert infer(client, library, png()).status_code == 200
        for part, name in ((store.tokens, "find"), (store.tasks, "serving"), (store.models, "get")):
            counted(part, name)
        for _ in range(10):
            assert infer(client, library, png()).status_code == 200
        assert all(times < 10 for times in reads.values()), reads  # a look each second, and none for each question

        assert infer(client, library, png(), task=task.id + 1).status_code == 404  # as asked by its route
        store.tokens.revoke(token.id)
        assert infer(client, library, png()).status_code == 401
    with server.client() as client:
        store.tasks.become(task.id, TaskStatus.STOPPED)
        assert infer(client, library, png()).status_code in (409, 410)


def test_an_error_of_the_model_comes_in_the_plugins_words(
    person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    serve(task)
    answer = infer(person, library, png(FAILS))
    assert refusal(answer) == (422, "model_error", "the model could not answer: ValueError: no fruit in sight: Ж")
    assert "Traceback" in answer.json()["details"]["traceback"]
    wrong_mode = infer(person, library, png(), mode='{"name": "sideways"}')
    assert refusal(wrong_mode)[:2] == (422, "model_error")
    assert infer(person, library, png()).status_code == 200  # it serves on
    data: dict[str, Any] = {"request_type": "inference", "meta": None, "annotation": None, "mode": {}}
    form: Any = {"id": (None, str(library.model_id)), "data": (None, json.dumps(data)), "image": ("img", png(FAILS))}
    assert refusal(person.post(f"{API}/models.infer", files=form))[:2] == (422, "model_error")


def test_a_model_that_dies_is_asked_again_when_it_comes_back(
    server: Server, person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    model = serve(task)
    model.pause()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(infer, person, library, png((9, 9, n))) for n in range(12)]
        wait_for(lambda: serving(person, library)[0]["waiting"])
        model.kill()
        wait_for(lambda: not serving(person, library)[0]["is_ready"])
        serve(task)
        assert [one.result().status_code for one in asked] == [200] * 12
    assert serving(person, library) == [
        {**serving(person, library)[0], "is_ready": True, "waiting": 0, "running": 0, "agent": "here"}
    ]


def test_an_image_that_ends_the_process_is_no_end_for_others(
    person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    """As long as somebody waits for its answer, it is asked about again; then no more."""
    model = serve(task)
    assert refusal(infer(person, library, png(DIES), limit_s=0.5))[:2] == (504, "timed_out")
    model.process.wait(20)
    serve(task)
    assert infer(person, library, png()).status_code == 200


def test_a_request_that_ends_every_model_is_refused_and_ends_no_fourth(
    person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(infer, person, library, png(DIES), limit_s=60)
        for _ in range(3):
            wait_for(lambda: sum(serving(person, library)[0][key] for key in ("waiting", "running")) > 0)
            serve(task).process.wait(20)
        serve(task)
        status, reason, sentence = refusal(waiting.result())
        assert (status, reason) == (422, "model_error")
        assert "3 times while it worked on this request" in sentence
    assert infer(person, library, png()).status_code == 200


def test_a_model_that_hangs_is_a_timeout(
    person: httpx2.Client, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    serve(task)
    assert refusal(infer(person, library, png(HANGS), limit_s=0.5)) == (
        504,
        "timed_out",
        f"the model of task {task.id} has had the request, and has not answered within 0.5 s",
    )
    for _ in range(8):
        infer(person, library, png(), limit_s=0.01)
    assert "was busy with other requests" in refusal(infer(person, library, png(), limit_s=0.01))[2]


def test_three_hundred_at_once_are_answered_or_told_to_come_again(
    server: Server, library: Library, task: Task, serve: Callable[[Task], ServedModel]
) -> None:
    serve(task)
    limits = httpx2.Limits(max_connections=300)
    with server.client(limits=limits) as client, ThreadPoolExecutor(300) as pool:
        answers = list(pool.map(lambda n: infer(client, library, png((9, n % 250, 9))), range(300)))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {200, 429}
    assert counts[200] >= 256
    assert all(refusal(answer)[1] == "too_many" for answer in answers if answer.status_code == 429)


# ---------------------------------------------------------------- who is asked


def test_a_model_that_is_not_deployed_is_refused_with_the_way_to_deploy_it(
    store: Store, person: httpx2.Client, library: Library
) -> None:
    status, reason, sentence = refusal(infer(person, library, png()))
    assert (status, reason) == (409, "not_deployed")
    assert f"agent deploy --model {library.model_id}" in sentence
    waits = deployed_task(store, library.plugin_id, library.model_id, to="started")
    assert f"task {waits.id} (started)" in refusal(infer(person, library, png()))[2]
    assert refusal(infer(person, library, png(), task=waits.id + 7))[:2] == (404, "not_found")
    store.tasks.become(waits.id, TaskStatus.ERROR, reason="plugin_exit", agent_id="here:1")
    assert "does not serve model" in refusal(infer(person, library, png(), task=waits.id))[2]
    assert serving(person, library) == []


def test_a_model_is_deployed_over_rest_and_by_the_public_api(
    store: Store, person: httpx2.Client, library: Library
) -> None:
    asked = {"settings": {"gpu_device": 1}, "engine": "process", "gpus": "none", "restarts": 2, "idle_limit_s": 60}
    answer = person.post(f"/api/models/{library.model_id}/deploy", json=asked)
    assert answer.status_code == 201, answer.text
    task = store.tasks.get(answer.json()["id"])
    assert (task.type.value, task.project_id, task.config) == ("deploy", None, {"gpu_device": 1})
    options = task.options
    assert (options.engine, options.gpus, options.restarts, options.idle_limit_s) == ("process", "none", 2, 60)
    assert serving(person, library)[0] | {"created_at": ""} == {
        "id": task.id,
        "status": "queued",
        "is_ready": False,
        "waiting": 0,
        "running": 0,
        "agent": None,
        "created_at": "",
    }

    body = {"agentId": None, "modelId": library.model_id, "restartPolicy": "on_error", "settings": {"gpu_device": 0}}
    made = person.post(f"{API}/tasks.run.deploy", json={**body, "pluginId": None, "version": None}).json()
    task = store.tasks.get(made["taskId"])
    assert (task.config, task.options.restarts) == ({"gpu_device": 0}, 5)
    old = {"taskType": "inference_rpc", "projects": [], "models": [library.model_id], "config": {}}
    made = person.post(f"{API}/tasks.run.plugin", json={**old, "pluginId": library.plugin_id}).json()
    assert store.tasks.get(made["taskId"]).type.value == "deploy"


def test_a_model_for_transfer_learning_is_not_deployed(store: Store, person: httpx2.Client, library: Library) -> None:
    known = store.models.get(library.model_id)
    new = NewModel("start only", known.sha256, known.size_bytes, {}, only_train=True, provenance=known.provenance)
    model = store.models.add(new)
    for method, body in (
        (f"{API}/tasks.run.deploy", {"modelId": model.id, "restartPolicy": "never", "settings": {}}),
        (f"/api/models/{model.id}/deploy", {}),
    ):
        answer = person.post(method, json=body)
        assert answer.status_code == 400
        assert "transfer learning" in answer.json()["error"]


def test_of_several_tasks_the_one_with_least_to_do_is_asked(
    store: Store,
    server: Server,
    person: httpx2.Client,
    library: Library,
    task: Task,
    played: PlayedModel,
    play: Play,
) -> None:
    other = deployed_task(store, library.plugin_id, library.model_id)
    with ThreadPoolExecutor(2) as pool, played.requests() as requests:
        next(requests)
        first = pool.submit(infer, person, library, png())
        ids = [next(one for one in requests if one is not None).request_id for _ in range(2)]
        assert {id_.partition("-")[0] for id_ in ids} == {str(task.id)}  # the other one is not connected
        model = play(store.tokens.create_for_task(other.id))
        with model.requests() as others:
            next(others)
            wait_for(lambda: serving(person, library)[1]["is_ready"])
            second = pool.submit(infer, person, library, png(), limit_s=0.3)
            assert next(one for one in others if one is not None).request_id.startswith(f"{other.id}-")
            assert second.result().status_code == 504
        store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished", agent_id="here:1")
        assert refusal(first.result())[:2] == (410, "gone")


# ---------------------------------------------------------------- a model that is played


def question(requests: Any, kind: str = "inference") -> tuple[str, dict[str, Any]]:
    """The next request of this kind."""
    for one in requests:
        if one is not None and (data := json.loads(one.data))["request_type"] == kind:
            return one.request_id, data
    raise AssertionError("the stream has ended")


EMPTY = {"size": {"width": 12, "height": 8}, "objects": [], "tags": [], "success": True}
META = {"out_meta": {"classes": [], "tags": []}, "success": True}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def ask(client: httpx2.Client, library: Library, image: bytes | None = None, limit: float | None = None) -> Any:
    """By the public API, which asks one thing at a time."""
    data: dict[str, Any] = {"request_type": "inference", "meta": {}, "annotation": None, "mode": {"a": 1}}
    form: Any = {
        "id": (None, str(library.model_id)),
        "data": (None, json.dumps(data)),
        "image": ("img", image or png()),
    }
    return client.post(f"{API}/models.infer", files=form, timeout=limit or 60)


def test_repeated_foreign_and_unknown_answers_change_nothing(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    with played.requests() as requests:
        next(requests)
        first, second = (pool.submit(ask, person, library) for _ in range(2))
        (one, data), (other, _) = question(requests), question(requests)
        assert data == {"request_type": "inference", "meta": {}, "annotation": None, "mode": {"a": 1}}
        (chunk,) = played.image(one)
        assert (chunk.buffer, chunk.total_size, chunk.error) == (png(), len(png()), "")
        for unknown in ("", "no such", f"{one}0", "99-00"):
            sent = played.answer(unknown, EMPTY)
            assert (sent.status_code, sent.content) == (200, b"")
        assert played.answer(one, EMPTY | {"tags": [1]}).status_code == 200
        assert played.answer(one, EMPTY | {"tags": [2]}).status_code == 200
        assert played.answer(other, {"success": False, "error": "words"}).status_code == 200
        answers = [first.result(), second.result()]
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        assert [answer.json()["tags"] for answer in answers if answer.status_code == 200] == [[1]]
        (gone,) = played.image(one)
        assert "nobody waits for its answer" in gone.error


def test_broken_answers_fail_their_request_at_once(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    cases = [
        (b"\0\0\0\x09abc", "ends inside a frame"),
        (b"\xff\xff\xff\xff", "4,294,967,295 bytes"),
        (b"\0\0\0\x02\x0a\xff", "no Chunk message"),
    ]
    with played.requests() as requests:
        next(requests)
        for body, words in cases:
            asked = pool.submit(ask, person, library)
            request_id, _ = question(requests)
            assert played.send(request_id, body).status_code == 400
            status, reason, sentence = refusal(asked.result())
            assert (status, reason) == (422, "model_error")
            assert words in sentence
        for value, words in (
            (b"not json", "no JSON"),
            (b"[]", "no JSON object"),
            ({"success": False, "error": json.dumps("Traceback\n  x\nKeyError: 'a'\n")}, "KeyError: 'a'"),
            ({"success": False}, "does not say why"),
            ({"success": "maybe", "error": {"a": 1}}, '{"a": 1}'),
        ):
            asked = pool.submit(ask, person, library)
            assert played.answer(question(requests)[0], value).status_code == 200
            assert words in refusal(asked.result())[2]
        asked = pool.submit(ask, person, library)
        assert played.answer(question(requests)[0], b'{"score": NaN, "success": true}').status_code == 200
        assert asked.result().json() == {"score": None, "success": True}


def test_an_answer_that_is_too_large_or_of_another_size_fails_its_request(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    part = frame(api.Chunk(buffer=b" " * (1 << 20), total_size=65 << 20))
    with played.requests() as requests:
        next(requests)
        asked = pool.submit(ask, person, library)
        sent = played.send(question(requests)[0], (part for _ in range(65)))
        assert sent.status_code == 413
        assert "larger than the 64 MiB" in refusal(asked.result())[2]
        asked = pool.submit(ask, person, library)
        assert played.send(question(requests)[0], part).status_code == 400
        assert "announced" in refusal(asked.result())[2]


def test_a_body_without_end_is_refused_also_where_nobody_waits_for_it(played: PlayedModel) -> None:
    answer = played.send("1-unknown", (bytes(1 << 20) for _ in range(90)))
    assert (answer.status_code, answer.json()["details"]["reason"]) == (413, "too_large")


def test_an_answer_with_a_wrong_schema_is_the_models_error(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    with played.requests() as requests:
        next(requests)
        asked = pool.submit(infer, person, library, png())
        for _ in range(2):
            request_id, data = question_of_any(requests)
            played.answer(request_id, META if data["request_type"] == "get_out_meta" else {"objects": 1})
        assert "is no annotation" in refusal(asked.result())[2]
        asked = pool.submit(person.get, f"/api/models/{library.model_id}/output_meta", params={"mode": '{"b": 1}'})
        played.answer(question(requests, "get_out_meta")[0], {"out_meta": []})
        assert "no out_meta" in refusal(asked.result())[2]


def question_of_any(requests: Any) -> tuple[str, dict[str, Any]]:
    one = next(one for one in requests if one is not None)
    return one.request_id, json.loads(one.data)


def test_requests_in_flight_come_again_in_a_new_stream_and_the_old_one_ends(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    with played.requests() as old:
        next(old)
        asked = pool.submit(ask, person, library)
        request_id, _ = question(old)
        with played.requests() as new:
            assert question(new)[0] == request_id
            with pytest.raises(httpx2.RemoteProtocolError):  # broken off, not ended
                list(old)
            assert played.answer(request_id, EMPTY).status_code == 200
            assert asked.result().status_code == 200


def test_a_client_that_leaves_takes_its_request_along(
    server: Server, person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    leaving = [server.client() for _ in range(10)]
    asked = [pool.submit(_left, client, library) for client in leaving[:8]]
    wait_for(lambda: serving(person, library)[0]["waiting"] == 8)
    for client in leaving:
        client.close()
    for one in asked:
        assert one.result() is None
    wait_for(lambda: serving(person, library)[0]["waiting"] == 0)
    with played.requests() as requests:
        next(requests)
        last = pool.submit(ask, person, library)
        played.answer(question(requests)[0], EMPTY)
        assert last.result().status_code == 200


def _left(client: httpx2.Client, library: Library) -> httpx2.Response | None:
    try:
        return ask(client, library, limit=0.5)
    except (httpx2.HTTPError, RuntimeError, OSError):
        return None


def test_a_short_image_comes_with_its_request_where_the_model_says_that_it_takes_it(
    person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    def images(count: int, *sent: bytes) -> list[bytes]:
        with played.requests() as requests:
            next(requests)
            asked = [pool.submit(ask, person, library, image) for image in sent]
            came = [next(one for one in requests if one is not None) for _ in range(count)]
            for one in came:
                played.answer(one.request_id, EMPTY)
            assert {one.result().status_code for one in asked} == {200}
        return sorted(one.image for one in came)

    assert images(1, png()) == [b""]
    played.calls.http.headers["x-takes-images"] = "1"
    assert images(2, png(), png() + bytes(1 << 20)) == [b"", png()]


def test_a_large_image_comes_in_parts_and_a_larger_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    person: httpx2.Client,
    library: Library,
    played: PlayedModel,
    pool: ThreadPoolExecutor,
) -> None:
    image = png() + bytes(3 << 20)
    with played.requests() as requests:
        next(requests)
        asked = pool.submit(ask, person, library, image)
        request_id, _ = question(requests)
        chunks = played.image(request_id)
        assert [len(chunk.buffer) for chunk in chunks] == [1 << 20] * 3 + [len(png())]
        assert b"".join(chunk.buffer for chunk in chunks) == image
        assert {chunk.total_size for chunk in chunks} == {len(image)}
        played.answer(request_id, EMPTY)
        assert asked.result().status_code == 200
    monkeypatch.setattr("web_stub.questions.IMAGE_BYTES", 3 << 20)
    assert refusal(infer(person, library, image))[:2] == (413, "too_large")
    assert refusal(infer(person, library, b"GIF89a"))[:2] == (400, "bad_input")
    cases: list[dict[str, Any]] = [{}, {"image_id": 1, "image": png()}]
    for fields in cases:
        assert refusal(infer(person, library, **fields))[:2] == (400, "bad_input")
    for name, value in (("mode", "[]"), ("mode", "{"), ("limit_s", "nan"), ("limit_s", "-1"), ("task", "x"), ("x", 1)):
        assert refusal(infer(person, library, png(), **{name: value}))[:2] == (400, "bad_input")


def test_images_of_the_library_come_by_their_hashes_and_other_blobs_do_not(
    store: Store, artifacts: Artifacts, library: Library, played: PlayedModel
) -> None:
    image = next(store.images.of_dataset(store.datasets.list(library.project_id)[0].id))
    model = store.models.get(library.model_id)
    names = [base64.b64encode(bytes.fromhex(sha)).decode() for sha in (image.sha256, model.sha256, "00" * 32)]
    found = played.image_by_hash(*names, "no hash")
    with artifacts.open(image.sha256) as file:
        assert (found[0].chunk.buffer, found[0].image.hash) == (file.read(), names[0])
    assert [part.chunk.error.partition(": ")[2] for part in found] == [
        "",
        "this is the hash of no image",
        "no image with this hash is stored here",
        "no image with this hash is stored here",
    ]


def test_the_end_of_the_task_ends_its_requests_and_its_stream(
    store: Store, person: httpx2.Client, library: Library, task: Task, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    with played.requests() as requests:
        next(requests)
        sent = pool.submit(ask, person, library)
        question(requests)
        store.tasks.become(task.id, TaskStatus.ERROR, reason="plugin_exit", message="It broke.", agent_id="here:1")
        status, reason, sentence = refusal(sent.result())
        assert (status, reason) == (410, "gone")
        assert sentence == f"Task {task.id}, which served the model, has ended (error): It broke."
        with pytest.raises(httpx2.RemoteProtocolError):
            list(requests)
    assert played.calls.post("GetGeneralEventsStream").status_code == 401


def test_the_end_of_the_server_breaks_streams_off_and_tells_those_who_wait(
    server: Server, person: httpx2.Client, library: Library, played: PlayedModel, pool: ThreadPoolExecutor
) -> None:
    with played.requests() as requests:
        next(requests)
        asked = pool.submit(infer, person, library, png())
        question(requests)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert refusal(asked.result())[:2] == (503, "interrupted")
        with pytest.raises(httpx2.RemoteProtocolError):
            list(requests)
        stopping.join()


# ---------------------------------------------------------------- rights


def test_a_key_opens_the_calls_of_its_own_model_and_nothing_else(
    store: Store,
    server: Server,
    person: httpx2.Client,
    library: Library,
    task: Task,
    played: PlayedModel,
    play: Play,
) -> None:
    other = deployed_task(store, library.plugin_id, library.model_id)
    key = played.calls.http.headers["x-token"]
    assert play(key, other.id).calls.post("GetGeneralEventsStream").status_code == 403
    assert play(key, task.id).calls.post("DownloadImages").status_code == 200
    for method in ("GetNewTask", "Log", "AgentConnected", "AgentPing", "nothing"):
        assert played.calls.post(method).status_code == 401
    with httpx2.Client(base_url=server.url, headers={"x-api-key": key}) as thief:
        for path in ("/api/tasks", f"{API}/models.list", f"{API}/GetTaskContext", "/api/models/1/infer"):
            assert thief.post(path, json={}).status_code == 401
    with httpx2.Client(base_url=server.url, headers={"x-token": TOKEN}) as stranger:
        assert stranger.post("/agent/GetGeneralEventsStream").status_code == 401


def test_the_token_of_an_original_agent_opens_the_models_it_holds(
    store: Store,
    server: Server,
    person: httpx2.Client,
    library: Library,
    task: Task,
    pool: ThreadPoolExecutor,
    play: Play,
) -> None:
    token, secret = store.tokens.create("old box", is_agent=True)
    agent = f"old box:original:{token.id}"
    held = deployed_task(store, library.plugin_id, library.model_id, agent)
    store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished", agent_id="here:1")
    for wrong, status in ((task.id, 403), (held.id + 50, 403), (None, 400)):
        assert play(secret, wrong).calls.post("GetGeneralEventsStream").status_code == status
    model = play(secret, held.id)
    with model.requests() as requests:
        next(requests)
        asked = pool.submit(ask, person, library)
        request_id, _ = question(requests)
        without_header = play(secret)
        assert without_header.image(request_id)[0].buffer == png()
        assert model.answer(request_id, EMPTY).status_code == 200
        assert asked.result().status_code == 200
        store.tasks.become(held.id, TaskStatus.FINISHED, reason="finished", agent_id=agent)
        with pytest.raises(httpx2.RemoteProtocolError):
            list(requests)
    assert model.calls.post("GetGeneralEventsStream").status_code == 410


# ---------------------------------------------------------------- the way of containers


def _until_it_listens(address: str, port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("comes_later", [False, True])
def test_containers_reach_the_protocol_at_an_address_of_its_own(
    comes_later: bool,
    monkeypatch: pytest.MonkeyPatch,
    store: Store,
    library: Library,
    task: Task,
    start_server: Callable[..., Server],
    play: Play,
) -> None:
    later: Iterator[str | None] = iter([None] if comes_later else [])
    monkeypatch.setattr("web_stub.listener.bridge_address", lambda: next(later, "127.0.0.77"))
    monkeypatch.setattr("web_stub.server._BRIDGE_TICKS", 1)
    server = start_server()
    if comes_later:  # Docker was started after the web
        _until_it_listens("127.0.0.77", int(server.url.rpartition(":")[2]))
    bridge = server.url.replace("127.0.0.1", "127.0.0.77")
    model = play(store.tokens.create_for_task(task.id), url=bridge)
    with model.requests() as requests:
        assert next(requests) is None
    with httpx2.Client(base_url=bridge, headers={"x-api-key": TOKEN}) as client:
        for path in ("/", "/login", "/api/tasks", f"{API}/teams.list", "/assets/style.css", "/health", "/agents"):
            assert client.get(path).status_code == 404
        assert client.post("/agent/GetNewTask").status_code == 401
        assert client.post("/agent/GetNewTask", headers={"host": "evil.example"}).status_code == 400
    with httpx2.Client(base_url=server.url, headers={"x-api-key": TOKEN}) as client:
        assert client.get("/api/tasks").status_code == 200


def test_a_bridge_that_cannot_be_had_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, start_server: Callable[..., Server]
) -> None:
    monkeypatch.setattr("web_stub.listener.bridge_address", lambda: "203.0.113.7")  # of no machine
    with start_server().client() as client:
        assert client.get("/api/tasks").status_code == 200
    assert "deployed models in containers cannot reach this web" in caplog.text
    caplog.clear()
    start_server(models_bridge=False)
    assert caplog.text == ""


def test_fields_that_are_wrong_are_named_in_plain_words(person: httpx2.Client, library: Library, task: Task) -> None:
    for fields, words in (
        ({"mode": '{"name": "roi"'}, "mode is no JSON: EOF while parsing"),
        ({"mode": "[]"}, "mode is no JSON object"),
        ({"mod": "{}"}, "there is no field 'mod'"),
        ({"limit_s": "0", "meta": "5"}, "meta is no JSON object; limit_s: Input should be greater"),
    ):
        status, _, sentence = refusal(infer(person, library, png(), **fields))
        assert (status, sentence[: len(words)]) == (400, words)
    said = person.post(f"/api/models/{library.model_id}/infer", json={"image_id": 1, "mode": 5})
    assert refusal(said)[2] == "mode is no JSON object"
    said = person.post("/api/predictions", json={"project": "p", "name": "n", "annotation": "{", "meta": {}})
    assert refusal(said)[2].startswith("annotation is no JSON: EOF")

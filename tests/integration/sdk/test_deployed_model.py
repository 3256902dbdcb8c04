"""A deployed model, and the server that it answers, over real connections."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted.deploy import ModelDeploy
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.sly_logger import EventType, logger
from supervisely_lib.worker_api import agent_api
from supervisely_lib.worker_api.agent_api import AgentAPI
from supervisely_lib.worker_api.agent_rpc import SimpleCache, download_data_from_remote
from supervisely_lib.worker_api.connection import ConnectionFailed, RequestRefused
from supervisely_lib.worker_api.messages import Empty
from supervisely_lib.worker_api.retrying import DATA_OUT, ENDLESS
from supervisely_lib.worker_api.rpc_servicer import (
    AgentRPCServicer,
    ConnectionClosedByServerException,
    SmarttoolRPCServicer,
)
from tests.integration.sdk.conftest import Lines, TaskFolder
from tests.support.rpc_server import (
    CUT,
    END,
    KEEP_ALIVE,
    WAIT_S,
    ProtocolServer,
    chunk,
    chunks_of,
    event,
    image_chunk,
)

THING = ObjClass("thing", Rectangle)
PING_FIRST = b'{"error": "Agent should call AgentConnected or AgentPing before attempting any other request"}'
META = {"classes": [], "tags": [{"name": "train", "value_type": "none", "color": "#010203"}]}


class Model:
    """Finds a thing in each image, and remembers the images by their first value."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    @property
    def model_out_meta(self) -> ProjectMeta:
        return self.get_out_meta()

    def get_out_meta(self) -> ProjectMeta:
        return ProjectMeta(obj_classes=ObjClassCollection([THING]))

    def inference(self, image: Any, ann: Any) -> Annotation:
        self.seen.append(int(image[0, 0, 0]))
        if self.seen[-1] == 255:
            raise RuntimeError("the model broke")
        return Annotation(image.shape[:2], [Label(Rectangle(0, 0, 1, 2), THING)])


def png(value: int) -> bytes:
    out = BytesIO()
    Image.fromarray(np.full((5, 7, 3), value, dtype=np.uint8)).save(out, "png")
    return out.getvalue()


@pytest.fixture
def server() -> Iterator[ProtocolServer]:
    with ProtocolServer() as started:
        yield started


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which the model would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(agent_api, "sleep", waited.append)
    return waited


def serve_all(server: ProtocolServer, model: Any, servicer: Any = AgentRPCServicer) -> dict[str, Any]:
    """Request → answer, of all requests until the server has closed."""
    connection = {"server_address": server.address, "token": "secret", "task_id": 12}
    with pytest.raises(ConnectionClosedByServerException, match="ended the stream of requests"):
        servicer(logger, model, connection, SimpleCache(2)).run_inf_loop()
    return server.answered()


def titles(answer: Any) -> list[str]:
    return [item["classTitle"] for item in answer["objects"]]


def test_a_model_says_that_it_is_ready_and_answers_with_annotations(server: ProtocolServer, lines: Lines) -> None:
    ann = {"size": {"height": 5, "width": 7}, "tags": ["train"], "objects": [], "description": ""}
    mode = {"name": "full_image", "model_classes": {"add_suffix": "_new"}}
    server.images = {"a": [chunk(png(1)), END], "b": [chunk(png(2)[:9], len(png(2))), chunk(png(2)[9:]), END]}
    server.streams = [
        [event("a", b""), event("b", {"request_type": "inference", "meta": META, "annotation": ann, "mode": mode}), END]
    ]
    model = Model()
    answers = serve_all(server, model)

    assert model.seen == [1, 2]
    assert (answers["a"]["success"], titles(answers["a"])) == (True, ["thing_model"])
    assert answers["a"]["size"] == {"height": 5, "width": 7}
    assert (answers["b"]["success"], titles(answers["b"])) == (True, ["thing_new"])
    assert [tag["name"] for tag in answers["b"]["tags"]] == ["train"]
    assert [item["msg"] for item in lines.events(EventType.TASK_DEPLOYED)] == ["Ready to get events"]
    assert "secret" not in "".join(str(vars(record)) for record in lines.records)


def test_requests_have_the_headers_of_the_protocol(server: ProtocolServer) -> None:
    server.images = {"r 1": [chunk(png(1)), END]}
    server.streams = [[event("r 1", {}), END]]
    serve_all(server, Model())

    for call in server.calls:
        assert call.headers["content-type"] == "application/octet-stream"
        assert call.headers["accept-encoding"] == "deflate"
        assert (call.headers["x-token"], call.headers["x-task-id"]) == ("secret", "12")
    of_request = [call for call in server.calls if call.headers.get("x-request-id") == "r 1"]
    assert [call.method for call in of_request] == ["GetGeneralEventData", "SendGeneralEventData"]
    assert [call.headers.get("transfer-encoding") for call in of_request] == [None, "chunked"]
    assert {call.method for call in server.calls if call not in of_request} == {"GetGeneralEventsStream"}


def test_an_image_that_comes_with_its_request_is_not_asked_for(server: ProtocolServer) -> None:
    server.images = {"other": [chunk(png(2)), END]}
    server.streams = [[event("own", {}, png(1)), event("other", {}), END]]
    model = Model()
    answers = serve_all(server, model)

    assert model.seen == [1, 2]
    assert answers["own"]["success"]
    assert answers["other"]["success"]
    assert server.calls[0].headers["x-takes-images"] == "1"
    asked = [call.headers["x-request-id"] for call in server.calls if call.method == "GetGeneralEventData"]
    assert asked == ["other"]


def test_the_classes_of_the_answers_are_asked_for_without_an_image(server: ProtocolServer) -> None:
    server.streams = [[event("m", {"request_type": "get_out_meta", "meta": META, "mode": {}}), END]]
    answer = serve_all(server, Model())["m"]

    assert answer["success"]
    assert [item["title"] for item in answer["out_meta"]["classes"]] == ["thing_model"]
    assert "GetGeneralEventData" not in server.methods()


def test_an_image_that_is_named_by_its_hash_is_downloaded_once(server: ProtocolServer) -> None:
    content = png(9)
    server.images_by_hash["h="] = [image_chunk(content[:5], len(content)), image_chunk(content[5:]), END]
    first = event("1", {"image_hash": "h=", "src_node_token": "node"})
    server.streams = [[first, lambda: server.answers.get(timeout=WAIT_S), event("2", {"image_hash": "h="}), END]]
    model = Model()
    answers = serve_all(server, model)

    assert model.seen == [9, 9]
    assert answers["2"]["success"]
    asked = [call.body for call in server.calls if call.method == "DownloadImages"]
    assert asked == [b"\x0a\x02h=\x12\x04node"]


def test_events_come_through_however_the_stream_is_cut_into_parts(server: ProtocolServer) -> None:
    meta = {"request_type": "get_out_meta"}
    stream = KEEP_ALIVE + event("1", meta) + KEEP_ALIVE * 3 + event("2", meta)
    server.streams = [[*(stream[at : at + 1] for at in range(len(stream))), END]]

    assert set(serve_all(server, Model())) == {"1", "2"}


def test_a_stream_that_breaks_is_taken_up_again(server: ProtocolServer, pauses: list[float]) -> None:
    meta = {"request_type": "get_out_meta"}
    server.streams = [
        [event("1", meta), CUT],
        [CUT],
        [KEEP_ALIVE, event("2", meta)[:7], END],  # an end inside a frame is a break too
        [event("3", meta), END],
    ]
    server.breaks["GetGeneralEventsStream"] = 1

    assert set(serve_all(server, Model())) == {"1", "3"}
    assert pauses == [2, 2, 4, 4, *[10] * 9]  # seconds: after each break, then after each end


def test_a_server_that_closes_ten_times_has_closed_for_good(server: ProtocolServer, pauses: list[float]) -> None:
    assert serve_all(server, Model()) == {}
    assert server.methods() == ["GetGeneralEventsStream"] * 10
    assert pauses == [10] * 9


def test_an_error_of_one_request_is_its_answer_and_ends_no_other(server: ProtocolServer, lines: Lines) -> None:
    server.images = {
        "undecodable": [chunk(b"no image"), END],
        "breaks the model": [chunk(png(255)), END],
        "short": [chunk(png(1), total_size=10**6), END],
        "lost": [chunk(b"", error="the image is gone"), END],
        "good": [chunk(png(3)), END],
    }
    server.streams = [
        [
            event("no json", b"{"),
            event("no object", b"[1]"),
            event("unknown", {"request_type": "train"}),
            event("no meta", {"request_type": "get_out_meta", "mode": {"name": "no such mode"}}),
            *(event(request, {}) for request in server.images),
            END,
        ]
    ]
    answers = serve_all(server, Model())

    assert answers.pop("good")["success"] is True
    words = {
        "no json": "JSONDecodeError",
        "no object": "A request is a JSON object, not list.",
        "unknown": "Unknown request type: train.",
        "no meta": "no such mode",
        "undecodable": "ImageReadException",
        "breaks the model": "the model broke",
        "short": f"The content is incomplete: {len(png(1))} of 1000000 bytes came.",
        "lost": "the image is gone",
    }
    assert set(answers) == set(words)
    for request, answer in answers.items():
        assert answer["success"] is False
        trace = json.loads(answer["error"])
        assert trace.startswith("Traceback (most recent call last):")
        assert words[request] in trace
    assert len([text for text in lines.messages() if text == "A request has failed."]) == len(words)


def test_an_answer_that_is_no_json_is_an_error_of_its_request(server: ProtocolServer) -> None:
    class Odd(AgentRPCServicer):
        def _do_single_img_inference(self, img: Any, in_msg: Any) -> Any:
            return {"found": img}

    server.images = {"1": [chunk(png(1)), END]}
    server.streams = [[event("1", {}), END]]

    assert "not JSON serializable" in serve_all(server, Model(), Odd)["1"]["error"]


def test_a_long_answer_goes_in_parts_of_a_mebibyte(server: ProtocolServer) -> None:
    class Wordy(AgentRPCServicer):
        def _do_single_img_inference(self, img: Any, in_msg: Any) -> Any:
            return {"description": "d" * 3_000_000}

    server.images = {"1": [chunk(png(1)), END]}
    server.streams = [[event("1", {}), END]]

    assert serve_all(server, Model(), Wordy)["1"]["description"] == "d" * 3_000_000
    parts = chunks_of(next(call.body for call in server.calls if call.method == "SendGeneralEventData"))
    assert [len(part.buffer) for part in parts[:-1]] == [1 << 20] * 2
    assert {part.total_size for part in parts} == {sum(len(part.buffer) for part in parts)}


def test_an_answer_is_sent_again_as_a_whole_when_the_connection_breaks(
    server: ProtocolServer, pauses: list[float]
) -> None:
    # Once more: the first time it is sent over the connection of its image, which may have been closed meanwhile.
    server.breaks = {"GetGeneralEventData": 1, "SendGeneralEventData": 3}
    server.images = {"1": [chunk(png(1)), END]}
    server.streams = [[event("1", {}), END]]

    assert titles(serve_all(server, Model())["1"]) == ["thing_model"]
    assert [seconds for seconds in pauses if seconds != 10] == [2, 2, 4]


def test_modes_and_metas_in_turns_do_not_get_mixed_up(server: ProtocolServer) -> None:
    wishes: list[dict[str, Any]] = [
        {"mode": {"name": "full_image", "model_classes": {"add_suffix": f"_{n % 11}"}}} for n in range(25)
    ]
    wishes += [{"meta": META}, {}, {"meta": META}]
    server.images = {str(n): [chunk(png(1)), END] for n in range(len(wishes))}
    server.streams = [[*(event(str(n), wish) for n, wish in enumerate(wishes)), END]]

    answered = serve_all(server, Model())
    found = [titles(answered[str(n)]) for n in range(len(wishes))]
    assert found == [[f"thing_{n % 11}"] for n in range(25)] + [["thing_model"]] * 3


def test_an_answer_that_the_server_refuses_is_lost_and_ends_no_other(server: ProtocolServer, lines: Lines) -> None:
    server.refusals["SendGeneralEventData"] = [(404, b"no such request")]
    server.images = {"1": [chunk(png(1)), END], "2": [chunk(png(2)), END]}
    first_is_gone = threading.Event()
    server.streams = [[event("1", {}), lambda: first_is_gone.wait(WAIT_S), event("2", {}), END]]

    class Watched(AgentRPCServicer):
        def _send(self, event: Any, answer: bytes) -> None:
            super()._send(event, answer)
            first_is_gone.set()

    assert set(serve_all(server, Model(), Watched)) == {"2"}
    lost = next(vars(record) for record in lines.records if record.getMessage() == "An answer could not be sent.")
    assert lost["exc_str"] == "The server refused SendGeneralEventData with status 404: no such request"


def test_the_next_image_is_loaded_while_the_model_works(server: ProtocolServer) -> None:
    second_is_loaded = threading.Event()

    class Slow(Model):
        def inference(self, image: Any, ann: Any) -> Annotation:
            assert second_is_loaded.wait(WAIT_S)
            return super().inference(image, ann)

    server.images = {"1": [chunk(png(1)), END], "2": [chunk(png(2)), second_is_loaded.set, END]}
    server.streams = [[event("1", {}), event("2", {}), END]]
    model = Slow()

    assert set(serve_all(server, model)) == {"1", "2"}
    assert model.seen == [1, 2]


def test_the_model_gets_images_in_the_order_of_their_requests_and_in_the_thread_that_made_it(
    server: ProtocolServer,
) -> None:
    threads = set()
    last_is_asked_for = threading.Event()

    class Watched(Model):
        def inference(self, image: Any, ann: Any) -> Annotation:
            threads.add(threading.current_thread())
            return super().inference(image, ann)

    server.images = {str(value): [chunk(png(value)), END] for value in range(9)}
    server.images["0"].insert(0, lambda: last_is_asked_for.wait(WAIT_S))
    server.images["3"].insert(0, last_is_asked_for.set)
    server.streams = [[*(event(str(value), {}) for value in range(9)), END]]
    model = Watched()
    serve_all(server, model)

    assert model.seen == list(range(9))
    assert threads == {threading.current_thread()}


def test_no_more_images_are_loaded_than_may_be_in_memory(server: ProtocolServer) -> None:
    loaded = []

    class Counting(Model):
        def inference(self, image: Any, ann: Any) -> Annotation:
            loaded.append(server.methods().count("GetGeneralEventData") - len(self.seen))
            return super().inference(image, ann)

    server.images = {str(value): [chunk(png(value)), END] for value in range(20)}
    server.streams = [[*(event(str(value), {}) for value in range(20)), END]]
    serve_all(server, Counting())

    assert max(loaded) <= 4


def test_a_tool_gets_the_whole_message_beside_the_image(server: ProtocolServer) -> None:
    class Tool(Model):
        def inference(self, image: Any, ann: Any) -> Annotation:
            assert ann["crop"] == [1, 2]
            return super().inference(image, ann)

    server.images = {"1": [chunk(png(1)), END]}
    server.streams = [[event("1", {"crop": [1, 2]}), event("2", {"request_type": "get_out_meta"}), END]]
    answers = serve_all(server, Tool(), SmarttoolRPCServicer)

    assert titles(answers["1"]) == ["thing"]
    assert [item["title"] for item in answers["2"]["out_meta"]["classes"]] == ["thing"]


def test_an_error_of_the_connection_for_good_is_raised_after_the_answers(
    server: ProtocolServer, tmp_path: Path
) -> None:
    once = {"retry_cnt": 1, "wait_sec_first": 0, "wait_sec_max": 0, "timeout": [4, 15]}
    rules = {name: {"class": "RetrierAlways", "params": once} for name in (ENDLESS, DATA_OUT)}
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    servicer = AgentRPCServicer(logger, Model(), {"server_address": server.address, "task_id": "1"}, SimpleCache(2))
    servicer.api = AgentAPI(None, server.address, logger, str(tmp_path / "rules.json"))
    server.streams = [[event("1", {"request_type": "get_out_meta"}), CUT]]

    with pytest.raises(ConnectionFailed, match="GetGeneralEventsStream: the connection to the server broke"):
        servicer.run_inf_loop()
    assert set(server.answered()) == {"1"}
    assert "x-token" not in server.calls[0].headers


def api_of(server: ProtocolServer) -> AgentAPI:
    return AgentAPI("t", f"http://{server.address}/", logger)


def test_a_call_is_tried_again_until_the_agent_has_pinged(server: ProtocolServer, pauses: list[float]) -> None:
    server.refusals["AgentInfo"] = [(400, PING_FIRST)] * 2

    assert isinstance(api_of(server).simple_request("AgentInfo", Empty, Empty()), Empty)
    assert pauses == [1, 2]


def test_a_call_that_is_refused_is_not_tried_again(server: ProtocolServer, pauses: list[float]) -> None:
    server.refusals["AgentInfo"] = [(400, b'{"error": "no such task"}'), (503, b"")] * 2
    api = api_of(server)

    with pytest.raises(RequestRefused, match="refused AgentInfo with status 400: no such task"):
        api.simple_request("AgentInfo", Empty, Empty())
    assert AgentAPI.catch_http_err([503], api.simple_request, "AgentInfo", Empty, Empty()) == (None, 503)
    with pytest.raises(RequestRefused):
        AgentAPI.catch_http_err([503], api.simple_request, "AgentInfo", Empty, Empty())
    assert pauses == []


def test_a_download_that_breaks_is_begun_again_and_gives_each_part_once(
    server: ProtocolServer, pauses: list[float]
) -> None:
    def go_well_next_time() -> None:
        server.images["1"] = [chunk(b"abc"), chunk(b"def"), END]

    server.images["1"] = [chunk(b"abc"), go_well_next_time, CUT]

    assert download_data_from_remote(api_of(server), "1", logger) == b"abcdef"
    assert pauses == [2]


def test_headers_are_added_to_all_calls_and_removed_again(server: ProtocolServer) -> None:
    api = api_of(server)
    api.add_to_metadata("x-a", "1")
    api.simple_request("One", Empty, Empty(), addit_headers={"x-b": "2"})
    api.rm_from_metadata("x-a")
    api.simple_request("Two", Empty, Empty())

    assert [(call.headers.get("x-a"), call.headers.get("x-b")) for call in server.calls] == [("1", "2"), (None, None)]


def test_a_line_of_the_log_that_cannot_be_sent_is_given_up_without_a_word(
    server: ProtocolServer, lines: Lines, pauses: list[float]
) -> None:
    server.refusals["Log"] = [(500, b"")] * 1000

    assert api_of(server).simple_request("Log", Empty, Empty()) is None
    assert lines.records == []
    assert pauses == [1] * 999


def test_a_model_is_deployed_with_the_config_of_its_task(
    task: TaskFolder, server: ProtocolServer, lines: Lines
) -> None:
    connection = {"server_address": server.address, "token": "secret", "task_id": "5"}
    task.config(connection=connection, model_settings={})
    server.images = {"1": [chunk(png(1)), END]}
    server.streams = [[event("1", {}), END]]

    with pytest.raises(ConnectionClosedByServerException):
        ModelDeploy(model_applier_cls=Model).run()
    assert server.answered()["1"]["success"] is True
    assert server.calls[0].headers["x-token"] == "secret"
    assert "secret" not in "".join(str(vars(record)) for record in lines.records)


def test_a_model_without_a_connection_says_what_serves_it_instead(task: TaskFolder) -> None:
    task.config()

    with pytest.raises(RuntimeError, match=r"no connection\.server_address, so this is no deploy task.*ModelRest"):
        ModelDeploy(model_applier_cls=Model)

"""A model behind HTTP, over a real connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted.deploy import ModelDeploy
from supervisely_lib.nn.inference.rest_constants import REST_INFERENCE_PORT
from supervisely_lib.nn.inference.rest_server import ModelRest, RestInferenceServer
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.worker_api.rpc_servicer import InactiveRPCServicer
from tests.integration.sdk.conftest import Lines, TaskFolder

THING = ObjClass("thing", Rectangle)


class Model:
    def get_out_meta(self) -> ProjectMeta:
        return ProjectMeta(obj_classes=ObjClassCollection([THING]))

    def inference(self, image: Any, ann: Annotation) -> Annotation:
        if image[0, 0, 0] == 255:
            raise RuntimeError("the model broke")
        return Annotation(img_size=ann.img_size, labels=[Label(Rectangle(0, 0, 1, 2), THING)])


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    yield from served(Model())


def served(model: Any) -> Iterator[httpx.Client]:
    rest_server = RestInferenceServer(model, "test")
    rest_server._port = 0
    with rest_server._listen() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=10) as client:
            yield client
        server.shutdown()
        thread.join()


def png(value: int) -> bytes:
    out = BytesIO()
    Image.fromarray(np.full((5, 7, 3), value, dtype=np.uint8)).save(out, "png")
    return out.getvalue()


def test_the_output_meta_is_asked_for(client: httpx.Client) -> None:
    answer = client.post("/model/get_output_meta")

    assert answer.json()["output_meta"]["classes"][0]["title"] == "thing"


def test_an_image_gets_its_annotation(client: httpx.Client) -> None:
    for _ in range(2):  # the connection is kept
        answer = client.post("/model/inference", files={"image": ("a.png", png(9))}).json()["annotation"]
        assert answer["size"] == {"height": 5, "width": 7}
        assert answer["objects"][0]["points"]["exterior"] == [[0, 0], [2, 1]]


@pytest.mark.parametrize(
    ("files", "words"),
    [({"other": b"x"}, "'image' with the input image is missing"), ({"image": b"x"}, "not a readable")],
)
def test_a_request_without_a_readable_image_is_refused(client: httpx.Client, files: Any, words: str) -> None:
    answer = client.post("/model/inference", files=files)

    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_failing_model_does_not_end_the_server(client: httpx.Client, lines: Lines) -> None:
    assert client.post("/model/inference", files={"image": png(255)}).status_code == 500
    assert client.post("/model/inference", files={"image": png(1)}).status_code == 200
    assert "the model broke" in [vars(record).get("exc_str") for record in lines.records]


def test_other_addresses_and_methods_are_refused(client: httpx.Client) -> None:
    assert client.post("/model/train").status_code == 404
    assert client.get("/model/inference").status_code == 405


def test_the_port_comes_from_an_environment_variable_as_text() -> None:
    assert REST_INFERENCE_PORT == "rest_inference_port"
    assert RestInferenceServer(Model(), "a", port="")._port == 5000
    assert RestInferenceServer(Model(), "a", port="8123")._port == 8123


class Deployed(Model):
    """A plugin's model as `ModelRest` makes it: without a task."""

    def __init__(self, task_model_config: Any) -> None:
        assert task_model_config == {}

    @property
    def model_out_meta(self) -> ProjectMeta:
        return self.get_out_meta()


@pytest.fixture
def client_2020() -> Iterator[httpx.Client]:
    """A client of the server that the plugins of 2020 start in rest_inference.py."""
    deploy = ModelRest(model_applier_cls=Deployed, rpc_servicer_cls=InactiveRPCServicer)
    yield from served(deploy.serv_instance)


def test_a_model_of_2020_answers_with_the_annotation_itself(client_2020: httpx.Client) -> None:
    meta = {"classes": [], "tags": [{"name": "train", "value_type": "none", "color": "#010203"}]}
    ann = {"size": {"height": 5, "width": 7}, "tags": ["train"], "objects": [], "description": ""}
    mode = {"name": "full_image", "model_classes": {"add_suffix": "_new"}}

    plain = client_2020.post("/model/inference", files={"image": png(9)}).json()
    asked = client_2020.post(
        "/model/inference",
        files={"image": png(9), "meta": json.dumps(meta), "annotation": json.dumps(ann), "mode": json.dumps(mode)},
    ).json()

    assert [item["classTitle"] for item in plain["objects"]] == ["thing_model"]
    assert [item["classTitle"] for item in asked["objects"]] == ["thing_new"]
    assert [tag["name"] for tag in asked["tags"]] == ["train"]


@pytest.mark.parametrize("form", [{"json": {"mode": {"name": "full_image"}}}, {"data": {"mode": "{}"}}, {}])
def test_a_model_of_2020_is_asked_for_its_output_meta_at_either_address(client_2020: httpx.Client, form: Any) -> None:
    later = client_2020.post("/model/get_out_meta", **form).json()
    earlier = client_2020.post("/model/get_output_meta", **form).json()

    assert [item["title"] for item in later["classes"]] == ["thing_model"]
    assert [item["title"] for item in earlier["output_meta"]["classes"]] == ["thing_model"]


def test_a_field_that_is_not_json_is_named(client_2020: httpx.Client) -> None:
    answer = client_2020.post("/model/inference", files={"image": png(9), "mode": "{"})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Field 'mode' is not JSON: ")


def test_the_gpu_of_a_served_model_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_DEVICE", "3")
    deploy = ModelRest(Deployed, InactiveRPCServicer)

    assert deploy.config["model"] == {"gpu_device": "3"}
    with pytest.raises(RuntimeError, match="not accessible"):
        deploy.run()
    with pytest.raises(RuntimeError, match="not accessible"):
        deploy.serv_instance.run_inf_loop()


def test_a_servicer_of_ones_own_is_given_the_model(task: TaskFolder) -> None:
    class Servicer:
        def __init__(self, logger: Any, model_applier: Any, conn_config: Any, cache: Any) -> None:
            self.model, self.connection, self.cache, self.served = model_applier, conn_config, cache, False

        def run_inf_loop(self) -> None:
            self.served = True

    task.config(connection={"token": "t"}, cache_limit=1, model_settings={})
    deploy = ModelDeploy(Model, rpc_servicer_cls=Servicer)
    deploy.run()

    servicer = deploy.serv_instance
    assert servicer.served
    assert isinstance(servicer.model, Model)
    assert servicer.connection == {"server_address": None, "token": "t", "task_id": None}
    servicer.cache.add("a", 1)
    servicer.cache.add("b", 2)
    assert (servicer.cache.get("a"), servicer.cache.get("b")) == (None, 2)

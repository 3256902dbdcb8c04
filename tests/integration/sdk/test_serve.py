"""A plugin without src/deploy.py is served: its model is found, and answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisely_lib.nn.hosted import serve
from supervisely_lib.nn.inference import rest_server
from supervisely_lib.worker_api import agent_api
from supervisely_lib.worker_api.rpc_servicer import ConnectionClosedByServerException
from tests.integration.sdk.conftest import TaskFolder
from tests.integration.sdk.test_deployed_model import png
from tests.support.rpc_server import END, WAIT_S, ProtocolServer, chunk, event

ROOT = Path(__file__).parents[3]
PLUGIN = """
import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

from model import find  # src/model.py, not the folder of the model's files in the task folder
from trainer import NAME  # src/trainer.py, not the trainer of the SDK


class Finder(SingleImageInferenceBase):
    def inference(self, image, ann):
        label = sly.Label(find(image), self.out_class_mapping[1])
        return sly.Annotation(img_size=image.shape[:2], labels=[label])


if __name__ == "__main__":
    raise AssertionError("an inference task")
"""
MODEL = """
import supervisely_lib as sly

def find(image):
    return sly.Rectangle(0, 0, 1, 2)
"""
BASE = "from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase\n"


def write(folder: Path, **files: str) -> Path:
    """Python files beside each other; the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    return folder / f"{next(iter(files))}.py"


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_plugin_is_served_by_the_file_alone(tmp_path: Path, is_copied: bool) -> None:
    path = write(tmp_path / "src", inference=PLUGIN, model=MODEL, trainer="NAME = 1")
    task = tmp_path / "task"
    (task / "model").mkdir(parents=True)
    classes = [{"title": "thing", "shape": "rectangle", "color": "#010203"}]
    config = {"classes": classes, "class_title_to_idx": {"thing": 1}}
    (task / "model/config.json").write_text(json.dumps(config))
    program = ROOT / "supervisely_lib/nn/hosted/serve.py"
    if is_copied:
        program = Path(shutil.copy(program, task))
    with ProtocolServer() as server:
        server.images = {"1": [chunk(png(1)), END]}
        is_answered = threading.Event()
        server.streams = [[event("1", {}), lambda: is_answered.wait(WAIT_S), END]]
        connection = {"server_address": server.address, "token": "t", "task_id": "5"}
        (task / "task_config.json").write_text(json.dumps({"connection": connection, "model_settings": {}}))
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "SLY_TASK_DATA": str(task)}
        process = subprocess.Popen(
            [sys.executable, "-u", str(program), str(path)], env=environ, stderr=subprocess.PIPE, text=True
        )
        try:
            request, answer = server.answers.get(timeout=WAIT_S)
        finally:
            is_answered.set()
            process.kill()
            output = process.communicate()[1]

    assert request == "1"
    assert [item["classTitle"] for item in answer["objects"]] == ["thing_model"]
    assert "Ready to get events" in output


REST_2019 = """
import os
from inference import Left, Right
from supervisely_lib.nn.inference.rest_server import RestInferenceServer

if __name__ == "__main__":
    RestInferenceServer(model=Right(), name=__file__, port=os.getenv("rest_inference_port", "")).run()
"""
REST_2020 = """
from inference import Left, Right
from supervisely_lib.nn.inference.rest_server import ModelRest, RestInferenceServer
from supervisely_lib.worker_api.rpc_servicer import InactiveRPCServicer

def main():
    rest = ModelRest(model_applier_cls=Right, rpc_servicer_cls=InactiveRPCServicer)
    assert rest.config["model"]["gpu_device"] == "3"
    RestInferenceServer(model=rest.serv_instance, name="x", port=None).run()

if __name__ == "__main__":
    main()
"""
TWO_MODELS = """
import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

class Left(SingleImageInferenceBase):
    title = "left"
    def __init__(self, task_model_config=None):
        pass
    @property
    def model_out_meta(self):
        return sly.ProjectMeta(sly.ObjClassCollection([sly.ObjClass(self.title, sly.Rectangle)]))
    def inference(self, image, ann):
        thing = self.model_out_meta.obj_classes.get(self.title)
        return sly.Annotation(image.shape[:2], [sly.Label(sly.Rectangle(0, 0, 1, 2), thing)])

class Right(Left):
    title = "right"

class Other(Left):
    title = "other"
"""


@pytest.fixture
def served(modules: None, task: TaskFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`served(path)`: the answer of the model of a plugin's file to one request. The server closes after it."""
    monkeypatch.setattr(rest_server, "RestInferenceServer", rest_server.RestInferenceServer)
    monkeypatch.setattr(agent_api, "sleep", lambda _seconds: None)
    monkeypatch.setenv("GPU_DEVICE", "")
    monkeypatch.delenv("GPU_DEVICE")
    with ProtocolServer() as server:
        server.images = {"1": [chunk(png(1)), END]}
        server.streams = [[event("1", {}), END]]
        connection = {"server_address": server.address, "token": "t", "task_id": "5"}
        task.config(connection=connection, model_settings={"gpu_device": 3})

        def serve_file(path: Path) -> list[str]:
            serve.look_where_the_plugin_looks(str(path))
            with pytest.raises(ConnectionClosedByServerException):
                serve.serve(str(path))
            return [item["classTitle"] for item in server.answered()["1"]["objects"]]

        yield serve_file


@pytest.mark.parametrize("program", [REST_2019, REST_2020], ids=["2019", "2020"])
@pytest.mark.parametrize("asked", ["rest_inference", "inference"])
def test_a_program_for_a_server_of_its_own_says_which_model_is_deployed(
    served: Any, tmp_path: Path, program: str, asked: str
) -> None:
    write(tmp_path / "src", inference=TWO_MODELS, rest_inference=program)

    assert served(tmp_path / "src" / f"{asked}.py") == ["right_model"]


def test_a_program_that_starts_no_server_is_told(served: Any, modules: None, tmp_path: Path) -> None:
    path = write(tmp_path / "src", rest_inference="x = 1")

    with pytest.raises(
        RuntimeError, match=r"rest_inference\.py has ended, and no RestInferenceServer of it has run\.$"
    ):
        serve.serve(str(path))
    with pytest.raises(
        RuntimeError, match=r"^There is no .*/rest_inference\.py, so the plugin has no model to serve\.$"
    ):
        serve.serve(str(tmp_path / "rest_inference.py"))


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules that a test loads are forgotten after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in ("inference", "beside"):
            del sys.modules[name]


def model_of(path: Path) -> Any:
    serve.look_where_the_plugin_looks(str(path))
    return serve.model_of(serve.load(str(path)))


DEFINES = """
class {name}({base}):
    def inference(self, image, ann):
        pass
"""
FINDER = DEFINES.format(name="Finder", base="SingleImageInferenceBase")


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "program",
    [
        BASE + FINDER,
        BASE + FINDER + "Alias = Finder\n",
        "from beside import Finder\n",
        BASE + "from beside import Finder\n",
        BASE
        + DEFINES.format(name="Common", base="SingleImageInferenceBase")
        + DEFINES.format(name="Finder", base="Common"),
        BASE + "class Common(SingleImageInferenceBase):\n    pass\n" + FINDER,
        BASE
        + "import abc\nclass Common(SingleImageInferenceBase, abc.ABC):\n    @abc.abstractmethod\n"
        + "    def inference(self, image, ann): ...\n"
        + FINDER,
    ],
)
def test_the_model_is_the_class_that_is_defined_or_imported_and_not_abstract(tmp_path: Path, program: str) -> None:
    model = model_of(write(tmp_path, inference=program, beside=BASE + FINDER))

    assert model.__name__ == "Finder"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("x = 1", "inference.py has no model to serve: define in it, or import into it, a class that derives from"),
        (BASE, "and has the method `inference`, or write src/deploy.py, which names the model.$"),
        (
            BASE + "class Common(SingleImageInferenceBase):\n    pass\n",
            r"and has the method `inference` \(not abstract, as Common\), or write",
        ),
        (
            BASE + FINDER + DEFINES.format(name="Another", base="SingleImageInferenceBase"),
            "inference.py has several models, Another, Finder: leave one of them in it, or write src/deploy.py",
        ),
        (
            BASE + FINDER + "\n    def __init__(self, factory, size=1):\n        pass\n",
            r"inference.py has the model Finder, which needs arguments \(factory\): derive a class that needs none",
        ),
    ],
)
def test_it_is_said_in_a_sentence_why_there_is_no_one_model(tmp_path: Path, program: str, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        model_of(write(tmp_path, inference=program))


@pytest.mark.usefixtures("modules")
def test_a_plugin_without_the_file_is_said_to_have_no_model(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^There is no .*/inference\.py, so the plugin has no model to serve\.$"):
        model_of(tmp_path / "inference.py")


@pytest.mark.usefixtures("modules")
def test_a_plugin_sees_the_arguments_and_the_path_of_an_inference(tmp_path: Path) -> None:
    program = "import sys\nseen = (list(sys.argv), sys.path[0], __name__)\n" + BASE + FINDER
    path = write(tmp_path, inference=program)
    serve.look_where_the_plugin_looks(str(path))

    assert serve.load(str(path)).seen == ([str(path)], str(tmp_path), "inference")


def test_an_error_is_a_line_of_the_log_and_ends_the_process(tmp_path: Path) -> None:
    path = write(tmp_path, inference="")
    command = [sys.executable, str(ROOT / "supervisely_lib/nn/hosted/serve.py"), str(path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    crash = next(line for line in map(json.loads, done.stderr.splitlines()) if "event_type" in line)

    assert done.returncode == 1
    assert crash["event_type"] == "EventType.TASK_CRASHED"
    assert crash["exc_str"].startswith(f"{path} has no model to serve: ")


def test_the_program_says_how_it_is_used() -> None:
    command = [sys.executable, str(ROOT / "supervisely_lib/nn/hosted/serve.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("Usage: python -u ")

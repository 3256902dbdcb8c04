"""A deployed model asked over HTTP, against a limit and against cog's HTTP server with the same model.

The model reads a JPEG of 640 × 480 pixels and works for five milliseconds. Here its class is served by the process
engine, behind the web; there by `python -m cog.server.http`. A server of cog takes one prediction at a time and refuses
the others, so a client of it asks again after a refusal; a client of ours has to wait for its turn.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from filelock import FileLock

from benchmarks import Ratio
from benchmarks._plugin import write_plugin
from tests.support.inputs import Cli, write_model

ENVIRONMENT = Path(__file__).parents[1] / ".build" / "cog"
REQUIREMENTS = ("cog>=0.23.1,<0.24", "numpy>=2,<3", "opencv-python-headless>=5,<6")
MODEL_S = 0.005
OVERHEAD_S = 0.010  # of a request, beside the model
CLIENTS, ASKED = 16, 40
ALONE = 100
TOKEN = "the-token-of-this-benchmark"
REFUSED_S = 0.001  # until a client of cog asks again

_OURS = f"""
import time
import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

class Model(SingleImageInferenceBase):
    @staticmethod
    def get_default_config():
        return {{}}

    def _construct_and_fill_model(self):
        pass

    def inference(self, image, ann):
        time.sleep({MODEL_S})
        return sly.Annotation(image.shape[:2])
"""
_COGS = f"""
import time
import cv2
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def setup(self):
        pass

    def predict(self, image: Path) -> str:
        cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
        time.sleep({MODEL_S})
        return "{{}}"
"""

Ask = Callable[[http.client.HTTPConnection], None]


def measure(rounds: int) -> Iterable[Ratio]:
    make_environment()
    picture = photo()
    with (
        tempfile.TemporaryDirectory(prefix="bench-inference-") as name,
        ours(Path(name)) as mine,
        cogs(Path(name)) as peer,
    ):
        ask_ours, ask_cog = asks_ours(picture), asks_cog(picture)
        alone: list[float] = []
        peers: list[float] = []
        rates: list[tuple[float, float]] = []
        for _ in range(rounds):
            alone.append(latency_s(mine, ask_ours))
            peers.append(latency_s(peer, ask_cog))
            rates.append((per_second(mine, ask_ours), per_second(peer, ask_cog)))
    yield Ratio(
        "one client", "a request's time beside the model's", f"{1000 * OVERHEAD_S:.0f} ms",
        tuple(OVERHEAD_S / max(seconds - MODEL_S, 1e-6) for seconds in alone), 1,
        f"{1000 * median(alone):.1f} ms in all, of which the model works {1000 * MODEL_S:.0f}; cog "
        f"{1000 * median(peers):.1f} ms",
    )  # fmt: skip
    yield Ratio(
        f"{CLIENTS} clients", "requests per second", "cog's HTTP server", tuple(us / it for us, it in rates), 1,
        f"{median(us for us, _ in rates):.0f} and {median(it for _, it in rates):.0f} per second, no failures",
    )  # fmt: skip


def photo() -> bytes:
    """A JPEG of 640 × 480 pixels, about as large as a photograph."""
    random = np.random.default_rng(3)
    small = random.integers(0, 256, (60, 80, 3), np.uint8)
    _, data = cv2.imencode(".jpg", cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC))
    return bytes(data)


# ---------------------------------------------------------------- the two servers


@contextmanager
def ours(folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a web whose model 1 answers."""
    plugin = write_plugin(folder / "plugin", "Dummy", {"inference.py": _OURS})
    port = free_port()
    cli = Cli(folder / "home", {"AGENT_ENGINE": "process", "AGENT_TOKEN": TOKEN, "AGENT_WEB_PORT": str(port)})
    cli.run("plugin", "add", plugin)
    cli.run("model", "add", write_model(folder / "dummy"), "--plugin", "1")
    process = cli.start("up")
    try:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("open "):
            if process.poll() is not None:
                raise RuntimeError("agent up ended")
        cli.run("deploy", "--model", "1")
        yield "127.0.0.1", port
    finally:
        for task in cli.json("task", "list"):  # it would go on without its agent
            cli.run("task", "stop", task["id"])
            cli.run("task", "wait", task["id"], code=None)
        process.terminate()
        process.wait(60)


@contextmanager
def cogs(folder: Path) -> Iterator[tuple[str, int]]:
    (folder / "cog").mkdir()
    (folder / "cog" / "cog.yaml").write_text('predict: "predict.py:Predictor"\nbuild:\n  python_version: "3.11"\n')
    (folder / "cog" / "predict.py").write_text(_COGS)
    port = free_port()
    env = {
        **os.environ, "PORT": str(port), "COG_PREDICT_TYPE_STUB": "predict.py:Predictor", "COG_LOG_LEVEL": "warning",
        "PATH": f"{ENVIRONMENT}/bin:{os.environ['PATH']}",
    }  # fmt: skip
    with (folder / "cog.log").open("wb") as log:
        command = [str(ENVIRONMENT / "bin/python"), "-m", "cog.server.http", "--host", "127.0.0.1"]
        process = subprocess.Popen(command, cwd=folder / "cog", env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_cog(process, port, folder / "cog.log")
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for_cog(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/health-check")
                if json.loads(connection.getresponse().read()).get("status") == "READY":
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"cog's server does not answer: {log.read_text()[-2000:]}")


def make_environment() -> None:
    """Make cog's environment, once for all runs of the benchmark."""
    complete = ENVIRONMENT / ".complete"  # written last: an interrupted installation starts again
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with FileLock(f"{ENVIRONMENT}.lock"):
        if not complete.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
            install = [str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "-q", *REQUIREMENTS]
            subprocess.run(install, check=True, stdout=sys.stderr)
            complete.touch()


# ---------------------------------------------------------------- the clients


def asks_ours(picture: bytes) -> Ask:
    border = uuid.uuid4().hex
    head = f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'.encode()
    body = head + picture + f"\r\n--{border}--\r\n".encode()
    headers = {"x-api-key": TOKEN, "content-type": f"multipart/form-data; boundary={border}"}

    def ask(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", "/api/models/1/infer", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {said[:300]!r}")

    return ask


def asks_cog(picture: bytes) -> Ask:
    image = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    body = json.dumps({"input": {"image": image}})

    def ask(connection: http.client.HTTPConnection) -> None:
        while True:
            connection.request("POST", "/predictions", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 200:
                return
            if answer.status != 409:  # it works for another client
                raise RuntimeError(f"{answer.status}: {said[:300]!r}")
            time.sleep(REFUSED_S)

    return ask


def latency_s(address: tuple[str, int], ask: Ask) -> float:
    """The median of many requests, one after the other."""
    took = []
    with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        for _ in range(ALONE):
            started = time.perf_counter()
            ask(connection)
            took.append(time.perf_counter() - started)
    return median(took)


def per_second(address: tuple[str, int], ask: Ask) -> float:
    """Answers per second to clients who each ask again as soon as they are answered."""

    def client(_: int) -> None:
        with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
            for _ in range(ASKED):
                ask(connection)

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, range(CLIENTS)))
    return CLIENTS * ASKED / (time.perf_counter() - started)

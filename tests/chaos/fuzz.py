"""`make fuzz`: random input for a web of its own and for the reader of lines, for as long as asked; then the figures.

    python -m tests.chaos.fuzz [--seconds 600] [--seed 1]

Public API, REST, pages, archives, images, annotations and log lines. A crash, an answer of 500 or above (501 says that
a method is not offered), a traceback in the log, an answer that does not come, and memory that grows are problems: the
exit code is 1 then. Memory is compared between the first fifth of the time, when caches have been filled, and the end.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
from fastapi import FastAPI

from agent.artifacts import open_artifacts
from agent.events.lines import LineJoiner
from agent.events.parse import parse_line
from agent.settings import Settings
from agent.store import open_store
from tests.chaos import odd_values as odd
from tests.support.demo_store import fill
from tests.support.inputs import ROOT, Cli
from web_stub import public_api, rest

TOKEN = "the-token-of-the-fuzzing"
ANSWER_S = 60.0  # a large request may wait for its turn
READ_BYTES = 1 << 16  # of an answer: streams do not end
GROWTH = 1.3  # of memory, from the first fifth of the run to its end ...
GROWTH_BYTES = 100 << 20  # ... and by more than this
PAGES = (
    *("/", "/tasks/{}", "/models", "/models/{}", "/projects", "/projects/{}", "/images/{}", "/plugins/{}", "/studies"),
    *("/studies/{}", "/studies/new", "/space"),
)


@dataclass
class Figures:
    seed: int
    seconds: float = 0
    answers: Counter[str] = field(default_factory=Counter)  # "REST 200"
    lines: int = 0
    memory_bytes: list[int] = field(default_factory=list)  # of the web with its workers, every few seconds
    own_bytes: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def text(self) -> str:
        sent = sum(self.answers.values())
        kinds = "\n".join(f"  {times:7} {answer}" for answer, times in sorted(self.answers.items()))
        found = "\n".join(f"  {problem}" for problem in self.problems) or "  none"
        return (
            f"fuzzing: seed {self.seed}, {self.seconds:.0f} s, {sent} requests, {self.lines} lines\n{kinds}\n"
            f"memory of the web: {_mib(self.memory_bytes)}; of the reader of lines: {_mib(self.own_bytes)}\n"
            f"{len(self.problems)} problems:\n{found}\n"
        )


def growth(what: str, samples: list[int]) -> str:
    """A sentence when these samples of memory grow; empty when they do not."""
    early, late = _early_and_late(samples or [0])
    grows = late > early * GROWTH and late - early > GROWTH_BYTES
    return f"the memory of {what} grew from {early >> 20} to {late >> 20} MiB" if grows else ""


def _early_and_late(samples: list[int]) -> tuple[int, int]:
    """The largest of the second tenth and of the last tenth."""
    tenth = max(1, len(samples) // 10)
    return max(samples[tenth : 2 * tenth] or samples), max(samples[-tenth:])


def _mib(samples: list[int]) -> str:
    if not samples:
        return "not measured"
    early, late = _early_and_late(samples)
    return f"{early >> 20} MiB after a fifth of the time, {late >> 20} MiB at the end, at most {max(samples) >> 20} MiB"


class Fuzz:
    def __init__(self, folder: Path, *, seed: int) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        self._figures = Figures(seed)
        self._settings = Settings(home=folder / "home")
        self._settings.home.mkdir()
        with open_store(self._settings.store) as store:
            fill(store, open_artifacts(self._settings.artifacts))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._log = folder / "web.log"
        self._operations = [
            *(("REST", *one) for one in _operations(rest.router, "/api")),
            *(("public API", *one) for one in _operations(public_api.router, public_api.PREFIX)),
        ]
        self._reader = LineJoiner()
        self._cookie = ""

    def run(self, seconds: float) -> Figures:
        web = self._start_web()
        started = time.monotonic()
        kinds: list[Callable[[], None]] = [self._operation] * 6
        kinds += [self._archive, self._image, self._annotation, self._page, self._lines]
        sampled = 0.0
        try:
            while time.monotonic() - started < seconds:
                if web.poll() is not None:
                    self._figures.problems.append(f"the web ended with {web.returncode}")
                    web = self._start_web()
                self._rng.choice(kinds)()
                if time.monotonic() - sampled > 2:
                    sampled = time.monotonic()
                    self._figures.memory_bytes.append(_memory_of(web.pid))
                    self._figures.own_bytes.append(psutil.Process().memory_info().rss)
        finally:
            web.terminate()
            web.wait(60)
        self._figures.seconds = time.monotonic() - started
        self._judge()
        return self._figures

    def _judge(self) -> None:
        tracebacks = len(re.findall(rb"^Traceback", self._log.read_bytes(), re.MULTILINE))
        if tracebacks:
            self._figures.problems.append(f"{tracebacks} tracebacks in {self._log}")
        figures = self._figures
        grown = (growth("the web", figures.memory_bytes), growth("the reader of lines", figures.own_bytes))
        figures.problems += filter(None, grown)

    def _start_web(self) -> subprocess.Popen[bytes]:
        env = {**Cli.clean_env(), "AGENT_HOME": str(self._settings.home), "AGENT_TOKEN": TOKEN}
        with self._log.open("ab") as log:
            web = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "up", "--no-agent", "--port", str(self._port)],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError):
                self._cookie = self._log_in()
                return web
            if time.monotonic() > deadline or web.poll() is not None:
                raise RuntimeError(self._log.read_text()[-2000:])
            time.sleep(0.1)

    def _log_in(self) -> str:
        """The cookie of a browser. Raises OSError while the web does not listen."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        form = urlencode({"token": TOKEN, "next": "/"})
        connection.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        cookie = connection.getresponse().getheader("Set-Cookie")
        connection.close()
        assert cookie is not None
        return cookie.partition(";")[0]

    # ---------------------------------------------------------------- one request of each kind

    def _operation(self) -> None:
        kind, method, path, operation, known = self._rng.choice(self._operations)
        query = []
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                value = odd.value_of(parameter["schema"], known, self._rng)
                path = path.replace(f"{{{parameter['name']}}}", quote(_text(value), safe="") or "0")
            elif parameter["in"] == "query" and self._rng.random() < 0.6:
                query.append((parameter["name"], _text(odd.value_of(parameter["schema"], known, self._rng))))
        body, kind_of_body = b"", "application/json"
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            body = json.dumps(odd.value_of(content["application/json"]["schema"], known, self._rng)).encode()
            if self._rng.random() < 0.05:
                body = odd.damaged(body, self._rng)
        elif content:
            body, kind_of_body = odd.archive(self._rng), "application/x-tar"
        self._ask(kind, method, f"{path}?{urlencode(query, errors='replace')}", body, kind_of_body)

    def _archive(self) -> None:
        self._ask("archive", "POST", "/api/models?name=fuzzed", odd.archive(self._rng), "application/x-tar")

    def _image(self) -> None:
        """Upload an image, make an entry of it and ask for its thumbnail."""
        mark = b"--fuzz\r\n"
        body = mark + b'Content-Disposition: form-data; name="i"; filename="i"\r\n\r\n' + odd.image(self._rng)
        body += b"\r\n--fuzz--\r\n"
        prefix = public_api.PREFIX
        made = self._ask("image", "POST", f"{prefix}/images.bulk.upload", body, "multipart/form-data; boundary=fuzz")
        with suppress(ValueError, LookupError, TypeError):
            entry = {"name": f"{self._rng.getrandbits(40)}.png", "hash": json.loads(made)[0]["hash"]}
            body = json.dumps({"datasetId": self._rng.randint(1, 3), "images": [entry]}).encode()
            added = json.loads(self._ask("image", "POST", f"{prefix}/images.bulk.add", body))
            self._ask("image", "GET", f"/api/images/{added[0]['id']}/thumbnail")

    def _annotation(self) -> None:
        images = [{"imageId": self._rng.randint(1, odd.IDS), "annotation": odd.annotation(self._rng)}]
        body = {"datasetId": self._rng.randint(1, 3), "annotations": images}
        said = json.dumps(body).encode()
        self._ask("annotation", "POST", f"{public_api.PREFIX}/annotations.bulk.add", said)
        self._ask("annotation", "GET", f"/api/projects/{self._rng.randint(1, 3)}/statistics")

    def _page(self) -> None:
        page = self._rng.choice(PAGES).format(quote(_text(self._rng.choice((*odd.ODD, 1, 2, 3))), safe=""))
        self._ask("page", "GET", page)

    def _lines(self) -> None:
        try:
            for line in self._reader.feed([(self._rng.choice((1, 2)), odd.lines(self._rng))]):
                parse_line(line.text, line.stream, 1)
                self._figures.lines += 1
        except Exception as error:
            self._figures.problems.append(f"a line raised {error!r}")

    def _ask(
        self, kind: str, method: str, path: str, body: bytes = b"", kind_of_body: str = "application/json"
    ) -> bytes:
        headers = {"x-api-key": TOKEN, "Content-Type": kind_of_body, "Cookie": self._cookie}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        try:
            connection.request(method, path.encode("ascii", "replace").decode().replace(" ", "%20"), body, headers)
            answer = connection.getresponse()
            content = answer.read1(READ_BYTES) if "stream" in path else answer.read(READ_BYTES)
        except http.client.InvalidURL:
            return b""
        except (OSError, http.client.HTTPException) as error:
            self._figures.answers[f"{kind} {type(error).__name__}"] += 1
            if isinstance(error, TimeoutError):
                self._figures.problems.append(f"no answer to {method} {path[:200]} {_kept(body)}")
            return b""
        finally:
            connection.close()
        self._figures.answers[f"{kind} {answer.status}"] += 1
        if answer.status >= 500 and answer.status != http.HTTPStatus.NOT_IMPLEMENTED:
            self._figures.problems.append(f"{answer.status} for {method} {path[:200]} {_kept(body)}: {content[:100]!r}")
        return content


def _kept(body: bytes) -> str:
    """A body for a person: its beginning, or where the whole of it is kept."""
    if len(body) < 300 and body.isascii():
        return body.decode()
    file = ROOT / ".build" / "fuzz" / f"body-{hashlib.sha256(body).hexdigest()[:12]}"
    file.write_bytes(body)
    return str(file)


def _operations(router: Any, prefix: str) -> list[tuple[str, str, Any, Any]]:
    app = FastAPI()
    app.include_router(router, prefix=prefix)
    with warnings.catch_warnings(action="ignore"):  # routes for several methods share an operation's name
        schema = app.openapi()
    known = schema.get("components", {}).get("schemas", {})
    return [
        (method.upper(), path, operation, known)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


def _memory_of(pid: int) -> int:
    total = 0
    with suppress(psutil.Error):
        web = psutil.Process(pid)
        for process in (web, *web.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.fuzz", description="Random input, then the figures.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    asked = parser.parse_args()
    kept = ROOT / ".build" / "fuzz"
    kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"seed-{asked.seed}-", dir=kept))
    figures = Fuzz(folder, seed=asked.seed).run(asked.seconds)
    (folder / "figures.txt").write_text(figures.text())
    print(figures.text())
    print(f"kept in {folder}")
    shutil.rmtree(folder / "home")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make fuzz`: random input for webs of their own and for the reader of lines, for as long as asked; then the figures.

    python -m tests.chaos.fuzz [--seconds 600] [--seed 1]

Public API, REST, pages, archives, images, annotations and log lines; a third of the time the protocol of original
agents (`fuzz_protocol.py`). A crash, an answer of 500 or above (501 says that
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
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
from fastapi import FastAPI

from agent.events.lines import LineJoiner
from agent.events.parse import parse_line
from tests.chaos import odd_values as odd
from tests.chaos.fuzz_protocol import ProtocolFuzz
from tests.chaos.fuzz_web import ANSWER_S, TOKEN, Figures, FuzzedWeb, growth
from tests.support.inputs import ROOT
from web_stub import public_api, rest

READ_BYTES = 1 << 16  # of an answer: streams do not end
PAGES = (
    *("/", "/tasks/{}", "/models", "/models/{}", "/projects", "/projects/{}", "/images/{}", "/plugins/{}", "/studies"),
    *("/studies/{}", "/studies/new", "/space"),
)


class Fuzz:
    def __init__(self, folder: Path, *, seed: int) -> None:
        self._rng = random.Random(seed)
        self._figures = Figures(seed)
        self._web = FuzzedWeb(folder)
        self._operations = [
            *(("REST", *one) for one in _operations(rest.router, "/api")),
            *(("public API", *one) for one in _operations(public_api.router, public_api.PREFIX)),
        ]
        self._reader = LineJoiner()
        self._cookie = ""

    def run(self, seconds: float) -> Figures:
        figures = self._figures
        kinds: list[Callable[[], None]] = [self._operation] * 6
        kinds += [self._archive, self._image, self._annotation, self._page, self._lines]
        self._web.start()
        try:
            self._cookie = self._log_in()
            started = time.monotonic()
            while time.monotonic() - started < seconds:
                if self._web.keep_up(figures):
                    self._cookie = self._log_in()
                if len(figures.own_bytes) < len(figures.memory_bytes):
                    figures.own_bytes.append(psutil.Process().memory_info().rss)
                self._rng.choice(kinds)()
        finally:
            self._web.stop()
        figures.seconds = time.monotonic() - started
        self._web.judge(figures)
        figures.problems += filter(None, [growth("the reader of lines", figures.own_bytes)])
        return figures

    def _log_in(self) -> str:
        """The cookie of a browser."""
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=ANSWER_S)
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
        self._ask("annotation", "GET", f"/api/projects/{self._rng.randint(1, 3)}/insights")

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
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=ANSWER_S)
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.fuzz", description="Random input, then the figures.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    asked = parser.parse_args()
    kept = ROOT / ".build" / "fuzz"
    kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"seed-{asked.seed}-", dir=kept))
    problems, text = 0, ""
    for name, kind, share in (("api", Fuzz, 2 / 3), ("protocol", ProtocolFuzz, 1 / 3)):
        (folder / name).mkdir()
        figures = kind(folder / name, seed=asked.seed).run(asked.seconds * share)
        text += figures.text()
        problems += len(figures.problems)
        shutil.rmtree(folder / name / "home")
    (folder / "figures.txt").write_text(text)
    print(text)
    print(f"kept in {folder}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

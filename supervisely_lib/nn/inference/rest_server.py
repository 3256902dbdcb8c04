"""One model behind HTTP, for trying it without a task (contract: sdk.md 15).

    POST /model/get_output_meta            → {"output_meta": project meta}
    POST /model/inference, multipart image → {"annotation": annotation}

Errors are `{"message": ...}` with status 400 (no readable image), 404, 405, 411 or 500.
"""

from __future__ import annotations

import json
from email.parser import BytesHeaderParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.inference.rest_constants import (
    ANNOTATION,
    GET_OUTPUT_META,
    IMAGE,
    INFERENCE,
    MODEL,
    OUTPUT_META,
)
from supervisely_lib.sly_logger import logger

_DEFAULT_PORT = 5000
_META_PATH = f"/{MODEL}/{GET_OUTPUT_META}"
_INFERENCE_PATH = f"/{MODEL}/{INFERENCE}"


class RestInferenceServer:
    """Serves `model` on all interfaces; `port` may be the text of an environment variable, empty for 5000."""

    def __init__(self, model: SingleImageInferenceBase, name: str, port: int | str | None = None) -> None:
        self.name = name
        self._model = model
        self._port = int(port) if port else _DEFAULT_PORT
        self._one_at_a_time = Lock()  # few networks may be asked from two threads

    def run(self) -> None:
        """Serve until the process is interrupted."""
        with self._listen() as server:
            logger.info("Model is served.", extra={"server": self.name, "port": server.server_port})
            server.serve_forever()

    def _listen(self) -> ThreadingHTTPServer:
        # The server runs inside a container, where only its own address reaches out.
        return ThreadingHTTPServer(("0.0.0.0", self._port), self._handler())  # noqa: S104

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_JsonHandler):
            def answer(self, path: str, body: bytes) -> Any:
                return server._answer(path, self.headers.get("Content-Type", ""), body)

        return Handler

    def _answer(self, path: str, content_type: str, body: bytes) -> Any:
        if path == _META_PATH:
            return {OUTPUT_META: self._model.get_out_meta().to_json()}
        image_bytes = multipart_fields(content_type, body).get(IMAGE)
        if image_bytes is None:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"Multipart field {IMAGE!r} with the input image is missing.")
        try:
            image = sly_image.read_bytes(image_bytes)
        except Exception as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"Field {IMAGE!r} is not a readable image: {error}") from error
        with self._one_at_a_time:
            found = self._model.inference(image, Annotation(img_size=image.shape[:2]))
        return {ANNOTATION: found.to_json()}


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _JsonHandler(BaseHTTPRequestHandler):
    """Answers POST with JSON, whatever happens."""

    protocol_version = "HTTP/1.1"
    server_version = "supervisely_lib"

    def answer(self, path: str, body: bytes) -> Any:
        raise NotImplementedError

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        try:
            body = self._body()
            if path not in (_META_PATH, _INFERENCE_PATH):
                raise _Refused(
                    HTTPStatus.NOT_FOUND, f"No such address: {path}. There is {_META_PATH}, {_INFERENCE_PATH}."
                )
            self._send(HTTPStatus.OK, self.answer(path, body))
        except _Refused as refused:
            self._send(refused.status, {"message": str(refused)})
        except Exception as error:  # noqa: BLE001 - one bad request must not end the server
            logger.error("Request failed.", exc_info=True, extra={"path": path, "exc_str": str(error)})
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "Internal Server Error"})

    def do_GET(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, {"message": "The method is not allowed for the requested URL."})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing.")
        return self.rfile.read(int(length))

    def _send(self, status: HTTPStatus, content: Any) -> None:
        data = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format % args)


def multipart_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Field name → content of a `multipart/form-data` body (RFC 7578); empty when it is something else.

    Of fields with one name the first counts.
    """
    headers = BytesHeaderParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1"))
    boundary = headers.get_param("boundary")
    if headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        return {}
    fields: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator:
            continue  # the end mark, or a part without headers and so without a name
        name = BytesHeaderParser().parsebytes(head.lstrip()).get_param("name", header="Content-Disposition")
        if isinstance(name, str):
            fields.setdefault(name, content)
    return fields

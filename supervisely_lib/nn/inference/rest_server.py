"""Serve a model over HTTP, to try it without a task (contract: sdk.md 15).

    POST /model/get_output_meta            → {"output_meta": project meta}
    POST /model/inference, multipart image → {"annotation": annotation}

The SDK of 2020 serves the servicer of a `ModelRest` in place of the model. Each request may then have a mode, and a
meta and an annotation of the image, as JSON:

    POST /model/get_out_meta, meta, mode                    → project meta
    POST /model/inference, image, annotation, meta, mode    → annotation

Errors are `{"message": ...}` with status 400 (no readable image), 404, 405, 411 or 500.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from email.parser import BytesHeaderParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.function_wrapper import function_wrapper
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.hosted.deploy import ModelDeploy
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.inference.rest_constants import (
    ANNOTATION,
    GET_OUT_META,
    GET_OUTPUT_META,
    GPU_DEVICE,
    IMAGE,
    INFERENCE,
    META,
    MODE,
    MODEL,
    OUTPUT_META,
)
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.sly_logger import logger

_DEFAULT_PORT = 5000
_META_PATH = f"/{MODEL}/{GET_OUTPUT_META}"
_META_PATH_2020 = f"/{MODEL}/{GET_OUT_META}"
_INFERENCE_PATH = f"/{MODEL}/{INFERENCE}"
_PATHS = (_META_PATH, _META_PATH_2020, _INFERENCE_PATH)


class ModelRest(ModelDeploy):
    """Builds a model for `RestInferenceServer(model=model_rest.serv_instance, …)`, without a task.

    `rpc_servicer_cls` is `supervisely_lib.worker_api.rpc_servicer.InactiveRPCServicer`.
    """

    def load_config(self) -> None:
        """Take the defaults, with the GPU of the environment variable GPU_DEVICE."""
        self.config = deepcopy(ModelDeploy.config)
        self.config[MODEL]["gpu_device"] = os.environ.get(GPU_DEVICE) or 0

    def run(self) -> None:
        """RuntimeError: `RestInferenceServer` runs the model."""
        raise RuntimeError("Method is not accessible")

    def _create_applier(self) -> Any:
        return function_wrapper(self.model_applier_cls, task_model_config={})


class RestInferenceServer:
    """Serves a model, or the servicer of a `ModelRest`, on all interfaces.

    `port` is a number, or the text of an environment variable; empty means 5000.
    """

    def __init__(self, model: SingleImageInferenceBase | Any, name: str, port: int | str | None = None) -> None:
        self.name = name
        self._model = model
        self._port = int(port) if port else _DEFAULT_PORT
        self._one_at_a_time = Lock()  # most networks do not support calls from two threads

    def run(self) -> None:
        """Serve until the process is interrupted."""
        with self._listen() as server:
            logger.info("Model is served.", extra={"server": self.name, "port": server.server_port})
            server.serve_forever()

    def _listen(self) -> ThreadingHTTPServer:
        # The server runs inside a container and must listen on the container's address.
        return ThreadingHTTPServer(("0.0.0.0", self._port), self._handler())  # noqa: S104

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_JsonHandler):
            def answer(self, path: str, body: bytes) -> Any:
                return server._answer(path, self.headers.get("Content-Type", ""), body)

        return Handler

    def _answer(self, path: str, content_type: str, body: bytes) -> Any:
        fields = form_fields(content_type, body)
        if path == _INFERENCE_PATH:
            return self._inference(fields)
        meta = self._out_meta(fields)
        return {OUTPUT_META: meta} if path == _META_PATH else meta

    def _out_meta(self, fields: dict[str, bytes]) -> Any:
        if not hasattr(self._model, "_final_processing"):
            return self._model.get_out_meta().to_json()
        request = {"request_type": GET_OUT_META, **_meta_and_mode(fields)}
        return self._model._final_processing(request)["out_meta"]

    def _inference(self, fields: dict[str, bytes]) -> Any:
        if IMAGE not in fields:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"Multipart field {IMAGE!r} with the input image is missing.")
        try:
            image = sly_image.read_bytes(fields[IMAGE])
        except Exception as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"Field {IMAGE!r} is not a readable image: {error}") from error
        if not hasattr(self._model, "_final_processing"):
            with self._one_at_a_time:
                found = self._model.inference(image, Annotation(img_size=image.shape[:2]))
            return {ANNOTATION: found.to_json()}
        request = {
            "request_type": INFERENCE,
            "image_arr": image,
            ANNOTATION: _json_field(fields, ANNOTATION, None),
            **_meta_and_mode(fields),
        }
        with self._one_at_a_time:
            return self._model._final_processing(request)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def _json_field(fields: dict[str, bytes], name: str, default: Any) -> Any:
    try:
        return json.loads(fields[name]) if fields.get(name) else default
    except ValueError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"Field {name!r} is not JSON: {error}") from error


def _meta_and_mode(fields: dict[str, bytes]) -> dict[str, Any]:
    return {META: _json_field(fields, META, ProjectMeta().to_json()), MODE: _json_field(fields, MODE, {})}


class _JsonHandler(BaseHTTPRequestHandler):
    """Answers every POST with JSON, errors too."""

    protocol_version = "HTTP/1.1"
    server_version = "supervisely_lib"

    def answer(self, path: str, body: bytes) -> Any:
        raise NotImplementedError

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        try:
            body = self._body()
            if path not in _PATHS:
                raise _Refused(HTTPStatus.NOT_FOUND, f"No such address: {path}. There is {', '.join(_PATHS)}.")
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


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Field name → content of a form, which is multipart, URL-encoded or a JSON object; empty for any other body."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {name: texts[0].encode() for name, texts in parse_qs(body.decode("utf-8", "replace")).items()}
    if content_type.startswith("application/json"):
        values = json.loads(body) if body else {}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        return {name: text.encode() for name, text in texts.items()}
    return multipart_fields(content_type, body)


def multipart_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Field name → content of a `multipart/form-data` body (RFC 7578); empty for any other body.

    If a name occurs more than once, the first field counts.
    """
    headers = BytesHeaderParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1"))
    boundary = headers.get_param("boundary")
    if headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        return {}
    fields: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator:
            continue  # the end mark, or a part without headers, which has no name
        name = BytesHeaderParser().parsebytes(head.lstrip()).get_param("name", header="Content-Disposition")
        if isinstance(name, str):
            fields.setdefault(name, content)
    return fields

"""A deployed model: it takes requests from its server, and answers them (contract: agent_rpc.md 3).

`AgentRPCServicer` serves over the private protocol. A plugin's REST server gets its answers from
`InactiveRPCServicer`, which has no connection.
"""

from __future__ import annotations

import json
import logging
import traceback
from copy import deepcopy
from typing import Any, Callable, Mapping

from supervisely_lib._lazy import lazy
from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.imaging.image import drop_image_alpha_channel
from supervisely_lib.nn.hosted.inference_modes import (
    MODE,
    InferenceModeFactory,
    InfModeFullImage,
    get_effective_inference_mode_config,
)
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.task.progress import report_agent_rpc_ready
from supervisely_lib.worker_api.agent_api import AgentAPI
from supervisely_lib.worker_api.agent_rpc import (
    SimpleCache,
    decode_image,
    download_data_from_remote,
    download_image_from_remote,
    send_from_memory_generator,
)
from supervisely_lib.worker_api.messages import TAKES_IMAGES, Empty, GeneralEvent
from supervisely_lib.worker_api.request_loop import RequestLoop

REQUEST_TYPE = "request_type"
GET_OUT_META = "get_out_meta"
INFERENCE = "inference"
SUPPORTED_REQUEST_TYPES = [GET_OUT_META, INFERENCE]

MODEL_RESULT_SUFFIX = "_model"

DATA = "data"
REQUEST_ID = "request_id"
IMAGE_HASH = "image_hash"

_MODES = 8  # that are kept with their metas; making one takes longer than many a small model


class ConnectionClosedByServerException(Exception):
    """The server has ended the stream of requests for good."""


class _Servicer:
    """Answers a message with a model.

    A message is `{"request_type": "inference", "image_arr": (H, W, 3 or 4) uint8, "annotation", "meta", "mode"}` or
    `{"request_type": "get_out_meta", "meta", "mode"}`; the last keys are optional.
    """

    def __init__(self, logger: logging.Logger, model_applier: Any, conn_config: Mapping[str, Any], cache: Any) -> None:
        self.logger = logger
        self.model_applier = model_applier
        self.image_cache = cache
        self._default_inference_mode_config = InfModeFullImage.make_default_config(
            model_result_suffix=MODEL_RESULT_SUFFIX
        )
        self._connect(conn_config)
        shown = {key: value for key, value in conn_config.items() if key != "token"}  # which is a secret
        self.logger.info("Created %s.", type(self).__name__, extra=shown)

    def _connect(self, conn_config: Mapping[str, Any]) -> None:
        """Prepare the connection, if there is one."""

    def _final_processing(self, in_msg: Mapping[str, Any]) -> Any:
        """The annotation (JSON) of an image, or `{"out_meta": project meta}`. RuntimeError for any other request."""
        request_type = in_msg.get(REQUEST_TYPE, INFERENCE)
        if request_type == GET_OUT_META:
            return {"out_meta": self._get_out_meta(in_msg).to_json()}
        if request_type != INFERENCE:
            raise RuntimeError(
                f"Unknown request type: {request_type}. Only the following request types are supported: "
                f"{SUPPORTED_REQUEST_TYPES}"
            )
        image = in_msg["image_arr"]
        if image.ndim != 3 or image.shape[2] not in (3, 4):
            raise RuntimeError("Expect 3- or 4-channel image RGB(RGBA) [0..255].")
        return self._do_single_img_inference(drop_image_alpha_channel(image) if image.shape[2] == 4 else image, in_msg)

    def _do_single_img_inference(self, img: Any, in_msg: Mapping[str, Any]) -> Any:
        """The annotation (JSON) of an image (H, W, 3)."""
        raise NotImplementedError

    def _get_out_meta(self, in_msg: Mapping[str, Any]) -> ProjectMeta:
        """The classes and tags of the answers."""
        raise NotImplementedError


class _InModes(_Servicer):
    """Applies the model in the mode that the message names; by default to the whole image."""

    def __init__(self, logger: logging.Logger, model_applier: Any, conn_config: Mapping[str, Any], cache: Any) -> None:
        self._modes = SimpleCache(_MODES)
        super().__init__(logger, model_applier, conn_config, cache)

    def _do_single_img_inference(self, img: Any, in_msg: Mapping[str, Any]) -> Any:
        ann = in_msg.get("annotation")
        if ann is not None and in_msg.get("meta") is None:
            raise ValueError(
                "In order to perform inference with annotation you must specify the appropriate project meta."
            )
        mode, in_meta = self._mode_of(in_msg)
        found = Annotation(img.shape[:2]) if ann is None else Annotation.from_json(ann, in_meta)
        return mode.infer_annotate(img, found).to_json()

    def _get_out_meta(self, in_msg: Mapping[str, Any]) -> ProjectMeta:
        out_meta: ProjectMeta = self._mode_of(in_msg)[0].out_meta
        return out_meta

    def _mode_of(self, in_msg: Mapping[str, Any]) -> tuple[Any, ProjectMeta]:
        """The mode of a message, and the meta that it was made for. Most messages have those of the one before."""
        mode_config, meta = in_msg.get(MODE, {}), in_msg.get("meta")
        wish = json.dumps([mode_config, meta])
        made = self._modes.get(wish)
        if made is None:
            in_meta = ProjectMeta() if meta is None else ProjectMeta.from_json(meta)
            made = self._make_inference_mode(mode_config, in_meta), in_meta
            self._modes.add(wish, made)
        return made  # type: ignore[no-any-return]

    def _make_inference_mode(self, mode_config: Mapping[str, Any], in_meta: ProjectMeta) -> Any:
        config = get_effective_inference_mode_config(mode_config, deepcopy(self._default_inference_mode_config))
        return InferenceModeFactory.create(config, in_meta, self.model_applier)


class AgentRPCServicerBase(_Servicer):
    """Takes requests over the private protocol, and answers each with success or with the traceback of its error.

    `conn_config` has the server's address, the token of the agent and the id of the task.
    """

    NETW_CHUNK_SIZE = 1 << 20  # bytes of an answer in a message
    QUEUE_MAX_SIZE = 2000  # requests, and answers, that wait

    def _connect(self, conn_config: Mapping[str, Any]) -> None:
        address = conn_config.get("server_address")
        if not address:
            raise RuntimeError(
                "The task config has no connection.server_address, so this is no deploy task. Without an agent, serve "
                "the model with ModelRest and RestInferenceServer of supervisely_lib.nn.inference.rest_server."
            )
        self.api = AgentAPI(conn_config.get("token"), address, self.logger)
        self.api.add_to_metadata("x-task-id", str(conn_config.get("task_id")))

    def run_inf_loop(self) -> None:
        """Answer requests until the server ends their stream for good, which is a ConnectionClosedByServerException.

        The model is only used by the calling thread.
        """
        report_agent_rpc_ready()
        loop = RequestLoop(self._load, self._answer, self._send, self.QUEUE_MAX_SIZE)
        loop.run(self.api.get_endless_stream("GetGeneralEventsStream", GeneralEvent, Empty(), TAKES_IMAGES))
        raise ConnectionClosedByServerException("The server has ended the stream of requests to the deployed model.")

    def _load(self, event: GeneralEvent) -> dict[str, Any]:
        """The message of a request, with its image if it needs one. In several threads."""
        message = json.loads(event.data.decode("utf-8")) if event.data else {}
        if not isinstance(message, dict):
            raise RuntimeError(f"A request is a JSON object, not {type(message).__name__}.")
        kind = message.get(REQUEST_TYPE, INFERENCE)
        image_hash: Any = message.get(IMAGE_HASH)
        self.logger.debug(
            "GET_INFERENCE_CALL",
            extra={REQUEST_ID: event.request_id, REQUEST_TYPE: kind, IMAGE_HASH: image_hash},
        )
        if kind == INFERENCE and image_hash is None:
            message["image_arr"] = (
                decode_image(event.image) if event.image else self._load_arbitrary_image(event.request_id)
            )
        elif kind == INFERENCE:
            message["image_arr"] = self._load_image_from_sly(image_hash, message.get("src_node_token", ""))
        return message

    def _load_arbitrary_image(self, req_id: str) -> Any:
        return decode_image(download_data_from_remote(self.api, req_id, self.logger))

    def _load_image_from_sly(self, image_hash: str, src_node_token: str) -> Any:
        # The cache has files, not arrays: they are smaller, and no model can change the image of a later request.
        content = self.image_cache.get(image_hash)
        if content is None:
            content = download_image_from_remote(self.api, image_hash, src_node_token, self.logger)
            self.image_cache.add(image_hash, content)
        return decode_image(content)

    def _answer(self, event: GeneralEvent, loaded: Callable[[], dict[str, Any]]) -> bytes:
        try:
            return json.dumps({**self._final_processing(loaded()), "success": True}).encode("utf-8")
        except Exception as error:
            extra = {REQUEST_ID: event.request_id, "exc_str": str(error)}
            self.logger.exception("A request has failed.", extra=extra)
            answer = {"success": False, "error": json.dumps(traceback.format_exc())}
            return json.dumps(answer).encode("utf-8")

    def _send(self, event: GeneralEvent, answer: bytes) -> None:
        """In several threads. An answer that the server does not take is lost."""
        try:
            self.api.put_stream_with_data(
                "SendGeneralEventData",
                Empty,
                send_from_memory_generator(answer, self.NETW_CHUNK_SIZE),
                addit_headers={"x-request-id": event.request_id},
            )
        except Exception as error:
            extra = {REQUEST_ID: event.request_id, "exc_str": str(error)}
            self.logger.exception("An answer could not be sent.", extra=extra)


class AgentRPCServicer(_InModes, AgentRPCServicerBase):
    """Applies a model to images, in the mode that each request names; by default to the whole image."""


class SmarttoolRPCServicer(AgentRPCServicerBase):
    """Gives a model the whole message beside the image: for tools whose clicks are in the message."""

    def _do_single_img_inference(self, img: Any, in_msg: Mapping[str, Any]) -> Any:
        return self.model_applier.inference(img, in_msg).to_json()

    def _get_out_meta(self, in_msg: Mapping[str, Any]) -> ProjectMeta:
        meta: ProjectMeta = self.model_applier.get_out_meta()
        return meta


class InactiveRPCServicer(_InModes):
    """Answers the requests of a plugin's own server."""

    def run_inf_loop(self) -> None:
        """RuntimeError: there is no connection."""
        raise RuntimeError("Method is not accessible")


__getattr__, _ = lazy(__name__, {})  # names of the official module say why they are left out

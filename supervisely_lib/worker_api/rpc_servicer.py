"""Answers of a deployed model to requests, without the connection over which the original agent brings them.

A plugin's REST server gets its answers from `InactiveRPCServicer`. The servicers that connect to the original agent
are left out.
"""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import Any, Mapping

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

REQUEST_TYPE = "request_type"
GET_OUT_META = "get_out_meta"
INFERENCE = "inference"
SUPPORTED_REQUEST_TYPES = [GET_OUT_META, INFERENCE]

MODEL_RESULT_SUFFIX = "_model"

DATA = "data"
REQUEST_ID = "request_id"
IMAGE_HASH = "image_hash"


class InactiveRPCServicer:
    """Applies a model to the image of a message, in the mode that the message names; by default to the whole image.

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
        self.logger.info("Created InactiveRPCServicer for internal usage", extra=dict(conn_config))

    def run_inf_loop(self) -> None:
        """RuntimeError: there is no connection."""
        raise RuntimeError("Method is not accessible")

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
        meta, ann = self._meta_of(in_msg), in_msg.get("annotation")
        if ann is not None and meta is None:
            raise ValueError(
                "In order to perform inference with annotation you must specify the appropriate project meta."
            )
        in_meta = meta or ProjectMeta()
        found = Annotation(img.shape[:2]) if ann is None else Annotation.from_json(ann, in_meta)
        return self._make_inference_mode(in_msg.get(MODE, {}), in_meta).infer_annotate(img, found).to_json()

    def _get_out_meta(self, in_msg: Mapping[str, Any]) -> ProjectMeta:
        meta = self._meta_of(in_msg) or ProjectMeta()
        out_meta: ProjectMeta = self._make_inference_mode(in_msg.get(MODE, {}), meta).out_meta
        return out_meta

    def _make_inference_mode(self, mode_config: Mapping[str, Any], in_meta: ProjectMeta) -> Any:
        config = get_effective_inference_mode_config(mode_config, deepcopy(self._default_inference_mode_config))
        return InferenceModeFactory.create(config, in_meta, self.model_applier)

    @staticmethod
    def _meta_of(in_msg: Mapping[str, Any]) -> ProjectMeta | None:
        meta = in_msg.get("meta")
        return None if meta is None else ProjectMeta.from_json(meta)


__getattr__, _ = lazy(__name__, {})  # names of the official module say why they are left out

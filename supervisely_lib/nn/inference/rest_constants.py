"""Names of the REST interface of a model."""

from __future__ import annotations

REST_INFERENCE_PORT = "rest_inference_port"  # environment variable

MODEL = "model"
GET_OUTPUT_META = "get_output_meta"
INFERENCE = "inference"
SUPPORTED_REQUEST_TYPES = [GET_OUTPUT_META, INFERENCE]

IMAGE = "image"
ANNOTATION = "annotation"
OUTPUT_META = "output_meta"

# Since 2020
GET_OUT_META = "get_out_meta"  # the value of GET_OUTPUT_META in the SDK of 2020
META = "meta"
MODE = "mode"
GPU_DEVICE = "GPU_DEVICE"  # environment variable

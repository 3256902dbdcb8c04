"""Names of the REST interface of a single model."""

from __future__ import annotations

REST_INFERENCE_PORT = "rest_inference_port"  # environment variable

MODEL = "model"
GET_OUTPUT_META = "get_output_meta"
INFERENCE = "inference"
SUPPORTED_REQUEST_TYPES = [GET_OUTPUT_META, INFERENCE]

IMAGE = "image"
ANNOTATION = "annotation"
OUTPUT_META = "output_meta"

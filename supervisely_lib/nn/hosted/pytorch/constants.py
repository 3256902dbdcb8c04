"""Names that ready-made torch plugins agree on."""

from __future__ import annotations

CUSTOM_MODEL_CONFIG = "custom_model_config"
HEAD_LAYER = "_head_layer"

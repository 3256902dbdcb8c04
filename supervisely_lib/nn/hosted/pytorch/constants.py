"""Names that trainer and applier of torch modules share."""

from __future__ import annotations

CUSTOM_MODEL_CONFIG = "custom_model_config"
HEAD_LAYER = "_head_layer"

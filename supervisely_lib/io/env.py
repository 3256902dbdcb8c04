"""Environment variables: read flags, and choose the visible GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence


def flag_from_env(s: str) -> bool:
    """Whether the text of a variable is TRUE, YES or 1, in upper or lower case."""
    return s.upper() in ("TRUE", "YES", "1")


def remap_gpu_devices(in_device_ids: Sequence[int]) -> list[int]:
    """Let the process see only these GPUs, and return their new ids: [3, 4] → [0, 1].

    It sets CUDA_VISIBLE_DEVICES, so call it before the first use of CUDA.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(device) for device in in_device_ids)
    return list(range(len(in_device_ids)))

"""What the environment says, and what it tells the GPU libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence


def flag_from_env(s: str) -> bool:
    """Whether a variable's text means yes: TRUE, YES or 1 in any case."""
    return s.upper() in ("TRUE", "YES", "1")


def remap_gpu_devices(in_device_ids: Sequence[int]) -> list[int]:
    """Let the process see only these GPUs, and give their ids from then on: [3, 4] → [0, 1].

    Sets CUDA_VISIBLE_DEVICES, so it must come before the first use of CUDA.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(device) for device in in_device_ids)
    return list(range(len(in_device_ids)))

"""One image through a segmentation network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.pytorch.cuda import cuda_variable


def infer_per_pixel_scores_single_image(
    model: Callable[[Any], Any], raw_input: Any, out_shape: Sequence[int], apply_softmax: bool = True
) -> NDArray[Any]:
    """Scores (H, W, C) for `raw_input`, a tensor (3, h, w), resized (cubic) to `out_shape` = (H, W).

    The model must be on the device `cuda_variable` uses: the GPU when there is one.
    """
    scores = model(cuda_variable(torch.stack([raw_input], 0), volatile=True))
    if apply_softmax:
        scores = torch.nn.functional.softmax(scores, dim=1)
    per_pixel = np.transpose(scores.data.cpu().numpy()[0], (1, 2, 0))
    return np.asarray(sly_image.resize(per_pixel, tuple(out_shape)))

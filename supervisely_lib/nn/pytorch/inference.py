"""Apply a segmentation network to an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.pytorch.cuda import cuda_variable

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20


def infer_per_pixel_scores_single_image(
    model: Callable[[Any], Any], raw_input: Any, out_shape: Sequence[int], apply_softmax: bool = True
) -> NDArray[Any]:
    """Scores (H, W, C) for `raw_input`, a tensor (3, h, w), resized (cubic) to `out_shape` = (H, W).

    The model must be on the device of `cuda_variable`: the GPU if the machine has one.
    """
    scores = model(cuda_variable(torch.stack([raw_input], 0), volatile=True))
    if apply_softmax:
        scores = torch.nn.functional.softmax(scores, dim=1)
    per_pixel = np.transpose(scores.data.cpu().numpy()[0], (1, 2, 0))
    return np.asarray(sly_image.resize(per_pixel, tuple(out_shape)))

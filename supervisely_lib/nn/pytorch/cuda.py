"""Move tensors to the device of the plugin."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Variable

_HAS_NO_GRAD = hasattr(torch, "no_grad")  # since torch 0.4


def cuda_variable(x: Any, volatile: bool = False) -> Any:
    """`x` as a variable on the GPU, or on the CPU if the machine has no GPU; `volatile`: without gradients."""
    if not _HAS_NO_GRAD:
        variable = Variable(x, volatile=volatile)
    elif volatile:
        with torch.no_grad():
            variable = Variable(x)
    else:
        variable = Variable(x)
    return to_device(variable)


def to_device(thing: Any) -> Any:
    """A tensor or module, moved to the GPU if the machine has one, else unchanged."""
    return thing.cuda() if torch.cuda.is_available() else thing

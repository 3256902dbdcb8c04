"""Reading and writing the weights file of a model state."""

from __future__ import annotations

import inspect
import os.path
from collections.abc import Mapping, Sequence
from pickle import UnpicklingError
from typing import Any

import torch


class WeightsRW:
    """A module's parameters and buffers in `model_dir/model_file` (default `model.pt`), a plain state dict."""

    def __init__(self, model_dir: str, model_file: str | None = None) -> None:
        self._weights_fpath = os.path.join(model_dir, model_file or "model.pt")

    def save(self, model: Any) -> None:
        torch.save(model.state_dict(), self._weights_fpath)

    def load_for_transfer_learning(
        self, model: Any, ignore_matching_layers: Sequence[str] | None = None, logger: Any = None
    ) -> Any:
        """Load the parameters of the file whose names the model has too; return the model.

        Names that contain an entry of `ignore_matching_layers` are skipped (usually the head). Names that only the
        model or only the file has are ignored. RuntimeError if parameters of the same name differ in shape.
        """
        weights = self._read()
        skipped = sorted(name for name in weights if any(part in name for part in ignore_matching_layers or ()))
        if skipped and logger is not None:
            logger.info("Skip weight init for output layers.", extra={"layer_names": skipped})
        _copy_parameters({name: weights[name] for name in weights if name not in set(skipped)}, model)
        return model

    def load_strictly(self, model: Any) -> Any:
        """Load all parameters of the model; return the model.

        KeyError that names the parameters that only the model or only the file has; RuntimeError for different shapes.
        """
        weights = self._read()
        in_file, in_model = set(weights), set(model.state_dict())
        if extra := in_file - in_model:
            raise KeyError(f"Parameters found in the snapshot file, but not in the model: {sorted(extra)}")
        if missing := in_model - in_file:
            raise KeyError(f"Parameters found in the model, but not in the snapshot file: {sorted(missing)}")
        _copy_parameters(weights, model)
        return model

    def _read(self) -> Mapping[str, Any]:
        # Tensors are read on the CPU and then copied to the model's device, so weights saved on a GPU need no GPU.
        # Every version of torch accepts a function as map_location.
        options: dict[str, Any] = {"map_location": lambda storage, location: storage}
        if "weights_only" in inspect.signature(torch.load).parameters:  # since torch 1.13
            options["weights_only"] = True  # an untrusted model must not run code
        try:
            weights = torch.load(self._weights_fpath, **options)
        except (UnpicklingError, EOFError, RuntimeError) as error:
            raise RuntimeError(
                f"Weights file {self._weights_fpath} is damaged or holds more than tensors. "
                f"Write it again with torch.save(model.state_dict(), path)."
            ) from error
        if not isinstance(weights, Mapping):
            raise RuntimeError(
                f"Weights file {self._weights_fpath} holds a {type(weights).__name__} instead of a state dict. "
                f"Write it again with torch.save(model.state_dict(), path)."
            )
        return weights


def _copy_parameters(source: Mapping[str, Any], model: Any) -> None:
    """Copy in place, into the tensors that `model.state_dict()` shares with the model."""
    destination = model.state_dict()
    for name, value in source.items():
        if name not in destination:
            continue
        target, tensor = destination[name], getattr(value, "data", value)
        # copy_ would silently broadcast (1,) to (5,).
        if tuple(target.size()) != tuple(tensor.size()):
            raise RuntimeError(
                f"While copying the parameter named {name}, whose dimensions in the model are {target.size()} and "
                f"whose dimensions in the checkpoint are {tensor.size()}."
            )
        target.copy_(tensor)

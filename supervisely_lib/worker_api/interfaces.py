"""What a server of a model needs of the model."""

from __future__ import annotations

from typing import Any


class SingleImageInferenceInterface:
    """A model that annotates an image. `SingleImageInferenceBase` is one."""

    def inference(self, image: Any, ann: Any) -> Any:
        """The results for an image (H, W, 3) with its annotation."""
        raise NotImplementedError

    def get_out_meta(self) -> Any:
        """The classes and tags of the results."""
        raise NotImplementedError

"""What goes from the artifacts into a Docker engine is what the record names, also when it is changed meanwhile."""

from __future__ import annotations

import io
from typing import Any

import pytest

from agent.domain import ImageBlob
from agent.engines import StoredImage
from agent.engines.docker_images import load_image
from agent.errors import ImageNotFound


def test_a_config_that_changes_after_it_was_hashed_never_reaches_the_engine() -> None:
    changed = b'{"rootfs": {"diff_ids": []}}'
    image = StoredImage("local/net:1", [ImageBlob("0" * 64, len(changed))], lambda _: io.BytesIO(changed), print)
    engine: Any = None  # is not asked
    with pytest.raises(ImageNotFound, match="changed in the artifacts"):
        load_image(engine, image)

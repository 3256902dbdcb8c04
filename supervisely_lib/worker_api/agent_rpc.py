"""Contents that a deployed model asks its server for, and the cache of its images."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from supervisely_lib._utils import batched
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.sly_logger import LOGGING_LEVELS
from supervisely_lib.worker_api.chunking import load_to_memory_chunked, load_to_memory_chunked_image
from supervisely_lib.worker_api.messages import Chunk, ChunkImage, Empty, ImagesHashes

_TRACE = LOGGING_LEVELS["TRACE"].int


class SimpleCache:
    """Images by hash; the cache is emptied when it holds `item_cnt_limit` images."""

    def __init__(self, item_cnt_limit: int) -> None:
        self._items: dict[str, Any] = {}
        self._limit = item_cnt_limit

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def add(self, key: str, value: Any) -> None:
        if len(self._items) >= self._limit:
            self._items.clear()
        self._items[key] = value


def download_image_from_remote(
    agent_api: Any, image_hash: str, src_node_token: str, logger: logging.Logger
) -> bytearray:
    """The file of an image by the hash of its content; the token names the agent that has the image."""
    request = ImagesHashes(images_hashes=[image_hash], src_node_token=src_node_token)
    content = load_to_memory_chunked_image(agent_api.get_stream_with_data("DownloadImages", ChunkImage, request))
    logger.log(_TRACE, "Image downloaded.", extra={"image_hash": image_hash, "len": len(content)})
    return content


def download_data_from_remote(agent_api: Any, req_id: str, logger: logging.Logger) -> bytearray:
    """The file of the image that came with a request."""
    headers = {"x-request-id": req_id}
    parts = agent_api.get_stream_with_data("GetGeneralEventData", Chunk, Empty(), addit_headers=headers)
    content = load_to_memory_chunked(parts)
    logger.log(_TRACE, "Data downloaded.", extra={"request_id": req_id, "len": len(content)})
    return content


def send_from_memory_generator(out_bytes: bytes, chunk_size: int) -> Iterator[Chunk]:
    """A content as messages of at most `chunk_size` bytes of it."""
    for part in batched(out_bytes, chunk_size):
        yield Chunk(buffer=part, total_size=len(out_bytes))


def decode_image(img_data_packed: bytes | bytearray) -> Any:
    """(H, W, 3) uint8 RGB of the file of an image, as `imaging.image.read` gives it."""
    return sly_image.read_bytes(bytes(img_data_packed))

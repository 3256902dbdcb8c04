"""Multipart replies: blobs as parts of a form, streamed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from agent.artifacts import Blob
from agent.artifacts.portions import brought

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import Image

_CHUNK = 1 << 20


def images_reply(artifacts: Artifacts, images: Sequence[Image]) -> StreamingResponse:
    """The images as parts named by their ids, streamed; a client finds `name="<id>"` (contract: web_api.md 3)."""
    parts = [(f'name="{image.id}"; filename="{image.id}"', image.mime, image.sha256) for image in images]
    return _parts_reply(artifacts, parts)


def blobs_reply(artifacts: Artifacts, hashes: Mapping[str, str]) -> StreamingResponse:
    """Bytes as parts named by their hashes (name → sha256) and nothing more: clients take all that follows `name=`."""
    parts = [(f'name="{name}"', "application/octet-stream", sha256) for name, sha256 in hashes.items()]
    return _parts_reply(artifacts, parts)


def _parts_reply(artifacts: Artifacts, parts: Sequence[tuple[str, str, str]]) -> StreamingResponse:
    """Blobs as parts of a form, streamed: (disposition, kind, sha256) each."""
    boundary = secrets.token_hex(16)
    heads = [
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {mime}\r\n\r\n".encode()
        for disposition, mime, _ in parts
    ]
    blobs = [sha256 for _, _, sha256 in parts]
    end = f"--{boundary}--\r\n".encode()
    # A blob that is lost is found out before the first byte is sent.
    sizes = artifacts.sizes(blobs)
    length = sum(map(len, heads)) + sum(sizes) + len(blobs) * 2 + len(end)

    def body() -> Iterator[bytes]:
        parts = zip(heads, map(Blob, blobs, sizes), strict=True)
        for head, wanted in brought(artifacts, parts, lambda part: part[1]):
            yield head
            with artifacts.open(wanted.sha256) as blob:
                while chunk := blob.read(_CHUNK):
                    yield chunk
            yield b"\r\n"
        yield end

    return StreamingResponse(
        body(),
        media_type=f"multipart/form-data; boundary={boundary}",
        headers={"content-length": str(length)},
    )

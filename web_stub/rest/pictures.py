"""The bytes of an image, of a project or of a task: as they are, for a browser, small."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from web_stub.budget import unless_gone
from web_stub.context import Web
from web_stub.downloads import blob_response
from web_stub.gallery.browser_view import is_shown_alike
from web_stub.gallery.thumbnails import MEDIA_TYPE, SIZES

_KEEP = "private, max-age=604800, immutable"
FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "The image's bytes as they came, or what is needed of them"},
    206: {"content": {"image/*": {}}, "description": "The range asked for"},
    304: {"description": "The client has it already"},
    416: {"description": "The range lies outside the image"},
}
PICTURE: dict[int | str, dict[str, Any]] = {
    **FILE,
    200: {
        "content": {"image/*": {}},
        "description": "The image's own bytes, or a PNG with the pixels that plugins get",
    },
}
THUMBNAIL: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A picture, upright"},
    304: {"description": "The client has it already"},
}
Size = Annotated[int, Query(ge=1, le=SIZES[-1], description="pixels of the longer side, at least")]
Of = Annotated[str, Query(max_length=64, description="begin of the sha256: lets a browser keep the picture")]


class Stored(Protocol):
    """An image whose bytes are in the artifacts."""

    @property
    def sha256(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def name(self) -> str: ...


def file_of(web: Web, request: Request, image: Stored) -> Response:
    return blob_response(request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name)


async def picture_of(web: Web, request: Request, image: Stored) -> Response:
    """The image's own bytes where every browser shows the pixels that a plugin gets, else a PNG."""
    etag = f'"{image.sha256}-whole"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)

    def alike() -> bool:
        with web.artifacts.open(image.sha256) as file:
            return is_shown_alike(file, image.mime)

    if await run_in_threadpool(alike):
        return await run_in_threadpool(file_of, web, request, image)
    picture = await unless_gone(request, web.thumbnails.whole(image.sha256, image.mime))
    return Response(picture, media_type="image/png", headers=headers)


async def thumbnail_of(web: Web, request: Request, image: Stored, size: int, of: str) -> Response:
    """Upright, as WebP, never larger than the image; a browser may keep it where `of` begins its hash."""
    size = next(offered for offered in SIZES if offered >= size)
    headers = {"etag": f'"{image.sha256}-{size}"', "cache-control": "private, no-cache"}
    if of and image.sha256.startswith(of):
        headers["cache-control"] = _KEEP
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    picture = await unless_gone(request, web.thumbnails.picture(image.sha256, image.mime, size))
    return Response(picture, media_type=MEDIA_TYPE, headers=headers)

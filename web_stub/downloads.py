"""A blob as a response: streamed, with ranges, and an ETag that is its hash (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from agent.artifacts import Artifacts

_CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_DIGITS = 18  # more name a position behind the end of every file; `int` refuses thousands of them


def blob_response(request: Request, artifacts: Artifacts, sha256: str, *, media_type: str, filename: str) -> Response:
    """The whole blob, the range asked for, or 304. A request for several ranges gets the whole. Raises NotFound."""
    size = artifacts.size(sha256)
    etag = f'"{sha256}"'
    headers = {
        "etag": etag,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": disposition(filename),
    }
    if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    start, stop = 0, size
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range", etag) == etag:
        part = byte_range(wanted, size)
        if part == "unsatisfiable":
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
        if isinstance(part, tuple):
            start, stop = part
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["content-length"] = str(stop - start)
    status = 206 if "content-range" in headers else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = _bytes(artifacts, sha256, start, stop)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=media_type)


def byte_range(header: str, size: int) -> tuple[int, int] | str | None:
    """`bytes=2-5` → (2, 6), `bytes=-3` → the last three. None: serve the whole. "unsatisfiable": 416."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = (_position(digits) for digits in match.groups())
    if first is None:
        return (max(0, size - last), size) if last and size else "unsatisfiable"
    start = first
    stop = size if last is None else min(last + 1, size)
    if last is not None and last < start:
        return None
    return (start, stop) if start < size else "unsatisfiable"


def _position(digits: str) -> int | None:
    digits = digits.lstrip("0") or digits[:1]
    if len(digits) > _DIGITS:
        return int("9" * _DIGITS)
    return int(digits) if digits else None


def disposition(filename: str) -> str:
    """Content-Disposition for any name: an ASCII name for old clients, the true name for others (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _bytes(artifacts: Artifacts, sha256: str, start: int, stop: int) -> Iterator[bytes]:
    with artifacts.open(sha256) as blob:
        blob.seek(start)
        left = stop - start
        while left > 0 and (chunk := blob.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk

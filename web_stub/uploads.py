"""A model state that a request brings, on its way into the artifacts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from agent.fs.names import read_number
from agent.library import StateUpload

if TYPE_CHECKING:
    from agent.artifacts import Artifacts


@asynccontextmanager
async def state_upload(request: Request, artifacts: Artifacts, *, name: str) -> AsyncIterator[StateUpload]:
    """An upload to write the tar into. Nothing of it is left unless it was finished in the block.

    Raises DiskFull at once when the request's Content-Length does not fit.
    """
    upload = StateUpload(artifacts, name=name, size_bytes=_announced_bytes(request))
    try:
        await run_in_threadpool(upload.__enter__)
        yield upload
    finally:
        with anyio.CancelScope(shield=True):  # a client that goes away cancels what is awaited here, too
            await run_in_threadpool(upload.__exit__, None, None, None)


def _announced_bytes(request: Request) -> int | None:
    return read_number(request.headers.get("content-length", ""))

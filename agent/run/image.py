"""The image of a task's plugin on the engine of this node: which one runs here, and where it comes from.

A plugin whose image was pushed or is kept runs that very image everywhere, by its digest: a tag that was built anew
since means nothing. Any other plugin runs what the engine knows by the plugin's name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from agent.artifacts import Blob
from agent.engines import StoredImage
from agent.errors import Damaged, ImageNotFound, NotFound
from agent.installation import node_of

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import Plugin
    from agent.engines import Engine, ImageInfo
    from agent.installation import Installation


class From(StrEnum):
    """Where an engine that does not have an image gets it from."""

    NAME = "name"  # as the engine knows the plugin's name, pulled where that is allowed
    REGISTRY = "registry"  # by digest
    ARTIFACTS = "artifacts"


def sources(plugin: Plugin, pull: str) -> tuple[From, ...]:
    """What to try for an image that is not here, the first first. Pure.

    `pull=never` is about registries: the artifacts are the installation's own.
    """
    if not plugin.is_shared:
        return (From.NAME,)
    found = [From.REGISTRY] if plugin.pushed is not None and pull != "never" else []
    return (*found, *([From.ARTIFACTS] if plugin.kept_bytes is not None else ()))


class Loading:
    """How much of an image has gone to the engine; read by another thread. `stop` ends it at the next piece."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes, self.done_bytes = total_bytes, 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def tell(self, size_bytes: int) -> None:
        if self._stopped.is_set():
            raise ImageNotFound("the image was not loaded to its end, because the task has ended")
        self.done_bytes += size_bytes


def have_image(engine: Engine, plugin: Plugin, pull: str, installation: Installation, loading: Loading) -> ImageInfo:
    """The image that the plugin runs as. Raises ImageNotFound, CouldNotStart, EngineUnavailable, StorageFailed."""
    if not plugin.is_shared or plugin.image_digest is None:
        return engine.image(plugin.reference, pull)
    if (here := engine.image_here(plugin.image_digest, plugin.reference)) is not None:
        return here
    failed = []
    for source in sources(plugin, pull):
        try:
            if source is From.REGISTRY and plugin.pushed is not None:
                return engine.image(plugin.pushed, "missing")  # under a digest nothing newer can be there
            return _loaded(engine, plugin, installation, loading)
        except ImageNotFound as error:
            failed.append(str(error))
    raise ImageNotFound(
        "; and ".join(failed)
        or f"the engine does not have the image of {plugin.reference} that was pushed as {plugin.pushed}, and pulling "
        f"is switched off (pull={pull})"
    )


def _loaded(engine: Engine, plugin: Plugin, installation: Installation, loading: Loading) -> ImageInfo:
    """Of several tasks of this machine that want the image, one loads it."""
    assert plugin.image_digest is not None
    artifacts = installation.artifacts
    blobs = installation.store.plugins.image_blobs(plugin.id)
    if not blobs:
        raise ImageNotFound(
            f"the image of {plugin.reference} is not kept in the artifacts any more; `agent plugin push {plugin.id}` "
            "where it was built keeps it again"
        )
    node = node_of(installation.settings)
    with artifacts.lock(f"image-{blobs[0].sha256[:12]}-{node[:12]}"):
        if (here := engine.image_here(plugin.image_digest, plugin.reference)) is not None:
            return here
        artifacts.bring([Blob(blob.sha256, blob.size_bytes) for blob in blobs], lambda: loading.tell(0))
        image = StoredImage(
            plugin.reference,
            blobs,
            open=_opener(artifacts, plugin),
            place=_placer(artifacts, plugin),
            tell=loading.tell,
        )
        return engine.load_image(image)


def _opener(artifacts: Artifacts, plugin: Plugin) -> Callable[[str], BinaryIO]:
    """Opens blobs of the plugin's image, which are hashed before a byte of them goes anywhere."""

    def opened(sha256: str) -> BinaryIO:
        try:
            return artifacts.open(sha256, verify=True)
        except (NotFound, Damaged) as error:  # what cannot be read for a moment is the machine's trouble
            raise _broken(plugin, error) from error

    return opened


def _placer(artifacts: Artifacts, plugin: Plugin) -> Callable[[str, Path], object]:
    opened = _opener(artifacts, plugin)

    def placed(sha256: str, dest: Path) -> None:
        opened(sha256).close()
        artifacts.place(sha256, dest, "shared")

    return placed


def _broken(plugin: Plugin, why: Exception) -> ImageNotFound:
    return ImageNotFound(
        f"the image of {plugin.reference} cannot be loaded from the artifacts, so nothing of it was: {why} "
        f"`agent plugin push {plugin.id}` on a machine that has the image puts it there again"
    )

"""The images of plugins for other nodes: pushed to a registry, or kept in the artifacts, layer by layer.

A registry serves every node and Kubernetes; the artifacts serve the nodes of this installation where there is no
registry. The record of the plugin says where its image can be had and which image that is, by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from agent.domain import LOCAL_IMAGES, ImageBlob, Plugin
from agent.errors import Conflict, Damaged, ImageNotFound, NotFound
from agent.formats.image_archive import CHUNK_BYTES, ImageParts
from agent.fs.disk import size_text
from agent.library.plugins import add_plugin_image

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.engines.docker import DockerEngine
    from agent.settings import Settings
    from agent.store import Store

OnLine = Callable[[str], object]  # gets what is told meanwhile, newlines included

_SAVES = 2  # the second puts again what was found damaged in the artifacts after the first


def is_registry(name: str) -> bool:
    """Whether AGENT_REGISTRY, or another first part of images' names, means a registry. Pure."""
    return not f"{name}/".startswith(LOCAL_IMAGES)


def pushes(settings: Settings, registry: str, asked: bool | None = None) -> bool:
    """Whether what is built here is given to the other nodes as well. `asked`: on the command line. Pure.

    By default where there are other nodes, which share a database server, and a registry: into the artifacts gigabytes
    go only when somebody asks for it.
    """
    if asked is not None or settings.push != "auto":
        return settings.push == "always" if asked is None else asked
    is_shared = bool(settings.store_url) and not settings.store_url.startswith("sqlite")
    return is_shared and is_registry(registry)


def push_target(plugin: Plugin, registry: str) -> str:
    """The name of a plugin's image in the registry. Pure."""
    image = plugin.image
    if image.startswith(f"{registry}/"):
        return plugin.reference
    first, _, rest = image.partition("/")
    has_host = bool(rest) and (first == "localhost" or "." in first or ":" in first)
    return f"{registry}/{rest if has_host or image.startswith(LOCAL_IMAGES) else image}:{plugin.tag}"


def image_to_share(store: Store, engine: DockerEngine, plugin: Plugin, *, node: str) -> Plugin:
    """The plugin as the image under its name on this engine says, with the id of that image.

    Raises ImageNotFound, with the node to go to.
    """
    try:
        info = engine.image(plugin.reference, pull="never")
    except ImageNotFound:
        if (digest := plugin.image_digest) and engine.image_here(digest, plugin.reference) is not None:
            return plugin
        name = store.nodes.names().get(plugin.node or "", (plugin.node or "")[:8])
        where = f"; node {name} has it: do this there" if not plugin.is_of(node) else "; build it with `agent build`"
        raise ImageNotFound(f"the engine of this machine has no image {plugin.reference}{where}") from None
    if info.digest == plugin.image_digest:
        return plugin
    if plugin.on(node).folder is not None:  # built from it a moment ago
        return replace(plugin, image_digest=info.digest)  # the record has the old image until others can have this one
    return add_plugin_image(store, info, node=node)


def share_image(
    store: Store, artifacts: Artifacts, engine: DockerEngine, plugin: Plugin, *, registry: str, on_line: OnLine
) -> Plugin:
    """Give the image `plugin.image_digest` of this engine to all nodes, by the registry or the artifacts.

    Raises PushFailed, EngineUnavailable, CouldNotStart, StorageFailed, DiskFull. The image stays usable here.
    """
    if plugin.image_digest is None:
        raise Conflict(f"plugin {plugin.reference} has not been built; build it with `agent build`")
    if is_registry(registry):
        from agent.engines.docker_images import push_image  # late: the engine's client is slow to import

        target = push_target(plugin, registry)
        on_line(f"pushing {target}\n")
        pushed = push_image(engine, plugin.image_digest, target, on_line)
        on_line(f"pushed as {pushed}\n")
        return store.plugins.set_pushed(plugin.id, plugin.image_digest, pushed)
    return _keep(store, artifacts, engine, plugin, plugin.image_digest, on_line)


def _keep(
    store: Store, artifacts: Artifacts, engine: DockerEngine, plugin: Plugin, digest: str, on_line: OnLine
) -> Plugin:
    """Keep the image in the artifacts; a layer that is there already takes no further space.

    Until the record names them, its blobs are like those of an import that failed: they go after a day.
    """
    from agent.engines.docker_images import save_image  # late, as above

    on_line(f"keeping the image of {plugin.reference} in the artifacts\n")
    known = {blob.sha256: blob.size_bytes for blob in store.plugins.image_blobs(plugin.id)}
    is_known = f"sha256:{next(iter(known), '')}" == digest  # or another node has kept another build meanwhile
    if is_known and _are_whole(artifacts, known, may_delete=True):
        on_line("it is kept there already\n")
        return plugin
    for attempt in range(_SAVES):
        sizes: dict[str, int] = {}

        def take(layer: IO[bytes], sizes: dict[str, int] = sizes) -> str:
            with artifacts.writer(what="layer") as out:
                while data := layer.read(CHUNK_BYTES):
                    out.write(data)
            sizes[out.blob.sha256] = out.blob.size_bytes
            on_line(f"{out.blob.sha256[:12]}: {size_text(out.blob.size_bytes)}\n")
            return out.blob.sha256

        parts = save_image(engine, digest, take)
        config = artifacts.put_bytes(parts.config)
        sizes[config.sha256] = config.size_bytes
        if _are_whole(artifacts, sizes, may_delete=attempt + 1 < _SAVES):
            break
    blobs = [ImageBlob(sha256, sizes[sha256]) for sha256 in (config.sha256, *parts.layers)]
    kept = store.plugins.set_kept(plugin.id, parts.digest, blobs)
    on_line(f"kept in the artifacts: {_described(parts, kept)}\n")
    return kept


def _are_whole(artifacts: Artifacts, sizes: dict[str, int], *, may_delete: bool) -> bool:
    """Whether the artifacts have each blob as its hash says: one may have been there before, and be damaged.

    `may_delete`: such a blob is deleted, to be put again; else StorageFailed, NotFound.
    """
    whole = True
    for sha256 in sizes:
        try:
            if not artifacts.exists(sha256):  # a copy in the cache of this machine is of no use to the others
                raise NotFound(f"There is no blob {sha256} in the artifacts.")
            artifacts.open(sha256, verify=True).close()
        except (NotFound, Damaged):  # what cannot be read for a moment is left as it is
            if not may_delete:
                raise
            artifacts.delete(sha256)
            whole = False
    return whole


def _described(parts: ImageParts, kept: Plugin) -> str:
    layers = "1 layer" if len(parts.layers) == 1 else f"{len(parts.layers)} layers"
    return f"{layers}, {size_text(kept.kept_bytes or 0)}"

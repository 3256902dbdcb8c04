"""Plugins into the library, from their source or their image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import LOCAL_IMAGES, Plugin
from agent.formats.plugin import from_labels, read_plugin_folder

if TYPE_CHECKING:
    from agent.engines import ImageInfo
    from agent.store import Store


def add_plugin_folder(store: Store, path: Path, registry: str, *, node: str | None = None) -> Plugin:
    """Add a plugin from its source, or bring what is known of this version up to date. Raises NotFound, Invalid.

    `node` is the one that has the folder.
    """
    folder = read_plugin_folder(path)
    image = folder.reference(registry).rpartition(":")[0]
    known = _known_plugin(store, image, folder.tag)
    unchanged = known is not None and known.content_sha256 == folder.content_sha256
    return store.plugins.put(
        title=folder.title,
        description=folder.description,
        type=folder.type,
        image=image,
        tag=folder.tag,
        modes=folder.modes,
        readme=folder.readme,
        configs=folder.configs,
        config_schemas=folder.config_schemas,
        image_digest=known.image_digest if known and unchanged else None,
        folder=str(folder.path),
        content_sha256=folder.content_sha256,
        node=node,
    )


def add_plugin_image(store: Store, info: ImageInfo, *, node: str | None = None) -> Plugin:
    """Add a plugin by the labels of its image. Raises Invalid.

    The folder it was built from stays known as long as image and folder are of the same content. `node` is the one that
    has the image: an image of no registry is there only, one of a registry can be had everywhere, without the folder.
    """
    labels = from_labels(info.labels, info.reference)
    known = _known_plugin(store, labels.image, labels.tag)
    is_here_only = node is None or labels.image.startswith(LOCAL_IMAGES)
    same = known is not None and known.content_sha256 == labels.content_sha256 is not None
    same = same and is_here_only and known is not None and known.node in (None, node)
    return store.plugins.put(
        title=labels.title,
        description=labels.description,
        type=labels.type,
        image=labels.image,
        tag=labels.tag,
        modes=labels.modes,
        readme=labels.readme,
        configs=labels.configs,
        config_schemas=labels.config_schemas,
        image_digest=info.digest,
        folder=known.folder if known and same else None,
        content_sha256=labels.content_sha256,
        node=node if is_here_only else None,
    )


def _known_plugin(store: Store, image: str, tag: str) -> Plugin | None:
    return next((one for one in store.plugins.list() if (one.image, one.tag) == (image, tag)), None)

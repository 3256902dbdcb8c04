"""Deletion of blobs that no row names, without loss for a writer that puts the same bytes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

BLOB_IDLE_S = 86_400.0  # a blob that was put or asked for is named by a row within this time, or by none


def collect_blob(store: Store, artifacts: Artifacts, sha256: str, *, idle_s: float = BLOB_IDLE_S) -> int:
    """Delete a blob if no row names it and nobody has put or asked for it within `idle_s`; the bytes freed.

    A younger one stays until `agent retention` comes by.
    """
    if others_share(store, artifacts):
        return 0
    with store.blobs.unnamed(sha256) as free:
        return artifacts.collect(sha256, idle_s) if free else 0


def others_share(store: Store, artifacts: Artifacts) -> bool:
    """Whether another store has used these artifacts too: what this one does not name, that one may."""
    return artifacts.used_by(store.name) != {store.name}

"""The clusters by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import NotFound

if TYPE_CHECKING:
    from agent.clusters import Cluster
    from agent.settings import Settings

NAMES = ("kubernetes", "slurm")


def require_known(name: str) -> None:
    """Raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"there is no cluster {name!r}; write one of: {', '.join(NAMES)}")


def open_cluster(name: str, settings: Settings) -> Cluster:
    """Asks nothing of the cluster yet. Raises NotFound."""
    require_known(name)
    if name == "slurm":
        from agent.clusters.slurm import Slurm  # late, as the other: one of them is needed

        return Slurm(settings)
    from agent.clusters.kubernetes import Kubernetes

    return Kubernetes(settings)

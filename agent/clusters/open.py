"""The clusters by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import NotFound

if TYPE_CHECKING:
    from agent.clusters import Cluster
    from agent.settings import Settings

NAMES = ("slurm",)


def open_cluster(name: str, settings: Settings) -> Cluster:
    """Asks nothing of the cluster yet. Raises NotFound."""
    if name != "slurm":
        raise NotFound(f"there is no cluster {name!r}; write one of: {', '.join(NAMES)}")
    from agent.clusters.slurm import Slurm  # late: an agent in a job needs it only when its job is ended

    return Slurm(settings)

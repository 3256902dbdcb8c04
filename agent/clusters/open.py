"""The clusters by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import NotFound

if TYPE_CHECKING:
    from agent.clusters import Cluster
    from agent.settings import Settings

NAMES = ("slurm",)


def require_known(name: str) -> None:
    """Raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"there is no cluster {name!r}; write one of: {', '.join(NAMES)}")


def open_cluster(name: str, settings: Settings) -> Cluster:
    """Asks nothing of the cluster yet. Raises NotFound."""
    require_known(name)
    from agent.clusters.slurm import Slurm  # late: the others will not need it

    return Slurm(settings)

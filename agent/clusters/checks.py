"""`agent cluster check`, by the name of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from agent.clusters.open import require_known
from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from agent.settings import Settings


def check_cluster(name: str, settings: Settings, *, wait_s: float) -> Iterator[Finding]:
    """Findings one after the other, as they are known. Raises NotFound for an unknown name."""
    require_known(name)
    if name == "slurm":
        from agent.clusters.slurm import Slurm
        from agent.clusters.slurm_check import check_slurm

        yield from check_slurm(settings, Slurm(settings), wait_s=wait_s)
        return
    from agent.clusters.kubernetes import Kubernetes
    from agent.clusters.kubernetes_check import check_kubernetes

    with closing(Kubernetes(settings)) as cluster:
        yield from check_kubernetes(settings, cluster, wait_s=wait_s)

"""`python -m tests.chaos --cluster …`: start the cluster, do it, print the report; exit code 1 with findings."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.chaos.clusters.places import on_kubernetes, on_slurm
from tests.chaos.clusters.run import Report
from tests.support.fleet import bring_images
from tests.support.inputs import ROOT
from tests.support.kubernetes_cluster import running_kubernetes
from tests.support.slurm import slurm_cluster

BASE_IMAGE = "supervisely-local/base:0.1.0"


def on_cluster(name: str, seed: int, seconds: float, away_s: Mapping[str, float]) -> int:
    if name == "slurm" and "agent" in away_s:
        sys.exit("a job of Slurm ends with its agent, so no agent can be away there; leave agent= out of --away")
    kept = ROOT / ".build" / "chaos"
    kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-seed-{seed}-", dir=kept))
    folder.chmod(0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # what was started is ended, too
    try:
        report = (_kubernetes if name == "kubernetes" else _slurm)(folder, seed, seconds, away_s)
    except (pytest.skip.Exception, pytest.fail.Exception) as absent:  # a support module says why there is no cluster
        sys.exit(str(absent))
    (folder / "report.txt").write_text(report.text())
    print(report.text())
    print(f"kept in {folder}")
    return 1 if report.problems else 0


def _kubernetes(folder: Path, seed: int, seconds: float, away_s: Mapping[str, float]) -> Report:
    subprocess.run([ROOT / "scripts" / "base-image.sh", BASE_IMAGE], check=True, capture_output=True)
    with running_kubernetes() as cluster:
        bring_images(cluster, BASE_IMAGE, folder)
        return on_kubernetes(cluster, folder, seed=seed, seconds=seconds, away_s=away_s)


def _slurm(folder: Path, seed: int, seconds: float, away_s: Mapping[str, float]) -> Report:
    with slurm_cluster() as cluster:
        if isinstance(cluster, str):
            sys.exit(cluster)
        return on_slurm(cluster, folder, seed=seed, seconds=seconds, away_s=away_s)

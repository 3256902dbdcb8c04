"""Clusters: how quickly tasks are placed, how soon a task says something, and what a controller costs.

Placing is measured on hollow nodes, whose pods run at once and do nothing: so it is our controller and Kubernetes' own
parts that share the two cores. The peer is a client that makes as many plain Jobs. First lines come from real nodes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from agent.store import open_store
from benchmarks import Ratio
from benchmarks._controller import Cost, controller
from benchmarks._first_line import FirstLine, on_kubernetes, on_slurm, tell
from benchmarks._hollow import hollow_nodes, program_of
from benchmarks._placing import Placed, make_jobs, place_tasks, pods_in, queue, settings_of
from tests.support.kubernetes_cluster import KubernetesCluster, running_kubernetes
from tests.support.postgres import PostgresServer, programs_missing, started_postgres
from tests.support.slurm import slurm_cluster

NODES = 20
LATER_S = 1.0  # so much later than a bare job a task may say something
PLACING_LIMIT_MS = 15.0
COST_S = 20.0


@dataclass(frozen=True, slots=True)
class Limits:
    cpu_percent: float
    transactions_per_s: float
    requests_per_s: float
    connections: float


IDLE_LIMITS = Limits(1.0, 1.5, 0.1, 3.0)
BUSY_LIMITS = Limits(5.0, 2.0, 1.0, 3.0)


def measure(rounds: int, tasks: int = 1000) -> Iterable[Ratio]:
    if missing := programs_missing():
        sys.stderr.write(f"clusters: left out, {missing}\n")
        return []
    ratios: list[Ratio] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-clusters-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(started_postgres(syncs=True))
        with slurm_cluster() as slurm:
            if isinstance(slurm, str):
                sys.stderr.write(f"clusters: Slurm is left out, {slurm}\n")
            else:
                ratios += _first_lines("slurm", on_slurm(slurm, postgres, _made(folder / "slurm")), rounds)
        try:
            kubernetes = stack.enter_context(running_kubernetes())
        except pytest.skip.Exception as missing:
            sys.stderr.write(f"clusters: Kubernetes is left out, {missing}\n")
            return ratios
        stack.enter_context(_kubeconfig(kubernetes))
        on_pods = on_kubernetes(kubernetes, postgres, _made(folder / "kubernetes"))
        ratios += _first_lines("kubernetes", on_pods, rounds)
        if not program_of(kubernetes).exists():
            sys.stderr.write("clusters: hollow nodes are left out, `scripts/cluster-kubernetes.sh build kubemark`\n")
            return ratios
        with hollow_nodes(kubernetes, NODES):
            ratios += _placing(kubernetes, postgres, folder, min(rounds, 3), tasks)
            ratios += _control(kubernetes, postgres, folder, tasks)
    return ratios


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _first_lines(name: str, cluster: AbstractContextManager[Callable[[], FirstLine]], rounds: int) -> Iterator[Ratio]:
    measured = []
    with cluster as measure_once:
        measure_once()  # what only the first one pays for
        for _ in range(rounds):
            measured.append(measure_once())
            tell(name, measured[-1])
    ours, bare = (median(values) for values in zip(*((one.ours_s, one.bare_s) for one in measured), strict=True))
    said = f"median {ours:.2f} s, bare {bare:.2f} s"
    values = tuple((one.bare_s + LATER_S) / one.ours_s for one in measured)
    yield Ratio(f"{name} first line", "submission → committed", f"bare + {LATER_S:g} s", values, 1.0, said)


@contextmanager
def _kubeconfig(cluster: KubernetesCluster) -> Iterator[None]:
    """All clients of this process and its children find the cluster."""
    before = {name: os.environ.get(name) for name in ("KUBECONFIG", "NO_PROXY", "no_proxy")}
    os.environ |= {"KUBECONFIG": str(cluster.kubeconfig), "NO_PROXY": "*", "no_proxy": "*"}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _placing(
    cluster: KubernetesCluster, postgres: PostgresServer, folder: Path, rounds: int, tasks: int
) -> Iterator[Ratio]:
    ours, jobs = list[Placed](), list[Placed]()
    for round_ in range(rounds):
        for turn in ("ours", "jobs") if round_ % 2 == 0 else ("jobs", "ours"):
            name = f"{turn}-{round_}"
            if turn == "ours":
                ours.append(place_tasks(cluster, postgres, name, tasks, folder / name))
            else:
                jobs.append(make_jobs(cluster, name, tasks))
            sys.stderr.write(f"clusters: {name} {(ours if turn == 'ours' else jobs)[-1]}\n")
    rates = tuple(mine.per_s / plain.per_s for mine, plain in zip(ours, jobs, strict=True))
    mine, plain = (median(one.per_s for one in each) for each in (ours, jobs))
    yield Ratio(
        "clusters placing", f"{tasks} tasks", "as many plain Jobs", rates, 0.9, f"{mine:.1f} pods/s, Jobs {plain:.1f}"
    )
    cpu_ms, requests = (median(each) for each in zip(*((one.cpu_ms, one.requests) for one in ours), strict=True))
    yield _at_most("a placed task: processor", cpu_ms, PLACING_LIMIT_MS, " ms")
    yield _at_most("a placed task: requests", requests, 1.2, "")


def _control(cluster: KubernetesCluster, postgres: PostgresServer, folder: Path, tasks: int) -> Iterator[Ratio]:
    postgres.empty()
    with (
        pods_in(cluster, "control") as pods,
        controller(_made(folder / "control"), settings_of(postgres, "control", folder)) as running,
    ):
        yield from _costs("idle controller", running.cost(COST_S), IDLE_LIMITS)
        for count, before in ((tasks // 10, 0), (tasks, tasks // 10)):
            with open_store(postgres.url) as store:
                queue(store, count - before)
            pods.until_running(count)
            yield from _costs(f"{count} running", running.cost(COST_S), BUSY_LIMITS)
    postgres.empty()
    with (
        pods_in(cluster, "waiting"),
        controller(_made(folder / "waiting"), settings_of(postgres, "waiting", folder)) as running,
    ):
        for count, before in ((tasks // 10, 0), (tasks, tasks // 10)):
            with open_store(postgres.url) as store:
                queue(store, count - before, gpus="0")  # which no hollow node has
                while sum(store.placements.load("kubernetes")) < count:
                    store.wait_for_change(1.0)
            yield from _costs(f"{count} waiting", running.cost(COST_S), BUSY_LIMITS)


def _costs(name: str, cost: Cost, limits: Limits) -> Iterator[Ratio]:
    sys.stderr.write(f"clusters: {name} {cost}\n")
    yield _at_most(f"{name}: processor", cost.cpu_percent, limits.cpu_percent, " %")
    yield _at_most(f"{name}: transactions", cost.transactions_per_s, limits.transactions_per_s, "/s")
    yield _at_most(f"{name}: requests", cost.requests_per_s, limits.requests_per_s, "/s")
    yield _at_most(f"{name}: connections", cost.connections, limits.connections, "")


def _at_most(what: str, value: float, limit: float, unit: str) -> Ratio:
    against, said = f"{limit:g}{unit}", f"{value:.2f}{unit}"
    return Ratio(what, "agent run --cluster", against, (limit / max(value, limit / 100),), 1.0, said)

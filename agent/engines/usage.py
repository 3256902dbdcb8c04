"""What a container uses of its machine: as a Docker engine tells it, or counted over processes.

Docker's figures are read as `docker stats` reads them: memory without the files that the kernel may drop from its cache
(`inactive_file`), disk from the block devices' own counts, the network over all interfaces of the container.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """A reading. Times and bytes count from the container's start, the others are of this moment; None: not told."""

    cpu_s: float
    memory_bytes: int
    processes: int
    received_bytes: int | None = None  # over the network
    sent_bytes: int | None = None
    read_bytes: int | None = None  # from disks
    written_bytes: int | None = None
    pids: tuple[int, ...] = ()  # of its processes, as the machine numbers them; empty: not told


def usage_of_stats(stats: Mapping[str, Any]) -> Usage | None:
    """The answer of `GET /containers/{id}/stats`. None for a container that does not run: its answer has no figures."""
    memory, processor = stats.get("memory_stats") or {}, (stats.get("cpu_stats") or {}).get("cpu_usage") or {}
    if "usage" not in memory or "total_usage" not in processor:
        return None
    counts = memory.get("stats") or {}
    droppable = counts.get("total_inactive_file", counts.get("inactive_file", 0))  # cgroup v1, v2
    networks = (stats.get("networks") or {}).values()
    has_disks = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") is not None
    return Usage(
        cpu_s=processor["total_usage"] / 1e9,
        memory_bytes=max(0, memory["usage"] - droppable),
        processes=int((stats.get("pids_stats") or {}).get("current") or 0),
        received_bytes=sum(network.get("rx_bytes", 0) for network in networks) if networks else None,
        sent_bytes=sum(network.get("tx_bytes", 0) for network in networks) if networks else None,
        read_bytes=_disk_bytes(stats, "read") if has_disks else None,
        written_bytes=_disk_bytes(stats, "write") if has_disks else None,
    )


def _disk_bytes(stats: Mapping[str, Any], what: str) -> int:
    counts = stats["blkio_stats"]["io_service_bytes_recursive"]
    return sum(count["value"] for count in counts if str(count.get("op")).lower() == what)


def usage_of_processes(processes: Iterable[psutil.Process]) -> Usage | None:
    """The sum over these processes and the ended children that they have waited for; None when all have ended.

    Memory that processes share is divided among them where the kernel tells (PSS). Their network is not told apart from
    other programs'.
    """
    import psutil  # late: every command loads this module, and few ask for processes

    cpu_s, memory_bytes, read_bytes, written_bytes, pids = 0.0, 0, 0, 0, []
    for process in processes:
        with suppress(psutil.Error), process.oneshot():
            cpu_s += sum(process.cpu_times()[:4])  # own and waited-for children's, user and system
            memory_bytes += _memory_bytes(process)
            pids.append(process.pid)
            with suppress(psutil.AccessDenied):  # of a process with other rights
                counted = process.io_counters()
                read_bytes += counted.read_bytes
                written_bytes += counted.write_bytes
    if not pids:
        return None
    return Usage(cpu_s, memory_bytes, len(pids), None, None, read_bytes, written_bytes, tuple(pids))


def _memory_bytes(process: psutil.Process) -> int:
    import psutil  # late, as above

    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)

"""Figures of a container as engines tell them. The answers are those of engines, shortened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.engines.gpus import Gpus, GpuUse
from agent.engines.usage import Usage, usage_of_stats

CGROUP_2 = {
    "pids_stats": {"current": 14, "limit": 18_446_744_073_709_551_615},
    "cpu_stats": {"cpu_usage": {"total_usage": 7_250_000_000, "usage_in_usermode": 7_000_000_000}, "online_cpus": 2},
    "memory_stats": {"usage": 900_000_000, "stats": {"inactive_file": 250_000_000}, "limit": 25_000_000_000},
    "networks": {"eth0": {"rx_bytes": 1_000, "tx_bytes": 70}, "eth1": {"rx_bytes": 24, "tx_bytes": 7}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "read", "value": 4096},
            {"major": 8, "minor": 0, "op": "write", "value": 8192},
            {"major": 8, "minor": 16, "op": "read", "value": 1},
        ]
    },
}


def test_figures_are_those_of_docker_stats() -> None:
    assert usage_of_stats(CGROUP_2) == Usage(7.25, 650_000_000, 14, 1024, 77, 4097, 8192)


def test_an_older_kernel_counts_the_cache_by_another_name_and_spells_disks_otherwise() -> None:
    older = {
        **CGROUP_2,
        "memory_stats": {"usage": 900, "stats": {"total_inactive_file": 400, "inactive_file": 1}},
        "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "Total", "value": 12}]},
    }
    usage = usage_of_stats(older)
    assert usage is not None
    assert (usage.memory_bytes, usage.read_bytes, usage.written_bytes) == (500, 5, 0)


def test_what_the_engine_does_not_tell_is_not_zero() -> None:
    usage = usage_of_stats({**CGROUP_2, "networks": None, "blkio_stats": {"io_service_bytes_recursive": None}})
    assert usage == Usage(7.25, 650_000_000, 14)


@pytest.mark.parametrize("answer", [{}, {"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}])
def test_a_container_that_does_not_run_uses_nothing(answer: dict[str, object]) -> None:
    assert usage_of_stats(answer) is None


class RecordedNvml:
    """Answers of the library on a machine with two GPUs, the second shared with another program."""

    def __init__(self, *, tells_processes: bool = True) -> None:
        self.tells_processes = tells_processes

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= 2:
            raise RuntimeError("NVMLError_InvalidArgument: Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return {"GPU-a": 0, "GPU-b": 1}[uuid]

    def nvmlDeviceGetUtilizationRates(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=[97, 40][device], memory=12)

    def nvmlDeviceGetMemoryInfo(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(total=80 << 30, used=[6 << 30, 3 << 30][device])

    def nvmlDeviceGetComputeRunningProcesses(self, device: int) -> list[SimpleNamespace]:
        known = [[(70, 5 << 30)], [(71, 1 << 30), (99, 2 << 30)]][device]
        return [SimpleNamespace(pid=pid, usedGpuMemory=size if self.tells_processes else None) for pid, size in known]


@pytest.mark.parametrize(
    ("choice", "use"),
    [
        ("all", GpuUse(137.0, 6 << 30)),
        ("1", GpuUse(40.0, 1 << 30)),
        ("GPU-b, 0", GpuUse(137.0, 6 << 30)),
        ("none", None),
        (None, None),
        ("7", None),
    ],
)
def test_the_gpus_of_a_task_are_read_with_the_memory_of_its_own_processes(
    choice: str | None, use: GpuUse | None
) -> None:
    assert Gpus(choice, RecordedNvml(), sees=lambda pid: True).use((70, 71)) == use


def test_a_task_that_uses_no_memory_of_its_gpus_yet_has_none_of_other_programs() -> None:
    assert Gpus("all", RecordedNvml(), sees=lambda pid: True).use((7, 8)) == GpuUse(137.0, 0)


def test_where_processes_cannot_be_told_apart_the_memory_is_said_to_be_of_all() -> None:
    of_all = GpuUse(137.0, None, 9 << 30)
    assert Gpus("all", RecordedNvml(tells_processes=False), sees=lambda pid: True).use((70, 71)) == of_all
    assert Gpus("all", RecordedNvml(), sees=lambda pid: False).use((70, 71)) == of_all


def test_a_reading_without_processes_tells_no_memory() -> None:
    assert Gpus("all", RecordedNvml(), sees=lambda pid: True).use(()) == GpuUse(137.0, None)


def test_a_machine_without_the_driver_has_no_gpus() -> None:
    class NoDriver:
        def nvmlInit(self) -> None:
            raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    assert Gpus("all", NoDriver()).use(()) is None

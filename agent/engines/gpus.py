"""The GPUs of this machine through NVML, NVIDIA's library; a machine without it has none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from ctypes import CDLL
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

log = logging.getLogger("agent.gpus")


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Of the GPUs that a task was given."""

    busy_percent: float  # of the last second or so, the sum over the GPUs: 200 are two busy ones
    memory_bytes: int | None  # of the task's processes; None: not told
    all_memory_bytes: int | None = None  # of every program on these GPUs, where nobody can tell the task's apart

    @property
    def told_memory_bytes(self) -> int | None:
        return self.all_memory_bytes if self.memory_bytes is None else self.memory_bytes


def _is_here(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


class Gpus:
    """The GPUs of a choice as in `ContainerSpec.gpus`: "all", numbers or UUIDs with commas between; None: no GPU."""

    def __init__(self, choice: str | None, nvml: Any = None, sees: Callable[[int], bool] = _is_here) -> None:
        """`nvml` is the module `pynvml`, or recorded answers in its place; `sees` tells which pids exist here."""
        self._choice = choice
        self._nvml = nvml
        self._sees = sees

    @cached_property
    def _devices(self) -> list[Any]:
        if not self._choice or self._choice == "none":
            return []
        try:
            if self._nvml is None:
                CDLL("libnvidia-ml.so.1")  # raises where there is no driver: the binding takes its time to import
                import pynvml

                self._nvml = pynvml
            self._nvml.nvmlInit()
            if self._choice == "all":
                return [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(self._nvml.nvmlDeviceGetCount())]
            return [self._named(name.strip()) for name in self._choice.split(",") if name.strip()]
        except Exception as error:  # noqa: BLE001 - whatever the driver answers, the task goes on without these figures
            log.debug("no GPU can be watched: %s", error)
            return []

    def _named(self, name: str) -> Any:
        if name.isdigit():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(name))
        return self._nvml.nvmlDeviceGetHandleByUUID(name)

    @property
    def count(self) -> int:
        return len(self._devices)

    @property
    def are_there(self) -> bool:
        return bool(self._devices)

    def use(self, pids: Collection[int]) -> GpuUse | None:
        """What these processes use of the GPUs now; None without GPUs, or when the driver does not answer.

        The driver numbers processes as the machine does. An agent in a container of its own, which does not see the
        task's processes, is told too few of them, and some drivers tell no memory by process.
        """
        if not self._devices:
            return None
        tells_apart = any(self._sees(pid) for pid in pids)
        busy, all_memory, own_memory = 0.0, 0, 0
        try:
            for device in self._devices:
                busy += float(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu)
                all_memory += int(self._nvml.nvmlDeviceGetMemoryInfo(device).used)
                for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(device):
                    if process.usedGpuMemory is None:
                        tells_apart = False
                    elif process.pid in pids:
                        own_memory += int(process.usedGpuMemory)
        except Exception as error:  # noqa: BLE001 - as above
            log.debug("the GPUs do not answer: %s", error)
            return None
        if tells_apart:
            return GpuUse(busy, own_memory)
        return GpuUse(busy, None, all_memory if pids else None)  # without pids, the next reading may know better

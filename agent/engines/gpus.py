"""The GPUs of this machine through NVML, NVIDIA's library; a machine without it has none."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

log = logging.getLogger("agent.gpus")


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Of the GPUs that a task was given."""

    busy_percent: float  # of the last second or so, the sum over the GPUs: 200 are two busy ones
    memory_bytes: int  # of the task's processes where the driver tells them apart, else of every process on these GPUs


class Gpus:
    """The GPUs of a choice as in `ContainerSpec.gpus`: "all", numbers or UUIDs with commas between; None: no GPU."""

    def __init__(self, choice: str | None, nvml: Any = None) -> None:
        """`nvml` is the module `pynvml`, or recorded answers in its place."""
        self._choice = choice
        self._nvml = nvml

    @cached_property
    def _devices(self) -> list[Any]:
        if not self._choice or self._choice == "none":
            return []
        try:
            if self._nvml is None:
                import pynvml  # loads the driver's library when it is asked, and is not there for machines without

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
        """What these processes use of the GPUs now; None without GPUs, or when the driver does not answer."""
        if not self._devices:
            return None
        busy, all_memory, own_memory, tells_apart = 0.0, 0, 0, False
        try:
            for device in self._devices:
                busy += float(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu)
                all_memory += int(self._nvml.nvmlDeviceGetMemoryInfo(device).used)
                for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(device):
                    if process.pid in pids and process.usedGpuMemory is not None:
                        own_memory += int(process.usedGpuMemory)
                        tells_apart = True
        except Exception as error:  # noqa: BLE001 - as above
            log.debug("the GPUs do not answer: %s", error)
            return None
        return GpuUse(busy, own_memory if tells_apart else all_memory)

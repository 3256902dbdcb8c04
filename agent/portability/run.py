"""How a task was started and what it made, against what the original does (contract: task.md 3, 4, 6). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.domain import Checkpoint, CheckpointState, Task, TaskOptions, TaskType
from agent.portability.model import Difference
from agent.portability.rules import difference

_GIVEN = frozenset({"LOG_LEVEL", "LANG"})  # what the original sets (contract: task.md 3)
_SHM_BYTES = 1 << 30


def of_options(options: TaskOptions) -> Iterator[Difference]:
    """What is known before the task starts."""
    if own := sorted(set(options.env) - _GIVEN):
        here = f"The task is given the environment variable {own[0]}."
        yield difference("own-environment", "option env", here, count=len(own))
    if options.writable_data:
        here = "The task has copies of the images of its own, and may write to them."
        yield difference("writable-data", "option writable_data", here)
    if options.stop_grace_s > 0:
        here = f"A stopped task has {options.stop_grace_s:g} s to end by itself."
        yield difference("stop-grace", "option stop_grace_s", here)
    if options.restarts > 0:
        yield difference("restarts", "option restarts", "A lost task goes on from its last checkpoint.")


def of_run(task: Task, checkpoints: Sequence[Checkpoint]) -> Iterator[Difference]:
    """What is known of a task that was started."""
    if task.container_spec is not None:
        yield from _of_container(task.engine or "", task.container_spec)
    if task.type is not TaskType.TRAIN:
        return
    for one in checkpoints:
        if one.state is CheckpointState.FAILED:
            here = f"Checkpoint {one.index} was not kept ({one.reason}), and the task went on."
            yield difference("checkpoint-not-kept", f"line {one.seq}", here)
    kept = sorted((one for one in checkpoints if one.state is CheckpointState.PUBLISHED), key=lambda one: one.seq)
    if len(kept) > 1:
        best = [one.index for one in kept if one.is_best][-1:]
        which = f", the best is {best[0]}" if best else ""
        here = f"All {len(kept)} checkpoints are model states; the last is {kept[-1].index}{which}."
        yield difference("only-last-checkpoint", f"line {kept[-1].seq}", here)


def _of_container(engine: str, spec: Mapping[str, Any]) -> Iterator[Difference]:
    where = f"engine {engine}"
    if engine == "process":
        here = "The plugin ran as a process, with the Python, packages, user and time zone of this machine."
        yield difference("no-container", where, here)
        return
    if spec.get("runtime") != "nvidia":
        yield difference("no-nvidia", where, "The container ran without the runtime nvidia.")
    if spec.get("hardening"):
        yield difference("hardened", "option hardened", "The container ran with every restriction of the engine.")
    shm_bytes = spec.get("shm_bytes")
    if isinstance(shm_bytes, int) and shm_bytes != _SHM_BYTES:
        here = f"The container had {shm_bytes >> 20:,} MiB of shared memory."
        is_more = shm_bytes > _SHM_BYTES
        yield difference("shared-memory", "setting AGENT_SHM_SIZE", here, level="breaks" if is_more else "differs")

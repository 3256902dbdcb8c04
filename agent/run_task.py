"""The life of one task, top to bottom: DOWNLOAD → MAIN → UPLOAD, and one end, recorded last.

The output is read to its end before the container is waited for, else the last lines could be lost; uploads
finish before the closing event, because whoever sees the end may start the next task from the result at once.
What the verbs do is in `run.py`, how the end is recorded in `closing.py`; why a task ended is in its `reason`
(docs/reference/tasks.md).
"""

from __future__ import annotations

import threading

from agent.closing import open_run
from agent.collect import collect
from agent.domain import Step, Task
from agent.house import House
from agent.logs import about_task
from agent.stage import stage


def run_task(task: Task, house: House, *, shutdown: threading.Event | None = None) -> Task:
    """Run a task this agent has claimed, or go on with one that a dead agent left; give it as it ended.

    `shutdown` set by another thread ends the task as `stopped` with reason `agent_stopped`. No expected
    failure of the task raises: how it ended is in its status, reason and message. Raises TakenOver when another
    agent has the task now, and StorageFailed when the end could not be recorded: the task is still ours then,
    and running it again goes on where this run broke off.
    """
    stop = shutdown or threading.Event()
    with about_task(task.id), open_run(task, house, stop) as run:  # whatever happens, the end is recorded
        container = run.find_container()
        if container is None and task.step < Step.MAIN:
            with run.step(Step.DOWNLOAD):
                run.check_image()
                staged = stage(
                    task,
                    run.project,
                    run.model,
                    store=house.store,
                    artifacts=house.artifacts,
                    task_dir=run.folder,
                    shared_ok=run.engine_info.can_mount_over,
                    keep_going=run.stops.raise_if_wished,
                )
            container = run.start(staged)
        if container is not None and task.step < Step.MAIN:
            with run.step(Step.MAIN), run.stops.watching(container, lambda: run.uploader.failure):
                collected = collect(
                    run.stops.listening(container.output()),
                    run.recorder,
                    on_checkpoint=run.uploader.checkpoint,
                    on_applied=run.uploader.applied,
                )
                run.judge(container.wait(), collected)
        with run.step(Step.UPLOAD):
            run.uploader.finish()
            run.publish()
    return house.store.tasks.get(task.id)

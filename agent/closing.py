"""The end of a run, whatever happened: uploads done, container gone, folder tidied, one closing event last of all.

What the end is, `verdict.py` decides. Whoever sees the closing event may start the next task from the result at once.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from agent.domain import Task, TaskStatus
from agent.errors import AgentError, NotFound, TakenOver
from agent.events.model import Level
from agent.run import Left, Run
from agent.verdict import Decided, End, end_of

if TYPE_CHECKING:
    from agent.house import House


@contextmanager
def open_run(task: Task, house: House, shutdown: threading.Event) -> Iterator[Run]:
    """A run whose end is recorded whatever happens inside. Expected failures end here; bugs go on to the caller."""
    try:
        run = Run(task, house, shutdown)
    except NotFound as error:  # its plugin, project or model was deleted: there is nothing to run
        house.store.tasks.become(task.id, TaskStatus.ERROR, reason=error.reason, message=str(error))
        raise
    try:
        run.open()
        yield run
    except (TakenOver, Left):
        run.abandon()
        raise
    except AgentError as error:
        finish(run, error)
    except BaseException as error:
        finish(run, error)
        raise
    else:
        finish(run, None)


def finish(run: Run, error: BaseException | None) -> None:
    """Record the end of a run that raised `error`, or nothing.

    Raises what keeps it from being recorded. The container stays then, ended, with its log: whoever goes on
    with the task reads from it what could not be recorded now.
    """
    end = error.end if isinstance(error, Decided) else end_of(error, run.exit_code)
    try:
        try:
            if error is not None:  # what was saved before the failure stays saved
                run.uploader.finish()
        except TakenOver:
            raise
        except Exception as failure:  # noqa: BLE001 - the first failure is why the task ends
            end = end_of(failure, run.exit_code) if end.status is TaskStatus.FINISHED else end
        _record(run, end, error)
    except TakenOver:
        raise
    except BaseException:
        with suppress(AgentError):
            if (container := run.container_left()) is not None:
                container.kill()
        run.abandon()
        raise


def _record(run: Run, end: End, error: BaseException | None) -> None:
    tasks, task_id, agent_id = run.house.store.tasks, run.task.id, run.task.agent_id
    message = end.message or None
    run.recorder.flush()  # lines that could not be committed before are in the container's log only
    tasks.decide(task_id, reason=end.reason, message=message, exit_code=end.exit_code, agent_id=agent_id)
    _tidy(run, end)
    fields: dict[str, Any] = {"reason": end.reason}
    if end.status is TaskStatus.FINISHED:
        run.note_once("TASK_END", "TASK_FINISHED", **fields)
    elif end.status is TaskStatus.STOPPED:
        run.note_once("TASK_END", "TASK_STOPPED", stopped="by_user", **fields)
    else:
        fields["exc_str"] = end.message
        if end.reason == "internal_error" and error is not None:
            fields["stack"] = traceback.format_exception(error)
        run.note_once("TASK_END", "TASK_CRASHED", level=Level.FATAL, **fields)
    run.recorder.close()
    tasks.become(task_id, end.status, reason=end.reason, message=message, exit_code=end.exit_code, agent_id=agent_id)


def _tidy(run: Run, end: End) -> None:
    """No container left, the folder kept or cleaned as the settings say. Reports, never fails the task."""
    settings = run.house.settings
    if end.status is TaskStatus.ERROR:
        clean = settings.delete_task_dir_on_failure
    else:
        clean = settings.delete_task_dir_on_finish
    try:
        if (container := run.container_left()) is not None:
            container.kill()
            container.remove()
    except AgentError as error:  # an engine that does not answer now; the sweep asks it again
        run.recorder.note(f"could not tidy up after the task: {error}", level=Level.WARN)
    if clean and (left := run.folder.clean()):
        run.recorder.note(f"could not tidy up after the task: {left[0]} cannot be deleted", level=Level.WARN)

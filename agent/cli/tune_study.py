"""The work of `agent tune`, `agent tune resume` and `agent tune stop`: a study controlled by this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import typer

from agent.cli import INTERRUPTED, show
from agent.cli.installation import open_installation, spawn_agent
from agent.cli.signals import interruptible
from agent.cli.submit_task import Asked, agent_alive, build_if_missing, checked
from agent.cli.tune_show import how_to_go_on, whole
from agent.errors import Conflict, PluginFailed
from agent.installation import Installation, known_node_of
from agent.liveness import lost_tasks
from agent.patience import Patience
from agent.run.cancellation import Cancelled
from agent.run.shutdown import Shutdown
from agent.store import StudyState
from agent.submission import config_notes
from agent.tuning.decisions import TrialState
from agent.tuning.extra import require_optuna
from agent.tuning.request import (
    StudyRequest,
    example_of,
    find_study,
    more_trials,
    most_trials,
    new_study,
    require_fitting_trials,
    require_parts,
)
from agent.tuning.space_texts import read_space
from agent.tuning.stop import stop

PERIOD_S = 0.25
LOOK_S = 2.0  # how often to look whether an agent takes the tasks


def start_study(asked: Asked, request: StudyRequest, bases: Mapping[str, str], *, as_json: bool) -> None:
    """Add the study and control it until it ends. Raises typer.Exit with the study's exit code."""
    require_optuna()
    space = read_space(asked.overrides)
    with open_installation() as installation:
        plugin, task, engine = checked(installation, replace(asked, overrides=space.fixed), is_whole=False)
        new = new_study(installation.store, request, space, task)
        require_fitting_trials(plugin, space, task)
        for line in config_notes(plugin, example_of(space, task)):
            show.err.print(f"Note: {line}", markup=False)
        build_if_missing(installation, plugin, engine, bases)
        study = installation.store.studies.add(new)
        code = _control(installation, study.id, as_json=as_json)
    raise typer.Exit(code)


def resume_study(reference: str, *, trials: int | None, jobs: int | None, as_json: bool) -> None:
    require_optuna()
    with open_installation() as installation:
        study = find_study(installation.store, reference)
        wanted = more_trials(study, trials)
        require_parts(installation.store, study)
        if study.state is StudyState.FINISHED and wanted == study.trials:
            more = min(20, most_trials(study) - wanted)
            hint = f"--trials {wanted + more} would ask for {more} more" if more > 0 else "it can have no more"
            raise Conflict(f"study {study.id} has finished its {study.trials} trials; {hint}")
        code = _control(installation, study.id, wanted=wanted, jobs=jobs or study.jobs, as_json=as_json)
    raise typer.Exit(code)


def stop_study(reference: str, *, as_json: bool) -> None:
    with open_installation() as installation:
        store = installation.store
        study = stop(store, find_study(store, reference).id)
        own = {task.id for task in store.studies.tasks(study.id).values()}
        for task in lost_tasks(store, known_node_of(installation.settings)):
            if task.id in own:  # no agent would see the request
                spawn_agent(installation.settings, task.id)
    if as_json:
        show.as_json({"id": study.id, "name": study.name, "state": study.state.value})
    else:
        show.out.print(f"study {study.id} is {study.state.value}", markup=False)


def _control(
    installation: Installation, study_id: int, *, wanted: int | None = None, jobs: int = 1, as_json: bool
) -> int:
    """Control the study until it ends or this process is to end; the exit code. `wanted` trials: it is resumed."""
    from agent.cli.tune_follow import Watch
    from agent.tuning.control import controlling
    from agent.tuning.controller import Controller
    from agent.tuning.overview import view, view_of

    store = installation.store
    with (
        interruptible(leaves=True, left=lambda: how_to_go_on(study_id)) as shutdown,
        controlling(store, study_id) as controller,
    ):
        if wanted is not None:
            store.studies.resume(study_id, trials=wanted, jobs=jobs)
        working, patience = Controller(store, study_id, controller), Patience(shutdown.wait)
        with _agent_for(installation, study_id, shutdown) as agent, Watch(show.err, quiet=as_json) as watch:
            while True:
                turn = patience.call(store, working.turn)
                watch.show(found := view_of(turn))
                if turn.is_over or shutdown.is_asked:
                    break
                agent.start_if_none_lives(turn.study.jobs)
                store.wait_for_change(PERIOD_S)
    if not turn.is_over:
        show.err.print(how_to_go_on(study_id, by_agent=agent_alive(installation)), markup=False)
        return INTERRUPTED
    if as_json:
        whole_study, search = view(store, turn.study)
        show.as_json(whole(whole_study, search.importance()))
    watch.say_end(found)
    if turn.gave_up:
        raise PluginFailed(turn.gave_up)
    if turn.study.state is StudyState.STOPPED:
        return Cancelled.exit_code
    has_result = turn.counts[TrialState.COMPLETE] or turn.counts[TrialState.PRUNED]
    return 0 if has_result else PluginFailed.exit_code


class _Agent:
    """An agent of this process for the study's tasks, from when no agent takes tasks from the queue."""

    def __init__(self, installation: Installation, study_id: int, shutdown: Shutdown, pool: ThreadPoolExecutor) -> None:
        self._installation = installation
        self._study_id = study_id
        self._shutdown = shutdown
        self._pool = pool
        self._running: Future[list[int]] | None = None
        self._looked = -LOOK_S

    def start_if_none_lives(self, jobs: int) -> None:
        """Raises what ended the agent, if it has ended."""
        if self._running is not None:
            if self._running.done():
                self._running.result()
            return
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        store = self._installation.store
        task = store.studies.get(self._study_id).task
        if not agent_alive(self._installation, task, store.plugins.get_anywhere(task.plugin_id)):
            from agent.worker.loop import run_forever

            self._running = self._pool.submit(
                run_forever, self._installation, self._shutdown, parallel=jobs, study_id=self._study_id
            )


@contextmanager
def _agent_for(installation: Installation, study_id: int, shutdown: Shutdown) -> Iterator[_Agent]:
    """It leaves with the block; tasks that still run go on, and the next agent goes on with them."""
    with ThreadPoolExecutor(1, thread_name_prefix="agent") as pool:
        try:
            yield _Agent(installation, study_id, shutdown, pool)
        finally:
            shutdown.leave()

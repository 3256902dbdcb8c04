"""The loop: run, wait for a save, run again. A save ends the run in progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent import library
from agent.domain import WORKDIR, Plugin, Project, TaskType
from agent.errors import AgentError, BadInput
from agent.installation import node_of
from agent.submission import TaskRequest, choose_config, new_task, set_key
from agent.task_options import RequestedOptions
from agent.workbench.dev.runs import DEV, DevRun, Ended, Housekeeper, remember
from agent.workbench.dev.short import shortened

if TYPE_CHECKING:
    from agent.domain import Model, NewTask
    from agent.engines import Engine
    from agent.installation import Installation
    from agent.workbench.dev.saves import Saves
    from agent.workbench.dev.screen import Screen

_REST_S = 0.5
# What an image is made of: a change of it means another build.
_OF_THE_IMAGE = frozenset({"Dockerfile", "requirements.txt", "VERSION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is run."""

    folder: Path
    project: Project  # the handful of images
    model: Model | None
    preset: str | None
    overrides: Sequence[str]
    epochs: int
    options: RequestedOptions
    bases: Mapping[str, str] = field(default_factory=dict)


class Loop:
    """`engine_of` gives the engine for a plugin, after building its image where there is one to build."""

    def __init__(
        self,
        installation: Installation,
        wanted: Wanted,
        screen: Screen,
        *,
        engine_of: Callable[[Plugin, bool], Engine],
        is_over: Callable[[], bool],
        page: Callable[[int], str] = lambda _: "",
    ) -> None:
        """`page` gives what to add to the number of a task: the address of its page."""
        self._installation, self._wanted, self._screen = installation, wanted, screen
        self._engine_of, self._is_over, self._page = engine_of, is_over, page
        self._housekeeper = Housekeeper(installation)
        self._runs = 0
        self._is_to_build = True

    def until_over(self, saves: Saves) -> Ended | None:
        """Run again at each save, until the author ends the loop. Gives the last run that came to an end."""
        saved: Sequence[Path] = ()
        last: Ended | None = None
        while not self._is_over():
            last = self.once(saved, saves) or last
            while not saves.is_there() and not self._is_over():
                saves.wait(_REST_S)
            taken = saves.take()
            saved = [path for path in taken if (self._wanted.folder / path).exists()] or taken  # no editor's own files
        self._housekeeper.end()
        return last

    def once(self, saved: Sequence[Path] = (), saves: Saves | None = None) -> Ended | None:
        """One run, to its end or to the next save. None where there is no end to speak of."""
        self._runs += 1
        began_s = saves.first_s if saves is not None and saved else time.monotonic()
        self._is_to_build |= bool({path.as_posix() for path in saved} & _OF_THE_IMAGE)
        try:
            run = self._start(saved, began_s)
            ended = run.follow(lambda: self._is_over() or (saves is not None and saves.is_there()))
            if ended is None:
                run.stop()
                self._screen.note("stopped")
        except AgentError as error:
            self._screen.fail(str(error).splitlines())
            return None
        if ended is not None:
            self._tell_end(ended)
        return ended

    def _start(self, saved: Sequence[Path], began_s: float) -> DevRun:
        wanted, installation, screen = self._wanted, self._installation, self._screen
        store, settings = installation.store, installation.settings
        try:
            plugin = library.add_plugin_folder(store, wanted.folder, settings.registry, node=node_of(settings))
        except AgentError:
            screen.begin(f"{wanted.folder.name}  run {self._runs}", saved)
            raise
        new, changed = self._new(plugin)
        screen.begin(f"{plugin.title}  run {self._runs}", saved)
        engine = self._engine_of(plugin, self._is_to_build)
        self._is_to_build = False

        def first() -> None:
            screen.note(f"first line after {time.monotonic() - began_s:.2f} s")

        run = DevRun(installation, engine, new, line=lambda text: screen.line(self._here(text)), first=first)
        if run.task is not None:
            store.tasks.edit(run.task.id, tag=[DEV])
            with suppress(OSError):  # then it stays
                remember(installation, run.task)
            screen.note(f"task {run.task.id}{self._page(run.task.id)}")
            if changed:
                screen.note(f"shorter: {', '.join(changed)}")
            self._housekeeper.tidy(plugin.id)
        return run

    def _here(self, text: str) -> str:
        """With the paths of the author's own files, as an editor finds them."""
        return text.replace(f"{WORKDIR}/src/", f"{self._wanted.folder.resolve()}/src/")

    def _new(self, plugin: Plugin) -> tuple[NewTask, tuple[str, ...]]:
        wanted, installation = self._wanted, self._installation
        if TaskType.TRAIN.value not in plugin.modes:
            raise BadInput(f"plugin {plugin.reference} has no src/train.py, which agent dev runs")
        config = choose_config(plugin, TaskType.TRAIN, preset=wanted.preset)
        for text in wanted.overrides:
            set_key(config, text)
        config, changed = shortened(config, wanted.epochs, kept=[text.partition("=")[0] for text in wanted.overrides])
        request = TaskRequest(
            type=TaskType.TRAIN,
            plugin=plugin,
            project=wanted.project,
            model=wanted.model,
            name=f"{plugin.title} {DEV}",
            config=config,
            options=wanted.options,
        )
        return new_task(installation.store, installation.settings, request, artifacts=installation.artifacts), changed

    def _tell_end(self, ended: Ended) -> None:
        task = ended.task
        if ended.error:
            self._screen.fail([self._here(line) for line in ended.error], was_said=ended.was_said)
            self._screen.note(f"task {task.id} {task.status.value}: {task.message or task.reason}")
            return
        self._screen.succeed()
        took = (task.finished_at - task.started_at).total_seconds() if task.finished_at and task.started_at else 0
        self._screen.note(f"task {task.id} {task.status.value} after {took:.1f} s; waiting for a save")

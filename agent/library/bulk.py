"""One action on many things: each by itself, with an outcome for each, so that nothing happens half and silently.

The command line, the REST API and the pages act on tasks, models, projects and plugins through this module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from agent.domain import Model, Plugin, Project, Task
from agent.errors import AgentError, BadInput
from agent.formats.task_dir import task_folders
from agent.fs.disk import size_on_disk
from agent.store import Models, Plugins, Projects, Store, Tasks

if TYPE_CHECKING:
    from agent.settings import Settings

Noun = Literal["task", "model", "project", "plugin"]
Action = Literal["edit", "archive", "unarchive", "remove", "restore", "delete", "stop"]

NOUNS: tuple[Noun, ...] = ("task", "model", "project", "plugin")  # tasks first: they name the others
MOST = 1000  # things at once
_FOR_TASKS = frozenset({"archive", "unarchive", "stop"})
_REMOVALS = frozenset({"remove", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to do. `remove` moves into the trash, `delete` is for good; words and tags belong to `edit`."""

    action: Action
    name: str | None = None
    notes: str | None = None
    tag: Sequence[str] = ()
    untag: Sequence[str] = ()
    with_results: bool = False  # of tasks that are removed or deleted: the models and projects that they made go, too


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one thing: `failure` is why nothing happened to it.

    Of a task whose results were to go with it: `models` and `projects` that went, `stayed` says why others did not.
    """

    id: int
    failure: AgentError | None = None
    stayed: tuple[str, ...] = ()
    models: tuple[int, ...] = ()
    projects: tuple[int, ...] = ()

    @property
    def error(self) -> str | None:
        return None if self.failure is None else str(self.failure)

    @property
    def reason(self) -> str | None:
        return None if self.failure is None else self.failure.reason


@dataclass(frozen=True, slots=True)
class Trashed:
    """A thing in the trash. `size_bytes` is of what goes with it."""

    noun: Noun
    id: int
    name: str
    size_bytes: int
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class Weight:
    """What belongs to tasks: what goes with them, and what they made, which stays unless it is asked for."""

    tasks: int
    lines: int
    folder_bytes: int
    logged_images: int  # images that they logged, which go with them
    logged_bytes: int
    models: int
    models_bytes: int
    projects: int
    images: int  # of these projects


def shelf(store: Store, noun: Noun) -> Tasks | Models | Projects | Plugins:
    """The part of the store that keeps things of this noun."""
    shelves: Mapping[Noun, Tasks | Models | Projects | Plugins] = {
        "task": store.tasks,
        "model": store.models,
        "project": store.projects,
        "plugin": store.plugins,
    }
    return shelves[noun]


def act(store: Store, noun: Noun, ids: Collection[int], wish: Wish) -> list[Outcome]:
    """Do it to each, in the order given, each id once. A refusal of one keeps nobody from the others.

    Results go after all of the tasks, because a task that goes, too, may need one. BadInput when the wish makes no
    sense for this noun.
    """
    do = _action(store, noun, wish)
    if wish.name is not None and len(set(ids)) > 1:
        raise BadInput(f"{len(set(ids))} {noun}s cannot have one name; rename one at a time.")
    if len(ids) > MOST:
        raise BadInput(f"{len(ids)} {noun}s are too many at once; the most is {MOST}.")
    outcomes = [_outcome(do, id_) for id_ in dict.fromkeys(ids)]
    if not wish.with_results:
        return outcomes
    for_good = wish.action == "delete"
    return [one if one.failure is not None else _results_too(store, one.id, for_good=for_good) for one in outcomes]


def in_trash(store: Store, settings: Settings, noun: Noun, *, before: datetime | None = None) -> Iterator[Trashed]:
    """What is in the trash, the oldest first; removed before that time where given."""
    found = shelf(store, noun).trashed(before=before)
    folders = _task_bytes(store, settings, {thing.id for thing in found}) if noun == "task" and found else {}
    for thing in found:
        assert thing.deleted_at is not None
        yield Trashed(noun, thing.id, _name(thing), _size_bytes(thing, folders), thing.deleted_at)


def weigh(store: Store, settings: Settings, task_ids: Collection[int]) -> Weight:
    """What removing these tasks is about. Ids of no task count nothing."""
    lines, known = 0, set()
    for id_ in set(task_ids):
        try:
            lines += store.tasks.get(id_).lines_read
        except AgentError:
            continue
        known.add(id_)
    made = store.models.sizes_by_task(with_trash=False)
    logged = store.task_images.totals_by_task(known).values()
    models = [made[id_] for id_ in set(task_ids) & set(made)]
    projects = [project for id_ in set(task_ids) for project in store.projects.of_task(id_)]
    return Weight(
        tasks=len(known),
        lines=lines,
        folder_bytes=sum(_folder_bytes(settings, set(task_ids)).values()),
        logged_images=sum(number for number, _ in logged),
        logged_bytes=sum(size_bytes for _, size_bytes in logged),
        models=sum(number for number, _ in models),
        models_bytes=sum(size_bytes for _, size_bytes in models),
        projects=len(projects),
        images=sum(project.images_count for project in projects),
    )


# ---------------------------------------------------------------- one thing


def _action(store: Store, noun: Noun, wish: Wish) -> Callable[[int], object]:
    """What to do to one of them. Raises BadInput."""
    _require_sense(noun, wish)
    kept, action = shelf(store, noun), wish.action

    def do(id_: int) -> None:
        match action:
            case "edit":
                assert not isinstance(kept, Plugins)  # which is refused above
                kept.edit(id_, name=wish.name, notes=wish.notes, tag=wish.tag, untag=wish.untag)
            case "archive" | "unarchive":
                store.tasks.archive(id_, archived=action == "archive")
            case "stop":
                store.tasks.request_stop(id_)
            case "restore":
                kept.restore(id_)
            case "remove":
                kept.remove(id_)
            case "delete":
                kept.give_up(id_)

    return do


def _require_sense(noun: Noun, wish: Wish) -> None:
    """BadInput for a wish that this noun does not have, or whose action would ignore a part of it."""
    action, words = wish.action, bool(wish.tag or wish.untag) or wish.name is not None or wish.notes is not None
    if (noun != "task" and (action in _FOR_TASKS or wish.with_results)) or (noun == "plugin" and action == "edit"):
        raise BadInput(f"A {noun} cannot be asked for {action if not wish.with_results else 'its results'}.")
    if wish.with_results and action not in _REMOVALS:
        raise BadInput(f"Results go with a task that is removed or deleted; leave with_results out of {action}.")
    if words and action != "edit":
        raise BadInput(f"Names, notes and tags are changed by edit; leave them out of {action}.")
    if action == "edit" and not words:
        raise BadInput("Nothing is to be changed: give a name, notes, or tags to put on or to take off.")


def _results_too(store: Store, task_id: int, *, for_good: bool) -> Outcome:
    """Remove what a task made, which is removed itself by now."""
    models = [model.id for model in store.models.list(task_id=task_id, limit=1_000_000)]
    projects = [project.id for project in store.projects.of_task(task_id)]
    (models_went, models_stay), (projects_went, projects_stay) = (
        _went(kept.give_up if for_good else kept.remove, ids)
        for kept, ids in ((store.models, models), (store.projects, projects))
    )
    return Outcome(task_id, stayed=(*models_stay, *projects_stay), models=models_went, projects=projects_went)


def _went(remove: Callable[[int], object], ids: Sequence[int]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Those that could be removed, and why the others stay."""
    outcomes = [_outcome(remove, id_) for id_ in ids]
    return tuple(one.id for one in outcomes if one.failure is None), tuple(one.error for one in outcomes if one.error)


def _outcome(do: Callable[[int], object], id_: int) -> Outcome:
    try:
        do(id_)
    except AgentError as error:
        return Outcome(id_, error)
    return Outcome(id_)


def _folder_bytes(settings: Settings, task_ids: Collection[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for folder in task_folders(settings.tasks):
        if folder.task_id in task_ids:
            found[folder.task_id] = found.get(folder.task_id, 0) + size_on_disk(folder.path)
    return found


def _task_bytes(store: Store, settings: Settings, task_ids: Collection[int]) -> dict[int, int]:
    """Of the folders of tasks and the images that they logged."""
    found = _folder_bytes(settings, task_ids)
    for task_id, (_, size_bytes) in store.task_images.totals_by_task(task_ids).items():
        found[task_id] = found.get(task_id, 0) + size_bytes
    return found


def _name(thing: Any) -> str:
    return thing.reference if isinstance(thing, Plugin) else str(thing.name)


def _size_bytes(thing: Task | Model | Project | Plugin, folders: Mapping[int, int]) -> int:
    match thing:
        case Task():
            return folders.get(thing.id, 0)
        case Plugin():
            return thing.kept_bytes or 0
    return thing.size_bytes

"""The lists of tasks, models, projects and plugins: what may be asked of each, and the answer.

A route, a page and a stream that ask the same get the same. Search, filters, order and counts are the store's, over
everything it has; an answer has one page of it and says of how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, model_validator

from agent.domain import TaskStatus, TaskType
from agent.store import ModelQuestion, Origin, ProjectQuestion, TaskQuestion, Window
from web_stub.paging import cut
from web_stub.parameters import LARGEST_ID
from web_stub.resources.installation import Plugin, PluginList
from web_stub.resources.models import Model, ModelList
from web_stub.resources.projects import ProjectCard, ProjectCardList
from web_stub.resources.tasks import TaskList
from web_stub.task_cards import TaskCards

if TYPE_CHECKING:
    from agent.store import Store

_MOST_SKIPPED = 10_000_000
_MOST_WORDS = 20
_ORDER = "turned by - before it; the newest first when left out"


def _few_words(text: str) -> str:
    if len(text.split()) > _MOST_WORDS:
        raise ValueError(f"at most {_MOST_WORDS} words are looked for")
    return text


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Numbered)


_Words = Annotated[str, Field(max_length=200), AfterValidator(_few_words)]


class ListQuery(BaseModel):
    """What every list may be asked for."""

    REPEATED: ClassVar[frozenset[str]] = frozenset()  # parameters that may have several values

    text: Annotated[_Words, Field(description="all of these words, in id or name")] = ""
    sort: str = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=_MOST_SKIPPED, description="rows to skip")] = 0
    cursor: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="`next` of the page before")] = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.cursor is not None and self.sort not in ("", "-id"):
            raise ValueError("a cursor goes with the newest first only: give an offset")
        return self

    def window(self) -> Window:
        """With a row more than the page has, which shows that a next page exists."""
        return Window(self.limit + 1, self.offset, self.cursor, self.sort)

    def next_of(self, found: Sequence[Row]) -> tuple[Sequence[Row], int | None]:
        """The rows of the page, and the cursor of the next page: only the order by id has cursors."""
        shown, next_id = cut(found, self.limit)
        return shown, next_id if self.sort in ("", "-id") else None


class TaskListQuery(ListQuery):
    REPEATED = frozenset({"status", "tag"})

    text: Annotated[
        _Words,
        Field(description="all of these words, in its id, name and tags and the names of plugin, project and model"),
    ] = ""
    sort: Annotated[
        Literal[
            "",
            "id",
            "-id",
            "name",
            "-name",
            "status",
            "-status",
            "started",
            "-started",
            "finished",
            "-finished",
            "duration",
            "-duration",
        ],
        Field(description=_ORDER),
    ] = ""
    status: list[TaskStatus] | None = None
    type: TaskType | None = None
    has_metrics: Annotated[bool | None, Field(description="has reported a metric, or has not")] = None
    archived: Annotated[bool, Field(description="those in the archive, in place of the others")] = False
    tag: Annotated[list[str] | None, Field(max_length=20, description="has all of these tags")] = None

    def question(self) -> TaskQuestion:
        return TaskQuestion(
            self.text, self.status or None, self.type, self.has_metrics, self.archived, tuple(self.tag or ())
        )


class ModelListQuery(ListQuery):
    text: Annotated[
        _Words, Field(description="all of these words, in its id, its name, its tags or the plugin's image")
    ] = ""
    sort: Annotated[
        Literal["", "id", "-id", "name", "-name", "size", "-size", "task", "-task"], Field(description=_ORDER)
    ] = ""
    name: Annotated[str | None, Field(description="exactly this name")] = None
    task: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="made by this task")] = None
    origin: Annotated[Origin | None, Field(description="by a task here, or by a person")] = None

    def question(self) -> ModelQuestion:
        return ModelQuestion(self.text, self.name, self.task, self.origin)


class ProjectListQuery(ListQuery):
    text: Annotated[
        _Words, Field(description="all of these words, in its id, its name, its tags or the titles of its classes")
    ] = ""
    sort: Annotated[
        Literal["", "id", "-id", "name", "-name", "images", "-images", "size", "-size"], Field(description=_ORDER)
    ] = ""
    origin: Annotated[Origin | None, Field(description="by a task here, or by a person")] = None

    def question(self) -> ProjectQuestion:
        return ProjectQuestion(self.text, self.origin)


class PluginListQuery(BaseModel):
    text: Annotated[
        str, Field(max_length=200, description="all of these words, in title, description or image:tag")
    ] = ""
    newest: Annotated[bool, Field(description="only the newest version of each image")] = False
    sort: Annotated[Literal["", "name", "-name", "changed", "-changed"], Field(description=_ORDER)] = ""
    limit: Annotated[int | None, Field(ge=1, le=1000, description="all of them when left out")] = None
    offset: Annotated[int, Field(ge=0, le=_MOST_SKIPPED, description="rows to skip")] = 0

    def window(self) -> Window:
        return Window(self.limit, self.offset, sort=self.sort)


def task_list(store: Store, cards: TaskCards, query: TaskListQuery) -> TaskList:
    found = store.tasks.search(query.question(), query.window())
    shown, next_id = query.next_of(found.values)
    counts = {status: found.counts.get(status.value, 0) for status in TaskStatus}
    archived = found.counts.get("archived", 0)
    return TaskList(items=cards.cards(shown), next=next_id, total=found.total, counts=counts, archived=archived)


def model_list(store: Store, query: ModelListQuery) -> ModelList:
    found = store.models.search(query.question(), query.window())
    shown, next_id = query.next_of(found.values)
    made_by = {model.provenance.task_id for model in shown} - {None}
    best = store.models.best_of_tasks({task for task in made_by if task is not None})
    return ModelList(
        items=[Model.of(model) for model in shown],
        next=next_id,
        total=found.total,
        counts=_by_origin(found.counts),
        best=[model.id for model in shown if model.id in best],
    )


def project_list(store: Store, query: ProjectListQuery) -> ProjectCardList:
    found, images = store.projects.search(query.question(), query.window())
    shown, next_id = query.next_of(found.values)
    return ProjectCardList(
        items=[ProjectCard.of(project, store) for project in shown],
        next=next_id,
        total=found.total,
        counts=_by_origin(found.counts),
        images_count=images,
    )


def plugin_list(store: Store, query: PluginListQuery) -> PluginList:
    found = store.plugins.search(query.text, query.window(), newest=query.newest)
    shown = [plugin for plugin, _ in found.values]
    return PluginList(
        items=[Plugin.of(plugin) for plugin in shown],
        total=found.total,
        versions={plugin.image: versions for plugin, versions in found.values},
    )


def _by_origin(counts: Mapping[str, int]) -> dict[Origin, int]:
    return {"made": counts.get("made", 0), "brought": counts.get("brought", 0)}

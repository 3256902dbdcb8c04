"""The store: every fact of this installation, in one database chosen by URL.

`open_store` brings the schema up to date and gives a `Store`; its parts are named for what they hold.
Rows never leave this package: it gives values of `agent.domain` and the small ones listed below.
A `Store` may be used from any thread. Failures are `StorageFailed`, `StoreBusy`, `StoreAway` and `DiskFull`, each
with a sentence; unknown ids are `NotFound`, forbidden changes `Conflict`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.store.connect import BUSY_TIMEOUT_S, Database
from agent.store.migrate import migrate
from agent.store.outage import Outage
from agent.store.schema import HEAD as SCHEMA_REVISION
from agent.store.urls import file_of
from agent.store.wake import QUEUE

if TYPE_CHECKING:
    from agent.store.agents import AgentRow, Agents
    from agent.store.attempts import Attempts, Fate
    from agent.store.blobs import Blobs
    from agent.store.checkpoints import Checkpoints
    from agent.store.columns import agent_name
    from agent.store.counts import Counts
    from agent.store.datasets import Datasets
    from agent.store.evaluation_parts import ImageKey, Part, ProjectChanged, contents_of
    from agent.store.evaluation_rows import Evaluation, EvaluationStatus, NewEvaluation, Planned, Results
    from agent.store.evaluations import Evaluations
    from agent.store.events import READ_BYTES, SHOWN_BYTES, Events, StoredEvent
    from agent.store.gallery import Gallery, InferenceResult, Place, Wanted
    from agent.store.gathering import EventRow, NumberedEvents
    from agent.store.image_rows import ImageFile
    from agent.store.images import Images, NamesTaken
    from agent.store.line_filter import Lines
    from agent.store.listing import Listing, Origin, Window
    from agent.store.metrics import MetricSeries, PointArrays, Points, Series
    from agent.store.migrate import known_revisions
    from agent.store.model_search import ModelQuestion
    from agent.store.models import Models
    from agent.store.names import Names
    from agent.store.near_misses import NearMissCount, NearMisses
    from agent.store.nodes import NodeRow, Nodes
    from agent.store.outlines import Outline, Stretch
    from agent.store.placement_rows import Placement, Seen
    from agent.store.placements import Placements
    from agent.store.plugin_checks import PluginCheck, PluginChecks
    from agent.store.plugins import Plugins
    from agent.store.progress import ProgressBar, ProgressBars
    from agent.store.project_search import ProjectQuestion
    from agent.store.projects import Projects
    from agent.store.runs.table import Runs
    from agent.store.studies import NewStudy, Studies, Study, StudyState
    from agent.store.task_images import ImageNames, TaskImages
    from agent.store.task_rows import TaskSummary
    from agent.store.task_search import TaskQuestion
    from agent.store.tasks import Tasks
    from agent.store.tokens import Token, Tokens
    from agent.store.trials import NewTrial, Trial
    from agent.store.usage import SHARED_GPUS, UsagePeaks, UsageSample, UsageSamples

# A module is imported when a name of it is first used, and a part of a store when it is first asked for: a command that
# lists tasks reads no annotations.
_MODULES = {
    "AgentRow": "agents",
    "Agents": "agents",
    "Attempts": "attempts",
    "Blobs": "blobs",
    "Checkpoints": "checkpoints",
    "Counts": "counts",
    "Datasets": "datasets",
    "Evaluation": "evaluation_rows",
    "EvaluationStatus": "evaluation_rows",
    "Evaluations": "evaluations",
    "EventRow": "gathering",
    "Events": "events",
    "Fate": "attempts",
    "Gallery": "gallery",
    "ImageFile": "image_rows",
    "ImageKey": "evaluation_parts",
    "ImageNames": "task_images",
    "Images": "images",
    "InferenceResult": "gallery",
    "Lines": "line_filter",
    "Listing": "listing",
    "MetricSeries": "metrics",
    "ModelQuestion": "model_search",
    "Models": "models",
    "Names": "names",
    "NamesTaken": "images",
    "NearMissCount": "near_misses",
    "NearMisses": "near_misses",
    "NewEvaluation": "evaluation_rows",
    "NewStudy": "studies",
    "NewTrial": "trials",
    "NodeRow": "nodes",
    "Nodes": "nodes",
    "NumberedEvents": "gathering",
    "Origin": "listing",
    "Outline": "outlines",
    "Part": "evaluation_parts",
    "Place": "gallery",
    "Placement": "placement_rows",
    "Placements": "placements",
    "PluginCheck": "plugin_checks",
    "PluginChecks": "plugin_checks",
    "Planned": "evaluation_rows",
    "Plugins": "plugins",
    "PointArrays": "metrics",
    "Points": "metrics",
    "ProgressBar": "progress",
    "ProgressBars": "progress",
    "ProjectChanged": "evaluation_parts",
    "ProjectQuestion": "project_search",
    "Projects": "projects",
    "READ_BYTES": "events",
    "Results": "evaluation_rows",
    "Runs": "runs.table",
    "SHARED_GPUS": "usage",
    "SHOWN_BYTES": "events",
    "Seen": "placement_rows",
    "Series": "metrics",
    "StoredEvent": "events",
    "Stretch": "outlines",
    "Studies": "studies",
    "Study": "studies",
    "StudyState": "studies",
    "TaskImages": "task_images",
    "TaskQuestion": "task_search",
    "TaskSummary": "task_rows",
    "Tasks": "tasks",
    "Token": "tokens",
    "Tokens": "tokens",
    "Trial": "trials",
    "UsagePeaks": "usage",
    "UsageSample": "usage",
    "UsageSamples": "usage",
    "Wanted": "gallery",
    "Window": "listing",
    "agent_name": "columns",
    "contents_of": "evaluation_parts",
    "known_revisions": "migrate",
}
_PARTS = {
    "tasks": "Tasks",
    "attempts": "Attempts",
    "runs": "Runs",
    "events": "Events",
    "metrics": "MetricSeries",
    "progress": "ProgressBars",
    "near_misses": "NearMisses",
    "usage": "UsageSamples",
    "checkpoints": "Checkpoints",
    "models": "Models",
    "projects": "Projects",
    "datasets": "Datasets",
    "images": "Images",
    "gallery": "Gallery",
    "task_images": "TaskImages",
    "plugins": "Plugins",
    "plugin_checks": "PluginChecks",
    "studies": "Studies",
    "evaluations": "Evaluations",
    "placements": "Placements",
    "agents": "Agents",
    "nodes": "Nodes",
    "tokens": "Tokens",
    "names": "Names",
    "blobs": "Blobs",
}

__all__ = [
    "READ_BYTES",
    "SCHEMA_REVISION",
    "SHARED_GPUS",
    "SHOWN_BYTES",
    "AgentRow",
    "Counts",
    "Evaluation",
    "EvaluationStatus",
    "EventRow",
    "Fate",
    "ImageFile",
    "ImageKey",
    "ImageNames",
    "InferenceResult",
    "Lines",
    "Listing",
    "ModelQuestion",
    "Models",
    "NamesTaken",
    "NearMissCount",
    "NewEvaluation",
    "NewStudy",
    "NewTrial",
    "NodeRow",
    "NumberedEvents",
    "Origin",
    "Outline",
    "Part",
    "Place",
    "Placement",
    "Placements",
    "Planned",
    "PluginCheck",
    "Plugins",
    "PointArrays",
    "Points",
    "ProgressBar",
    "ProjectChanged",
    "ProjectQuestion",
    "Projects",
    "Results",
    "Seen",
    "Series",
    "Store",
    "StoredEvent",
    "Stretch",
    "Study",
    "StudyState",
    "TaskQuestion",
    "TaskSummary",
    "Tasks",
    "Token",
    "Tokens",
    "Trial",
    "UsagePeaks",
    "UsageSample",
    "Wanted",
    "Window",
    "agent_name",
    "contents_of",
    "is_made",
    "known_revisions",
    "open_store",
    "sqlite_file",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found


class Store:
    """An open store. Make one with `open_store`, close it when done."""

    tasks: Tasks
    attempts: Attempts
    runs: Runs
    events: Events
    metrics: MetricSeries
    progress: ProgressBars
    near_misses: NearMisses
    usage: UsageSamples
    checkpoints: Checkpoints
    models: Models
    projects: Projects
    datasets: Datasets
    images: Images
    gallery: Gallery
    task_images: TaskImages
    plugins: Plugins
    plugin_checks: PluginChecks
    studies: Studies
    evaluations: Evaluations
    placements: Placements
    agents: Agents
    nodes: Nodes
    tokens: Tokens
    names: Names
    blobs: Blobs

    def __init__(self, database: Database) -> None:
        self._db = database
        self.outage = Outage()

    def __getattr__(self, name: str) -> Any:
        """A part, when it is asked for first. Two threads that ask at the same time get the same one."""
        if name not in _PARTS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        part = __getattr__(_PARTS[name])(self._db)
        return self.__dict__.setdefault(name, part)

    def version(self) -> int:
        """A number that every commit of any process changes. Read it before reading facts; then wait for a change."""
        return self._db.changes.version()

    def prompt_version(self) -> int | None:
        """As `version`, where a commit of any process has changed it when it returns: what was read at this version
        holds still. None on PostgreSQL, where commits of other processes are heard of later.
        """
        return self._db.prompt_version()

    def wait_for_change(self, timeout_s: float, *, since: int | None = None) -> bool:
        """Wait until any process commits; whether a commit came in time.

        Counts from the version `since`; without it, from this thread's last read or last return from here, so that a
        commit between reading and waiting is not missed. A program that reads in one thread and waits in another
        gives `since`.
        """
        changes = self._db.changes
        changed = changes.wait(self._db.seen_version() if since is None else since, timeout_s)
        self._db.saw(changes.version())
        return changed

    def asked(self, task_id: int = QUEUE) -> int:
        """A number that every request to the agent of this task changes, as a stop or a new agent; without a task,
        every request to all agents, as a task in the queue. It is known without asking the database. A request may be
        seen late: look now and then all the same.
        """
        return self._db.changes.asked(task_id)

    def wait_for_request(self, timeout_s: float, *, since: int) -> bool:
        """Wait until `asked()` is another number than `since`; whether it is in time."""
        return self._db.changes.wait_asked(QUEUE, since, timeout_s)

    def counts(self) -> Counts:
        """The numbers of tasks, checkpoints, events, models and projects now."""
        from agent.store.counts import counts

        return counts(self._db)

    def damage(self) -> tuple[str, ...]:
        """The faults that the database's own check finds; it reads the whole database. Empty: no fault."""
        from agent.store.integrity import damage

        return damage(self._db)

    def copy_to(self, file: Path) -> None:
        """Copy an SQLite store, as it is at this moment, to a new file. StorageFailed for any other."""
        from agent.store.copy import copy_to

        copy_to(self._db, file)

    def make_single_file(self) -> None:
        """Move every commit into the one file, which can be copied alone once the store is closed."""
        from agent.store.copy import make_single_file

        make_single_file(self._db)

    @property
    def name(self) -> str:
        """The database for people: its file, or its URL without the password."""
        return self._db.name

    @property
    def revision(self) -> str:
        """Of its schema; `SCHEMA_REVISION` is the newest this program knows."""
        from agent.store.integrity import revision

        return revision(self._db)

    def close(self) -> None:
        """Wake all waiting threads, with False, and close the database. Idempotent."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_made(place: str | Path) -> bool:
    """Whether there is a store. A database server is taken to have it; an SQLite file is looked for."""
    is_file = isinstance(place, Path) or place.startswith("sqlite")
    return not is_file or sqlite_file(place).exists()


def sqlite_file(place: str | Path) -> Path:
    """The file of an SQLite store; neither the file nor its folder need exist. StorageFailed for any other URL."""
    return file_of(place)


def open_store(place: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open the database behind a URL, or in an SQLite file; it is created or migrated as needed.

    `sqlite:////folder/store.db` or `postgresql://user:password@host/name`. Raises StorageFailed (no such folder,
    not writable, damaged, newer than this program), StoreBusy and StoreAway (no server).
    """
    database = Database(place, busy_timeout_s=busy_timeout_s)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(database)

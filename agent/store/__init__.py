"""The store: every fact of this installation, in one database chosen by URL.

`open_store` brings the schema up to date and gives a `Store`; its parts are named for what they hold.
Rows never leave this package: what comes out are values of `agent.domain` and the small ones below.
A `Store` may be used from any thread. Failures are `StorageFailed`, `StoreBusy` and `DiskFull`, each with a
sentence; unknown ids are `NotFound`, forbidden changes `Conflict`.
"""

from __future__ import annotations

from pathlib import Path

from agent.store.agents import AgentRow, Agents, agent_name
from agent.store.append import EventRow
from agent.store.checkpoints import Checkpoints
from agent.store.connect import BUSY_TIMEOUT_S, Database, file_of
from agent.store.copy import copy_to, make_single_file
from agent.store.edits import ProjectEdits
from agent.store.events import Events, StoredEvent
from agent.store.gallery import Gallery, InferenceResult, Place, Wanted
from agent.store.image_edits import NamesTaken
from agent.store.metrics import MetricSeries, PointArrays, Points, Series
from agent.store.migrate import known_revisions, migrate
from agent.store.models import Models
from agent.store.plugins import Plugins
from agent.store.progress import ProgressBar, ProgressBars
from agent.store.projects import Projects
from agent.store.retention import KeptCheckpoint, Retention
from agent.store.schema import HEAD as SCHEMA_REVISION
from agent.store.soundness import damage, revision
from agent.store.tally import Tally, tally
from agent.store.task_rows import TaskSummary
from agent.store.tasks import Tasks
from agent.store.tokens import Token, Tokens

__all__ = [
    "SCHEMA_REVISION",
    "AgentRow",
    "EventRow",
    "InferenceResult",
    "KeptCheckpoint",
    "NamesTaken",
    "Place",
    "PointArrays",
    "Points",
    "ProgressBar",
    "Series",
    "Store",
    "StoredEvent",
    "Tally",
    "TaskSummary",
    "Token",
    "Wanted",
    "agent_name",
    "known_revisions",
    "open_store",
    "sqlite_file",
]


class Store:
    """An open store. Make one with `open_store`, close it when done."""

    def __init__(self, url: str, database: Database) -> None:
        self.url = url
        self._db = database
        self.tasks = Tasks(database)
        self.events = Events(database)
        self.metrics = MetricSeries(database)
        self.progress = ProgressBars(database)
        self.checkpoints = Checkpoints(database)
        self.models = Models(database)
        self.projects = Projects(database)
        self.edits = ProjectEdits(database)
        self.gallery = Gallery(database)
        self.plugins = Plugins(database)
        self.agents = Agents(database)
        self.tokens = Tokens(database)
        self.retention = Retention(database)

    def version(self) -> int:
        """A number that differs after every commit by anyone. Take it before looking, wait for another after."""
        return self._db.changes.version()

    def wait_for_change(self, timeout_s: float, *, since: int | None = None) -> bool:
        """Wait until somebody commits; whether it happened in time.

        Counts from the version `since`; without it, from the last look (or return from here) of this thread, so
        that a commit between looking and waiting is not missed. Who looks in one thread and waits in another
        gives `since`.
        """
        changes = self._db.changes
        changed = changes.wait(self._db.seen_version() if since is None else since, timeout_s)
        self._db.saw(changes.version())
        return changed

    def tally(self) -> Tally:
        """How much of everything there is now."""
        return tally(self._db)

    def damage(self) -> tuple[str, ...]:
        """What the database's own check finds wrong with it; reads all of it. Empty: it is sound."""
        return damage(self._db)

    def copy_to(self, file: Path) -> None:
        """Copy an SQLite store, as it is at this moment, to a new file. StorageFailed for any other."""
        copy_to(self._db, file)

    def make_single_file(self) -> None:
        """Everything committed is in the one file, which may then be taken alone once the store is closed."""
        make_single_file(self._db)

    @property
    def name(self) -> str:
        """The database for people: its file, or its URL without the password."""
        return self._db.name

    @property
    def revision(self) -> str:
        """Of its schema; `SCHEMA_REVISION` is the newest this program knows."""
        return revision(self._db)

    def close(self) -> None:
        """Wake all who wait, with False, and let go of the database. Idempotent."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sqlite_file(url: str) -> Path:
    """The file of an SQLite store, there or not; its folder need not be. StorageFailed for any other URL."""
    return file_of(url)


def open_store(url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open the database behind the URL, created or migrated as needed.

    `sqlite:////folder/store.db` or `postgresql://user:password@host/name`. Raises StorageFailed (no such folder,
    not writable, damaged, newer than this program, no server) and StoreBusy.
    """
    database = Database(url, busy_timeout_s=busy_timeout_s)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(url, database)

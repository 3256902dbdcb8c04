"""What the store and the artifacts say of themselves, and what ended tasks have left."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent import leftovers, presence
from agent.artifacts import open_artifacts
from agent.doctor.facts import LeftoverFacts, StoreFacts
from agent.errors import AgentError, NotFound
from agent.house import House
from agent.store import SCHEMA_REVISION, open_store

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.settings import Settings
    from agent.store import Store

MODELS_LOOKED_AT = 1000


def look_at_store(settings: Settings) -> tuple[StoreFacts, LeftoverFacts | None, datetime | None]:
    """The store, what lies around, and the newest time the store remembers; None where it could not be asked."""
    try:
        artifacts: Artifacts | None = open_artifacts(settings.artifacts)
        trouble = ""
    except AgentError as error:
        artifacts, trouble = None, str(error)
    try:
        with open_store(settings.store) as store:
            facts = _store(store, artifacts, trouble)
            if facts.damage or artifacts is None:
                return facts, None, None
            house = House(store, artifacts, settings)
            return facts, _leftovers(house), _newest(store)
    except AgentError as error:
        return StoreFacts("", trouble=str(error), artifacts_trouble=trouble), None, None


def _store(store: Store, artifacts: Artifacts | None, trouble: str) -> StoreFacts:
    models = store.models.list(limit=MODELS_LOOKED_AT)
    missing = []
    try:
        missing = [model.id for model in models if artifacts is not None and not artifacts.exists(model.sha256)]
    except NotFound:  # a row that holds no hash: the check of the database says what happened to it
        pass
    except (AgentError, OSError) as error:
        trouble = str(error)
    return StoreFacts(
        name=store.name,
        revision=store.revision,
        newest_revision=SCHEMA_REVISION,
        damage=store.damage(),
        models=len(models),
        models_without_bytes=tuple(missing),
        artifacts_trouble=trouble,
    )


def _leftovers(house: House) -> LeftoverFacts:
    containers, folders = leftovers.left(house)
    takers = (a for a in house.store.agents.list() if a.info.get("takes") == "queue")
    return LeftoverFacts(
        containers=containers,
        folders=folders,
        lost_tasks=tuple(task.id for task in presence.lost_tasks(house.store)),
        queued=sum(count for status, count in house.store.tally().tasks.items() if status == "queued"),
        agents_taking=sum(presence.is_alive(agent.info) is not False for agent in takers),
    )


def _newest(store: Store) -> datetime | None:
    """The latest time the store remembers: of an agent's heartbeat or a task."""
    times = [agent.last_seen for agent in store.agents.list()]
    times += [task.finished_at or task.started_at or task.created_at for task in store.tasks.list(limit=1)]
    return max(times, default=None)

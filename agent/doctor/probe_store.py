"""The state of the store and of the artifacts, and the orphans of ended tasks."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent import liveness
from agent.artifacts import open_artifacts
from agent.doctor.facts import OrphanFacts, StoreFacts
from agent.domain import TaskStatus
from agent.errors import AgentError, NotFound
from agent.installation import Installation, artifacts_of, known_node_of
from agent.maintenance.cleanup import find_orphans
from agent.maintenance.restore import is_half_restored
from agent.store import SCHEMA_REVISION, is_made, open_store, sqlite_file

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.settings import Settings
    from agent.store import Store

MODELS_CHECKED = 1000


def probe_store(settings: Settings) -> tuple[StoreFacts, OrphanFacts | None, datetime | None]:
    """The store, the orphans of ended tasks, and the newest time in the store; None where the store cannot be asked.

    Makes none where there is none, so that the home stays fit for a restore.
    """
    try:
        if not is_made(settings.store):
            return _unmade_store(settings), None, None
    except AgentError as error:
        return StoreFacts("", trouble=str(error)), None, None
    try:
        artifacts: Artifacts | None = artifacts_of(settings)
        trouble = ""
    except AgentError as error:
        artifacts, trouble = None, str(error)
    try:
        with open_store(settings.store) as store:
            facts = _store(store, artifacts, trouble)
            if facts.damage or artifacts is None:
                return facts, None, None
            installation = Installation(store, artifacts, settings)
            return facts, _orphans(installation), _newest(store)
    except AgentError as error:
        return StoreFacts("", trouble=str(error), artifacts_trouble=trouble), None, None


def _unmade_store(settings: Settings) -> StoreFacts:
    file, trouble = sqlite_file(settings.store), ""
    if not file.parent.is_dir():  # the doctor has tried to make the home
        return StoreFacts(str(file), trouble=f"there is no folder {file.parent} for the database")
    if "://" in settings.artifacts:
        try:
            with tempfile.TemporaryDirectory() as cache:
                open_artifacts(settings.artifacts, cache_dir=Path(cache), endpoint=settings.artifacts_endpoint)
        except AgentError as error:
            trouble = str(error)
    half = is_half_restored(settings)
    return StoreFacts(str(file), is_made=False, is_half_restored=half, artifacts_trouble=trouble)


def _store(store: Store, artifacts: Artifacts | None, trouble: str) -> StoreFacts:
    models = store.models.list(limit=MODELS_CHECKED)
    missing, broken = [], []
    kept = [plugin.id for plugin in store.plugins.list() if plugin.kept_bytes is not None]
    try:
        if artifacts is not None:
            missing = [model.id for model in models if not artifacts.exists(model.sha256)]
            broken = [id_ for id_ in kept if not _has_image(store, artifacts, id_)]
    except NotFound:  # a row that holds no hash: the check of the database tells what happened to it
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
        images_kept=len(kept),
        images_without_bytes=tuple(broken),
        artifacts_trouble=trouble,
    )


def _has_image(store: Store, artifacts: Artifacts, plugin_id: int) -> bool:
    return all(artifacts.exists(blob.sha256) for blob in store.plugins.image_blobs(plugin_id))


def _orphans(installation: Installation) -> OrphanFacts:
    store, node = installation.store, known_node_of(installation.settings)
    kinds = Counter(orphan.kind for orphan in find_orphans(installation))
    return OrphanFacts(
        containers=kinds["container"],
        folders=kinds["folder"],
        lost_tasks=tuple(task.id for task in liveness.lost_tasks(store, node)),
        queued=store.counts().tasks[TaskStatus.QUEUED],
        agents_taking=len(liveness.agents_alive(store, takes="queue")),
    )


def _newest(store: Store) -> datetime | None:
    """The latest time in the store: of an agent's heartbeat or a task."""
    times = [agent.last_seen for agent in store.agents.list()]
    times += [task.finished_at or task.started_at or task.created_at for task in store.tasks.list(limit=1)]
    return max(times, default=None)

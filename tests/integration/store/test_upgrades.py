"""Databases of every released schema, with rows as that release wrote them, are brought up to date and read.

Each is made by the revisions themselves, so a later change of an old revision shows here, too. The rows are those of
the first release; a later release adds its own.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import agent.store.migrations
from agent.domain import NewModel, TaskStatus
from agent.store import SCHEMA_REVISION, known_revisions, open_store

US = 1_700_000_000_000_000
SHA = "ab" * 32

FIRST = f"""
    INSERT INTO plugins (id, title, description, type, image, tag, modes, readme, configs, created_us, updated_us)
        VALUES (1, 'UNet', '', 'architecture', 'local/nn-unet', '1.0', '["train"]', '', '[]', {US}, {US});
    INSERT INTO projects (id, name, description, content_sha256, images_count, size_bytes, created_us, updated_us, meta)
        VALUES (1, 'fruit', '', '{SHA}', 1, 3, {US}, {US}, '{{"classes": []}}');
    INSERT INTO datasets (id, project_id, name, images_count, created_us, updated_us)
        VALUES (1, 1, 'ds', 1, {US}, {US});
    INSERT INTO images (id, dataset_id, name, sha256, size_bytes, width, height, mime, created_us,
            updated_us, annotation)
        VALUES (1, 1, 'a.png', '{SHA}', 3, 8, 6, 'image/png', {US}, {US}, '{{}}');
    INSERT INTO models (id, name, description, sha256, size_bytes, only_train, created_us, updated_us)
        VALUES (1, 'start', '', '{SHA}', 3, false, {US}, {US});
    INSERT INTO models (id, name, description, sha256, size_bytes, only_train, task_id, created_us, updated_us)
        VALUES (2, 'net', '', '{SHA}', 3, false, 1, {US}, {US});
    INSERT INTO tasks (id, type, status, name, plugin_id, project_id, model_id, created_us, finished_us, reason,
            options, config, lines_read, events_count)
        VALUES (1, 'train', 'finished', 'net', 1, 1, 1, {US}, {US}, 'finished',
            '{{"engine":"docker"}}', '{{"lr":0.1}}', 1, 1);
    INSERT INTO tasks (id, type, status, name, plugin_id, project_id, model_id, created_us, options, config)
        VALUES (2, 'train', 'queued', 'more', 1, 1, 2, {US}, '{{}}', '{{}}');
    INSERT INTO events (task_id, seq, time_us, stream, level, raw) VALUES (1, 1, {US}, 1, 30, 'hello');
    INSERT INTO series (id, task_id, kind, name, count, last_seq, last_epoch, last_value)
        VALUES (1, 1, 'train', 'loss', 1, 1, 0.5, 0.25);
    INSERT INTO progress (task_id, subtask, first_seq, seq, current, total, updated_us)
        VALUES (1, 'Epoch', 1, 1, 3, 4, {US});
    INSERT INTO checkpoints (id, task_id, seq, checkpoint_index, subdir, size_bytes, is_best, state, model_id,
            created_us)
        VALUES (1, 1, 1, 0, '00000000', 3, true, 'published', 2, {US});
    INSERT INTO agents (id, name, info, last_seen_us) VALUES ('a:1', 'a', '{{}}', {US});
"""
LATER = {
    "0002": "UPDATE datasets SET description = 'of 0002'; UPDATE models SET upload_hash = 'word' WHERE id = 2;",
    "0003": "UPDATE tasks SET only_for = 'bert' WHERE id = 2;",
    "0004": f"INSERT INTO tokens (id, name, sha256, created_us) VALUES (1, 'ci', '{SHA}', {US});",
    "0005": f"UPDATE models SET pinned = true WHERE id = 2; UPDATE models SET deleted_us = {US} WHERE id = 1;",
}


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(agent.store.migrations.__file__).parent))
    return config


REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(scripts()).walk_revisions())


def database_of(revision: str, file: Path) -> str:
    """A database as the release with this schema left it."""
    config = scripts()
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    connection = sqlite3.connect(file)
    connection.executescript(FIRST + "".join(text for later, text in LATER.items() if later <= revision))
    connection.close()
    return f"sqlite:///{file}"


def test_every_revision_has_a_database_here() -> None:
    assert [*LATER] == REVISIONS[1:]
    assert set(REVISIONS) == known_revisions()


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_of_an_older_release_is_brought_up_to_date_and_keeps_every_row(revision: str, tmp_path: Path) -> None:
    with open_store(database_of(revision, tmp_path / "store.db")) as store:
        assert store.revision == SCHEMA_REVISION
        assert store.damage() == ()
        queued, finished = store.tasks.list()
        assert (finished.status, finished.reason, finished.config) == (TaskStatus.FINISHED, "finished", {"lr": 0.1})
        assert (finished.options.engine, finished.options.hardened) == ("docker", False)
        assert [event.raw for event in store.events.after(1)] == ["hello"]
        assert [(one.name, one.last_value) for one in store.metrics.series(1)] == [("loss", 0.25)]
        assert [(bar.subtask, bar.current) for bar in store.progress.list(1)] == [("Epoch", 3)]
        assert [(c.model_id, c.is_best) for c in store.checkpoints.list(1)] == [(2, True)]
        assert store.plugins.get(1).reference == "local/nn-unet:1.0"
        (dataset,) = store.projects.datasets(1)
        assert [image.name for image in store.projects.images(dataset.id)] == ["a.png"]
        assert [agent.name for agent in store.agents.list()] == ["a"]
        model = store.models.get(2)
        assert (model.provenance.task_id, model.pinned, model.deleted_at) == (1, revision >= "0005", None)
        if revision >= "0002":
            assert (dataset.description, model.upload_hash) == ("of 0002", "word")
        if revision >= "0004":
            assert [token.name for token in store.tokens.list()] == ["ci"]
        if revision >= "0003":
            assert store.tasks.claim("anna:1:x") is None  # it is bert's
            queued = store.tasks.claim("bert:1:x") or queued
        else:
            queued = store.tasks.claim("anna:1:x") or queued
        assert queued.status is TaskStatus.CONSUMED
        assert store.models.add(NewModel("new", SHA, 3, None)).id == 3


def open_and_close(url: str) -> None:
    open_store(url).close()


def test_processes_that_come_at_once_upgrade_an_old_store_once(tmp_path: Path) -> None:
    url = database_of(REVISIONS[0], tmp_path / "store.db")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=open_and_close, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with open_store(url) as store:
        assert len(store.tasks.list()) == 2

"""Databases of every released schema, with rows as that release wrote them.

Each is made by the revisions themselves, so a later change of an old revision shows, too. The rows are those of the
first release; a later release adds its own.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import agent.store.migrations
from tests.support.postgres import PostgresServer

US = 1_700_000_000_000_000
SHA = "ab" * 32
TASK = '{"type":"train","name":"net","plugin_id":1,"project_id":1,"model_id":1,"config":{},"options":{}}'

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
    INSERT INTO series (id, task_id, kind, name, count, last_seq, last_epoch, last_value)
        VALUES (1, 1, 'train', 'loss', 1, 1, 0.5, 0.25);
    INSERT INTO progress (task_id, subtask, first_seq, seq, current, total, updated_us)
        VALUES (1, 'Epoch', 1, 1, 3, 4, {US});
    INSERT INTO checkpoints (id, task_id, seq, checkpoint_index, subdir, size_bytes, is_best, state, model_id,
            created_us)
        VALUES (1, 1, 1, 0, '00000000', 3, true, 'published', 2, {US});
    INSERT INTO agents (id, name, info, last_seen_us) VALUES ('a:1', 'a', '{{}}', {US});
"""
EVENTS_UP_TO = "0014"
HELLO = "28b52ffd201ff900009b0101c0cf00060a24181e400090c40101c4011e9091008091a568656c6c6f"  # a block with this line
EVENTS = f"INSERT INTO events (task_id, seq, time_us, stream, level, raw) VALUES (1, 1, {US}, 1, 30, 'hello');"
LATER = {
    "0002": "UPDATE datasets SET description = 'of 0002'; UPDATE models SET upload_hash = 'word' WHERE id = 2;",
    "0003": "UPDATE tasks SET only_for = 'bert' WHERE id = 2;",
    "0004": f"INSERT INTO tokens (id, name, sha256, created_us) VALUES (1, 'ci', '{SHA}', {US});",
    "0005": f"UPDATE models SET pinned = true WHERE id = 2; UPDATE models SET deleted_us = {US} WHERE id = 1;",
    "0006": "INSERT INTO config_values (path, task_id, kind, number) VALUES ('.lr', 1, 0, 0.1);",
    "0007": "UPDATE tasks SET tags = '\nold\n', notes = '# good' WHERE id = 1; UPDATE projects SET tags = '\nfruit\n';",
    "0008": f"INSERT INTO usage (task_id, time_us, memory_bytes) VALUES (1, {US}, 77);",
    "0009": f"INSERT INTO studies (id, name, state, trials, jobs, sampler, pruner, seed, created_us, space, task) "
    f"VALUES (1, 'rates', 'running', 3, 1, 'grid', 'none', 7, {US}, '{{}}', '{TASK}'); "
    "INSERT INTO study_journal (study_id, seq, body) VALUES (1, 0, '{}'); "
    "UPDATE tasks SET study_id = 1, trial_number = 0 WHERE id = 2;",
    "0010": "",  # indexes only
    "0011": f"INSERT INTO nodes (id, name, created_us) VALUES ('n1', 'lab', {US}); "
    "INSERT INTO attempts (task_id, number, first_seq, model_id, node) VALUES (1, 1, 1, 1, 'n1'); "
    "UPDATE tasks SET node = 'n1' WHERE id = 1;",
    "0012": "INSERT INTO clusters (name) VALUES ('slurm'); "
    "INSERT INTO placements (task_id, number, cluster, label, job, "
    f"state, submitted_us) VALUES (1, 1, 'slurm', 'sly-1-1', '77', 'ended', {US});",
    "0013": "INSERT INTO task_images (id, task_id, seq, name, step, path, sha256, size_bytes, width, height, mime, "
    f"created_us) VALUES (1, 1, 1, 'val', 0.5, 'a.png', '{SHA}', 3, 8, 6, 'image/png', {US});",
    "0014": "UPDATE plugins SET pushed = 'host/nn-unet@sha256:1', kept_bytes = 3 WHERE id = 1; "
    f"INSERT INTO plugin_blobs (id, plugin_id, number, sha256, size_bytes) VALUES (1, 1, 0, '{SHA}', 3);",
    "0015": "INSERT INTO line_blocks (task_id, first_seq, last_seq, lines, plain, max_level, types, is_open, data) "
    f"VALUES (1, 1, 1, 1, 1, 30, '', false, X'{HELLO}');",
    "0016": "",  # a table that is filled when points are packed
    "0017": "INSERT INTO tokens (id, name, sha256, created_us, is_agent) "
    f"VALUES (2, 'old-agent', '{SHA[1:]}c', {US}, true);",
    "0018": "INSERT INTO tasks (id, type, status, name, plugin_id, model_id, created_us, options, config) "
    f"VALUES (3, 'deploy', 'stopped', 'net', 1, 2, {US}, '{{}}', '{{}}');",
    "0019": "INSERT INTO evaluations (id, truth_project_id, predicted_project_id, status, asked, created_us) "
    f"VALUES (1, 1, 1, 'queued', '{{}}', {US});",
    "0020": "INSERT INTO near_misses (task_id, kind, count, first_seq, nearly, change) "
    "VALUES (1, 'key', 2, 1, 'a METRICS event', 'Add it.');",
    "0021": f"INSERT INTO plugin_checks (plugin_id, checked_us, certificate) VALUES (1, {US}, '{{}}');",
}


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(agent.store.migrations.__file__).parent))
    return config


def database_of(revision: str, file: Path) -> str:
    """A database as the release with this schema left it."""
    config = scripts()
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    filled = sqlite3.connect(file)
    filled.executescript(_rows(revision))
    filled.close()
    return f"sqlite:///{file}"


def server_of(revision: str, server: PostgresServer) -> str:
    """The same on a server, which is emptied."""
    server.empty()
    engine = sa.create_engine(sa.make_url(server.url).set(drivername="postgresql+psycopg"))
    config = scripts()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in _rows(revision).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()
    return server.url


def _rows(revision: str) -> str:
    rows = [FIRST, EVENTS if revision <= EVENTS_UP_TO else ""]
    return "\n".join([*rows, *(text for later, text in LATER.items() if later <= revision), ""])

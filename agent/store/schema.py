"""The tables. Times are integer microseconds since 1970 (`*_us`), JSON is text, ids are integers.

Portable SQL only: the same metadata makes an SQLite file and a PostgreSQL database. A change here needs
a revision in `migrations/versions`; a test compares the two. Each foreign key begins an index: before a row is deleted,
the database looks for those that refer to it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD = "0021"  # the newest revision; opening a store at this revision imports no alembic

# SQLite gives only `INTEGER PRIMARY KEY` its fast row number; PostgreSQL needs BIGINT for ids beyond 2³¹.
Id = BigInteger().with_variant(Integer, "sqlite")
Us = BigInteger()

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _kept() -> tuple[Column[Any], ...]:
    """The columns of a thing that people write about and throw away (`kept.py`)."""
    return (
        Column("notes", Text, nullable=False, server_default=text("''")),  # Markdown
        Column("tags", Text, nullable=False, server_default=text("''")),  # each between line feeds: "\nbaseline\nold\n"
        Column("deleted_us", Us),  # in the trash since then; 0: given up
    )


plugins = Table(
    "plugins",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("modes", Text, nullable=False),
    Column("readme", Text, nullable=False),
    Column("configs", Text, nullable=False),
    Column("image_digest", Text),
    Column("folder", Text),
    Column("content_sha256", String(64)),
    Column("created_us", Us, nullable=False),
    Column("updated_us", Us, nullable=False),
    Column("deleted_us", Us),  # in the trash since then; 0: given up, which `kept.py` explains
    Column("node", Text),  # the node that has its folder or its image; null: every node can get it
    Column("pushed", Text),  # the image `image_digest` in a registry, by digest
    Column("kept_bytes", BigInteger),  # of the image `image_digest` in the artifacts; null: it is not kept there
    UniqueConstraint("image", "tag"),
    sqlite_autoincrement=True,  # an id is never used twice, because labels, links and logs name it
)

# The images of plugins that the artifacts keep: the config of an image is number 0, its layers follow from below.
plugin_blobs = Table(
    "plugin_blobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plugin_id", ForeignKey("plugins.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    UniqueConstraint("plugin_id", "number"),
)

# What `agent plugin check` said last of a plugin.
plugin_checks = Table(
    "plugin_checks",
    metadata,
    Column("plugin_id", ForeignKey("plugins.id", ondelete="CASCADE"), primary_key=True),
    Column("checked_us", Us, nullable=False),
    Column("certificate", Text, nullable=False),  # JSON
)

projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("description", Text, nullable=False),
    Column("content_sha256", String(64), nullable=False, index=True),
    Column("images_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("task_id", BigInteger, index=True),  # provenance outlives what it names: no foreign key
    Column("created_us", Us, nullable=False),
    Column("updated_us", Us, nullable=False),
    Column("meta", Text, nullable=False),
    Column("extra", Text),
    *_kept(),
    sqlite_autoincrement=True,  # an id is never used twice, because labels, links and logs name it
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("images_count", BigInteger, nullable=False),
    Column("created_us", Us, nullable=False),
    Column("updated_us", Us, nullable=False),
    Column("description", Text),
)

images = Table(
    "images",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("mime", Text, nullable=False),
    Column("created_us", Us, nullable=False),
    Column("updated_us", Us, nullable=False),
    Column("annotation", Text, nullable=False),
    Column("meta", Text),
    Index("ix_images_dataset_id_id", "dataset_id", "id"),
    Index("ix_images_dataset_id_name", "dataset_id", "name"),
)

models = Table(
    "models",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("description", Text, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("only_train", Boolean, nullable=False),
    Column("task_id", BigInteger, index=True),
    Column("checkpoint_index", BigInteger),
    Column("is_best", Boolean),
    Column("plugin_id", BigInteger),
    Column("plugin_image", Text),
    Column("image_digest", Text),
    Column("project_id", BigInteger),
    Column("parent_model_id", BigInteger),
    Column("created_us", Us, nullable=False),
    Column("updated_us", Us, nullable=False),
    Column("optional", Text),
    Column("config", Text),
    Column("train_config", Text),
    Column("upload_hash", Text, index=True, unique=True),  # the word under which its bytes may be uploaded, or were
    Column("pinned", Boolean, nullable=False, server_default=text("false")),
    Column("deleted_us", Us),  # in the trash since then; 0: given up
    Column("notes", Text, nullable=False, server_default=text("''")),
    Column("tags", Text, nullable=False, server_default=text("''")),
    sqlite_autoincrement=True,  # an id is never used twice, because labels, links and logs name it
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("plugin_id", ForeignKey("plugins.id"), nullable=False, index=True),
    Column("project_id", ForeignKey("projects.id"), index=True),  # null: of a deployed model
    Column("model_id", ForeignKey("models.id"), nullable=False, index=True),
    Column("step", SmallInteger, nullable=False, server_default="0"),
    Column("stop_requested", Boolean, nullable=False, server_default=text("false")),
    Column("agent_id", Text),
    Column("engine", Text),
    Column("container_id", Text),
    Column("image_digest", Text),
    Column("reason", Text),
    Column("message", Text),
    Column("exit_code", Integer),
    Column("result_project_id", ForeignKey("projects.id"), index=True),
    Column("created_us", Us, nullable=False),
    Column("started_us", Us),
    Column("finished_us", Us),
    # Counts of the event rows, written with them, so that a list of tasks reads no events.
    Column("lines_read", BigInteger, nullable=False, server_default="0"),
    Column("events_count", BigInteger, nullable=False, server_default="0"),
    Column("progress_subtask", Text),
    Column("progress_current", BigInteger),
    Column("progress_total", BigInteger),
    Column("metric_kind", Text),
    Column("metric_name", Text),
    Column("metric_epoch", Float(53)),
    Column("metric_value", Float(53)),
    # The long ones last: SQLite reads a row from its front and stops at the last column asked for.
    Column("options", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("container_spec", Text),
    Column("only_for", Text),  # the name of the agent that must run it; null: any
    *_kept(),
    Column("archived_us", Us),  # left out of lists since then
    Column("stop_cause", Text),  # why the stop was requested; null: a person asked
    Column("study_id", BigInteger),  # of the study whose trial it is
    Column("trial_number", BigInteger),
    Column("node", Text),  # of the agent that has it: a container is seen from the node that launched it, and no other
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("needs", Text),  # what a node must have for it (`needs.py`); null: nothing in particular
    Column("placement", Integer),  # the number of the placement whose agent alone may take it; null: any agent may
    CheckConstraint(
        "status IN ('queued', 'consumed', 'started', 'deployed', 'terminating', 'finished', 'error', 'stopped')",
        name="status",
    ),
    Index("ix_tasks_status_id", "status", "id"),
    Index("ix_tasks_deleted_us_archived_us_status", "deleted_us", "archived_us", "status"),  # what lists count by
    Index("ix_tasks_study_id_trial_number", "study_id", "trial_number", unique=True),  # a trial has one task
    sqlite_autoincrement=True,  # an id is never used twice, because labels, links and logs name it
)

# The values of the tasks' configs, taken apart when a task is added (`runs/values.py`): a config never changes. So a
# column of the table of runs is read by key in any database, and no text of a config goes through SQL's own JSON.
config_values = Table(
    "config_values",
    metadata,
    Column("path", Text, primary_key=True),  # as expressions spell it behind `config`
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("kind", SmallInteger, nullable=False),
    Column("number", Float(53)),
    Column("text", Text),
    sqlite_with_rowid=False,  # the values of one column lie side by side, in the order of tasks
)

# The events of tasks: lines that containers printed, and the agent's own notes (`line_blocks.py`).
line_blocks = Table(
    "line_blocks",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("plain", Integer, nullable=False),  # events that are neither metrics nor progress
    Column("max_level", SmallInteger, nullable=False),
    Column("types", Text, nullable=False),  # names of event types, each between newlines; or *
    Column("is_open", Boolean, nullable=False),  # its writer will join it with those that come next
    Column("data", LargeBinary, nullable=False),
    # What is asked of blocks without looking into them: ten thousand for a log of ten million lines.
    Index("ix_line_blocks_heads", "task_id", "first_seq", "last_seq", "lines", "plain", "max_level", "types"),
    # The newest blocks, and those that a task left when it ended. The revisions give PostgreSQL the same condition.
    Index("ix_line_blocks_open", "task_id", "first_seq", sqlite_where=text("is_open")),
)

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_epoch", Float(53)),
    Column("last_value", Float(53)),
    # The extremes of all its numbers, each with the epoch of the first point that has it; kept by the same writes.
    Column("min_value", Float(53)),
    Column("min_epoch", Float(53)),
    Column("max_value", Float(53)),
    Column("max_epoch", Float(53)),
    UniqueConstraint("task_id", "kind", "name"),
    Index("ix_series_kind_name", "kind", "name"),  # which metrics there are
)

# Points lie in blocks: little-endian arrays of 8-byte numbers, NaN where there is no number. A row per
# point would cost five seconds to read five million of them; blocks are read as fast as the disk. When the task
# has ended they are joined and packed (`packed_numbers.py`).
point_blocks = Table(
    "point_blocks",
    metadata,
    Column("series_id", ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("epoch_min", Float(53)),  # over the block's finite epochs; null where it has none
    Column("epoch_max", Float(53)),
    Column("epochs", LargeBinary, nullable=False),  # float64
    Column("point_values", LargeBinary, nullable=False),  # float64
    Column("seqs", LargeBinary, nullable=False),  # int64
    Column("times_us", LargeBinary, nullable=False),  # int64
    Column("is_open", Boolean, nullable=False, server_default=text("true")),  # not packed yet
    Index("ix_point_blocks_open", "series_id", "first_seq", sqlite_where=text("is_open")),
)

# Of long series that are packed: what a chart draws when it shows all of them (`point_summaries.py`).
point_summaries = Table(
    "point_summaries",
    metadata,
    Column("series_id", ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),  # points
    Column("data", LargeBinary, nullable=False),
)

# The conditions of the indexes, word for word: for `is_open = 1`, as SQLAlchemy writes it, SQLite takes none of them.
LINES_ARE_OPEN = text("line_blocks.is_open")
POINTS_ARE_OPEN = text("point_blocks.is_open")

usage = Table(
    "usage",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("time_us", Us, primary_key=True, autoincrement=False),
    Column("cpu_percent", Float(53)),  # of one processor
    Column("memory_bytes", BigInteger),
    Column("processes", BigInteger),
    Column("received_per_s", Float(53)),  # bytes, as the three below
    Column("sent_per_s", Float(53)),
    Column("read_per_s", Float(53)),
    Column("written_per_s", Float(53)),
    Column("gpu_percent", Float(53)),  # of one GPU
    Column("gpu_memory_bytes", BigInteger),
    sqlite_with_rowid=False,  # rows lie in the order of (task_id, time_us)
)

progress = Table(
    "progress",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("subtask", Text, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("current", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("current_label", Text),
    Column("total_label", Text),
    Column("updated_us", Us, nullable=False),
)

# Lines that were surely meant as an event: of each kind how many, and the first.
near_misses = Table(
    "near_misses",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("nearly", Text, nullable=False),
    Column("change", Text, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("id", Id, primary_key=True),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("checkpoint_index", BigInteger, nullable=False),
    Column("subdir", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_best", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("model_id", ForeignKey("models.id"), index=True),
    Column("created_us", Us, nullable=False),
    Column("optional", Text),
    UniqueConstraint("task_id", "seq"),
)

# The runs of a task, each from the launch of a container on. A task has more than one where its node was lost.
attempts = Table(
    "attempts",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),  # its first event may have this number, none before it
    Column("model_id", BigInteger, nullable=False),  # it starts from this one
    Column("node", Text),
    Column("agent_id", Text),
    Column("started_us", Us),
    Column("ended_us", Us),
    Column("reason", Text),
    Column("message", Text),
    sqlite_with_rowid=False,  # rows lie in the order of (task_id, number)
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_us", Us, nullable=False),
)

task_images = Table(
    "task_images",
    metadata,
    Column("id", Id, primary_key=True),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger),  # of the line that asked for it; null: found in results/ at the end
    Column("name", Text, nullable=False),
    Column("step", Float(53)),
    Column("path", Text, nullable=False),  # below results/
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("mime", Text, nullable=False),
    Column("caption", Text),
    Column("created_us", Us, nullable=False),
    UniqueConstraint("task_id", "seq"),
    Index("ix_task_images_task_id_id", "task_id", "id"),
    Index("ix_task_images_task_id_name_step", "task_id", "name", "step"),
    sqlite_autoincrement=True,  # an id is never used twice, because browsers keep pictures by it
)

agents = Table(
    "agents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("info", Text, nullable=False),
    Column("last_seen_us", Us, nullable=False),
)

# Clusters on which tasks are placed. Each has at most one controller.
clusters = Table(
    "clusters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("controller", Text),  # the process that places tasks there
    Column("controller_info", Text),
    Column("seen_us", Us),  # its last heartbeat
)

# The starts of a task by a cluster: the jobs that were to run its agent. The row is written before its job.
placements = Table(
    "placements",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1 on
    Column("cluster", Text, nullable=False),
    Column("label", Text, nullable=False),  # by which the job is found while its id is not known here
    Column("job", Text),
    Column("state", Text, nullable=False),
    Column("why", Text),  # it waits, or ended so: a sentence
    Column("node", Text),
    Column("submitted_us", Us, nullable=False),
    Column("started_us", Us),
    Column("claimed_us", Us),  # its agent has taken the task
    Column("ended_us", Us),
    Column("how", Text),
    CheckConstraint("state IN ('placing', 'waiting', 'running', 'ended')", name="state"),
    Index("ix_placements_state_cluster", "state", "cluster"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),  # of the secret, which only its owner has
    Column("created_us", Us, nullable=False),
    Column("last_used_us", Us),
    Column("revoked_us", Us),
    Column("is_agent", Boolean, nullable=False, server_default=text("false")),  # of an original agent of that name
    Column("task_id", BigInteger, index=True),  # opens what the agent of this task needs, until the task has ended
    sqlite_autoincrement=True,  # an id is never used twice, because sessions name it
)

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("metric", Text),  # "val.mean_iou"; null: all combinations are tried, and nothing is compared
    Column("direction", Text),
    Column("trials", BigInteger, nullable=False),
    Column("jobs", Integer, nullable=False),
    Column("sampler", Text, nullable=False),
    Column("pruner", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created_us", Us, nullable=False),
    Column("controller", Text),  # the process that decides about its trials
    Column("controller_info", Text),
    Column("space", Text, nullable=False),
    Column("task", Text, nullable=False),  # the request for a task, into which the parameters of a trial are put
    Column("seen_us", Us),  # the last heartbeat of the controller
    CheckConstraint("state IN ('running', 'finished', 'stopped')", name="state"),
    sqlite_autoincrement=True,  # an id is never used twice, because tasks and links name it
)

# What Optuna writes down of a study, in its own words; its state is what these entries make when read in order.
study_journal = Table(
    "study_journal",
    metadata,
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,  # rows lie in the order of (study_id, seq)
)

# How good predictions are: a project of predictions against a project of ground truth.
evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("truth_project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("predicted_project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key", String(64), index=True),  # of what is compared and how; null: that is not worked out yet
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("task_id", BigInteger, index=True),  # the inference that predicted; it may be gone
    Column("model_id", BigInteger, index=True),
    Column("images_total", BigInteger, nullable=False, server_default="0"),
    Column("images_done", BigInteger, nullable=False, server_default="0"),
    Column("created_us", Us, nullable=False),
    Column("started_us", Us),
    Column("finished_us", Us),
    Column("controller", Text),  # the process that computes it
    Column("controller_info", Text),
    Column("seen_us", Us),  # its last heartbeat
    Column("contents", Text),  # what both projects were when the key was made
    Column("headline", Text),  # the few figures of lists
    Column("asked", Text, nullable=False),  # the wish: mapping and suffix
    Column("plan", Text),
    Column("remarks", Text),
    Column("figures", Text),
    UniqueConstraint("truth_project_id", "predicted_project_id", "key"),
    CheckConstraint("status IN ('queued', 'running', 'done', 'error')", name="status"),
    Index("ix_evaluations_status_id", "status", "id"),
    sqlite_autoincrement=True,  # an id is never used twice, because links name it
)

# What was counted, some hundred images each. It belongs to the key: evaluations of the same content share it.
evaluation_parts = Table(
    "evaluation_parts",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("images", Integer, nullable=False),
    Column("about", Text, nullable=False),  # the names and tags of the images
    Column("data", LargeBinary, nullable=False),
)

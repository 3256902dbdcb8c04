"""The table of runs: values of configs as rows, and the extremes of metrics; both filled for the tasks there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agent.store.columns import from_json
from agent.store.points import extremes, floats
from agent.store.runs.values import config_values

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 100  # rows of large columns read at a time
_EXTREMES = ("min_value", "min_epoch", "max_value", "max_epoch")


def upgrade() -> None:
    id_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    values = op.create_table(
        "config_values",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("task_id", id_type, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Float(53), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_config_values_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("path", "task_id", name=op.f("pk_config_values")),
        sqlite_with_rowid=False,
    )
    for name in _EXTREMES:
        op.add_column("series", sa.Column(name, sa.Float(53), nullable=True))
    op.create_index("ix_series_kind_name", "series", ["kind", "name"])
    _take_configs_apart(op.get_bind(), values)
    _find_extremes(op.get_bind())


def _take_configs_apart(connection: sa.Connection, values: sa.Table) -> None:
    tasks = sa.table("tasks", sa.column("id"), sa.column("config"))
    last = 0
    while found := connection.execute(
        sa.select(tasks.c.id, tasks.c.config).where(tasks.c.id > last).order_by(tasks.c.id).limit(_AT_ONCE)
    ).all():
        rows = [
            {"task_id": row.id, **value._asdict()} for row in found for value in config_values(from_json(row.config))
        ]
        if rows:
            connection.execute(sa.insert(values), rows)
        last = found[-1].id


def _find_extremes(connection: sa.Connection) -> None:
    columns = ("series_id", "first_seq", "epochs", "point_values")
    blocks = sa.table("point_blocks", *(sa.column(name) for name in columns))
    series = sa.table("series", *(sa.column(name) for name in ("id", *_EXTREMES)))
    known = connection.execute(sa.select(series.c.id).order_by(series.c.id)).scalars().all()
    change = sa.update(series).where(series.c.id == sa.bindparam("series"))
    change = change.values({name: sa.bindparam(f"new_{name}") for name in _EXTREMES})
    for series_id in known:
        found = sa.select(blocks.c.epochs, blocks.c.point_values).where(blocks.c.series_id == series_id)
        every = connection.execute(found.order_by(blocks.c.first_seq)).all()
        epochs, values = floats(row.epochs for row in every), floats(row.point_values for row in every)
        found_there = extremes(epochs.tolist(), values.tolist())
        new = {f"new_{name}": value for name, value in zip(_EXTREMES, found_there, strict=True)}
        connection.execute(change, {"series": series_id, **new})

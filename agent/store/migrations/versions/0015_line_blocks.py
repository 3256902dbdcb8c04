"""Lines of logs in blocks, a tenth of the bytes and of the work; points of ended tasks can be packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from agent.store.line_blocks import MOST_LINES, KeptLine, LineColumns, cut, head, pack

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BYTES = 4 << 20  # of lines, gathered before they are packed


def upgrade() -> None:
    op.create_table(
        "line_blocks",
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("plain", sa.Integer(), nullable=False),
        sa.Column("max_level", sa.SmallInteger(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_line_blocks_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "first_seq", name=op.f("pk_line_blocks")),
    )
    heads = ["task_id", "first_seq", "last_seq", "lines", "plain", "max_level", "types"]
    op.create_index("ix_line_blocks_heads", "line_blocks", heads)
    op.create_index(
        "ix_line_blocks_open",
        "line_blocks",
        ["task_id", "first_seq"],
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.add_column("point_blocks", sa.Column("is_open", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.create_index(
        "ix_point_blocks_open",
        "point_blocks",
        ["series_id", "first_seq"],
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    connection = op.get_bind()
    for task_id in connection.execute(sa.text("SELECT DISTINCT task_id FROM events ORDER BY task_id")).scalars().all():
        _pack(connection, task_id)
    op.drop_table("events")


def _pack(connection: sa.Connection, task_id: int) -> None:
    found = sa.text(
        "SELECT seq, time_us, stream, level, event_type, raw, message, fields FROM events "
        "WHERE task_id = :task ORDER BY seq"
    )
    insert = sa.text(
        "INSERT INTO line_blocks (task_id, first_seq, last_seq, lines, plain, max_level, types, is_open, data) "
        "VALUES (:task, :first_seq, :last_seq, :lines, :plain, :max_level, :types, :is_open, :data)"
    ).bindparams(sa.bindparam("data", type_=sa.LargeBinary), sa.bindparam("is_open", type_=sa.Boolean))
    # A server would send all rows at once without the option; SQLite does not know it, and gives row after row. It is
    # the statement's: of the connection it would be for good, and a server has no cursor for an INSERT.
    options = {} if connection.dialect.name == "sqlite" else {"stream_results": True, "max_row_buffer": 256}
    with connection.execute(found.execution_options(**options), {"task": task_id}) as rows:
        for columns in _gathered(rows):
            for piece in cut(columns):
                row = {"task": task_id, **head(piece)._asdict(), "is_open": False, "data": pack(piece)}
                connection.execute(insert, row)


def _gathered(rows: Iterable[Any]) -> Iterator[LineColumns]:
    columns, size = LineColumns(), 0
    for row in rows:
        columns.add(KeptLine(*row))
        size += len(row.raw)
        if size >= _BYTES or len(columns) == 4 * MOST_LINES:
            yield columns
            columns, size = LineColumns(), 0
    if columns:
        yield columns

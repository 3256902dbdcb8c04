"""What holds for every table of the schema."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from agent.store.schema import metadata

REFERENCES = [
    pytest.param(table, column, id=f"{table.name}.{column.name}")
    for table in metadata.sorted_tables
    for column in table.columns
    if column.foreign_keys
]


@pytest.mark.parametrize(("table", "column"), REFERENCES)
def test_every_foreign_key_begins_an_index(table: sa.Table, column: sa.Column[object]) -> None:
    unique = [one for one in table.constraints if isinstance(one, (sa.PrimaryKeyConstraint, sa.UniqueConstraint))]
    whole = [one for one in table.indexes if one.dialect_options["sqlite"]["where"] is None]
    firsts = {next(iter(one.columns)).name for one in (*unique, *whole)}

    assert column.name in firsts, f"deleting what {table.name}.{column.name} refers to walks over all of {table.name}"

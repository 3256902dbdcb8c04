"""The ancestors of a model."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.domain import Model, Provenance
from agent.errors import NotFound
from web_stub.lineage import ancestors

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def model(id_: int, parent: int | None) -> Model:
    return Model(id_, f"m{id_}", "", "", 0, None, False, Provenance(parent_model_id=parent), NOW, NOW)


def line(*parents: tuple[int, int | None]) -> list[int]:
    """Ids of the ancestors of the first of (id, parent)."""
    known = {id_: model(id_, parent) for id_, parent in parents}

    def find(id_: int) -> Model:
        if id_ not in known:
            raise NotFound(f"There is no model {id_}.")
        return known[id_]

    return [found.id for found in ancestors(known[parents[0][0]], find)]


def test_parents_come_nearest_first() -> None:
    assert line((3, 2), (2, 1), (1, None)) == [2, 1]


def test_the_line_ends_at_a_model_that_was_removed() -> None:
    assert line((3, 2), (2, 1)) == [2]


def test_a_circle_of_parents_ends() -> None:
    assert line((1, 1)) == []
    assert line((3, 2), (2, 1), (1, 2)) == [2, 1]


def test_a_long_line_of_parents_is_cut() -> None:
    assert len(line(*((id_, id_ - 1) for id_ in range(200, 0, -1)))) == 50

"""`agent model pin`, `unpin`, `remove`, `restore`, `trash`: which models stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.house import open_house

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="Id, or name.")]
Id = Annotated[int, typer.Argument(metavar="ID")]


def pin(reference: Reference) -> None:
    """Keep a model whatever the retention policy says."""
    with open_house() as house:
        model = library.resolve_model(house.store, house.artifacts, reference)
        house.store.retention.pin(model.id)
    show.out.print(f"model {model.id} is pinned", markup=False)


def unpin(reference: Reference) -> None:
    """Let the retention policy decide about a model again."""
    with open_house() as house:
        model = library.resolve_model(house.store, house.artifacts, reference)
        house.store.retention.pin(model.id, pinned=False)
    show.out.print(f"model {model.id} is not pinned", markup=False)


def remove(reference: Reference) -> None:
    """Move a model to the trash; never one that a task starts from."""
    with open_house() as house:
        model = library.resolve_model(house.store, house.artifacts, reference)
        house.store.retention.trash(model.id)
        days = house.settings.trash_days
    show.out.print(
        f"model {model.id} is in the trash for {days:g} days: `agent model restore {model.id}`", markup=False
    )


def restore(model_id: Id) -> None:
    """Take a model out of the trash."""
    with open_house() as house:
        house.store.retention.restore(model_id)
    show.out.print(f"model {model_id} is back", markup=False)


def trash(json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """What can be restored, and until when."""
    with open_house() as house:
        found = house.store.retention.trashed()
        window = timedelta(days=house.settings.trash_days)
    if json:
        show.as_json(found)
        return
    rows = ((m.id, m.name, show.size(m.size_bytes), m.deleted_at and m.deleted_at + window) for m in found)
    show.table(("ID", "NAME", "SIZE", "UNTIL"), rows, empty="The trash is empty.")

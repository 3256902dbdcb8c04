"""What people do with the things they have, one way for every noun: name, notes and tags; the trash, and its end.

A thing in the trash is in no list, and comes back until its time there is up. A thing that is given up (`deleted_us` is
0) does not come back: what belongs to it is being deleted, and its row is deleted last, so that a process which dies in
between leaves a row that says what is to be done. What needs a thing keeps it: each noun says what that is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa

from agent.errors import BadInput, Conflict, NotFound
from agent.fs.names import brief, title_problem
from agent.store.among import portions
from agent.store.columns import clean, now_us, to_us
from agent.store.connect import Database
from agent.store.schema import tasks
from agent.store.words import changed_tags, checked_notes, column_of, tags_of

Value = TypeVar("Value")

_GIVEN_UP = 0
_IDS_NAMED = 5


class Kept(Generic[Value]):
    """A base of the stores of nouns. `_table` has the columns id and deleted_us."""

    _noun: ClassVar[str]
    _table: ClassVar[sa.Table]
    _needed_as: ClassVar[sa.Column[int] | None] = None  # the column of tasks by which a task needs one; None: none does
    _of_given_up: ClassVar[Mapping[str, object]] = {"deleted_us": _GIVEN_UP}  # what its row says then
    _db: Database

    def _columns(self) -> Sequence[sa.ColumnElement[Any]]:
        return list(self._table.c)

    def _value(self, row: Any) -> Value:
        """The value of a row that has `_columns`."""
        raise NotImplementedError

    def _hindrance(self, connection: sa.Connection, row: sa.Row[Any]) -> str | None:
        """Why it has to stay, as a sentence with what to do about it; None when it may go."""
        raise NotImplementedError

    def _brought_back(self, connection: sa.Connection, row: sa.Row[Any]) -> None:
        """Bring back, too, what it needs. Conflict when something of that is deleted for good."""

    def get_anywhere(self, id: int) -> Value:  # noqa: A002
        """Also from the trash. NotFound."""
        found = sa.select(*self._columns()).where(self._table.c.id == id, is_not_given_up(self._table))
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(f"There is no {self._noun} {id}.")
        return self._value(row)

    # ---------------------------------------------------------------- the trash

    def remove(self, id: int) -> Value:  # noqa: A002
        """Move it to the trash, from where it comes back until it is purged. What is there already stays as it is.

        Conflict when something needs it; NotFound.
        """
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            self._require_free(connection, row)
            return self._changed(connection, id, **({"deleted_us": now_us()} if row.deleted_us is None else {}))

    def restore(self, id: int) -> Value:  # noqa: A002
        """Take it out of the trash, with what it needs; what is not in it stays as it is.

        Conflict when what it needs is deleted for good; NotFound when it is gone itself.
        """
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            if row.deleted_us is not None:
                self._brought_back(connection, row)
            return self._changed(connection, id, deleted_us=None)

    def trashed(self, *, before: datetime | None = None) -> list[Value]:
        """What is in the trash, removed before that time where given; the oldest first. Not what is given up."""
        deleted = self._table.c.deleted_us
        found = sa.select(*self._columns()).where(deleted > _GIVEN_UP).order_by(deleted, self._table.c.id)
        if before is not None:
            found = found.where(deleted < to_us(before))
        with self._db.reading() as connection:
            return [self._value(row) for row in connection.execute(found)]

    def needed_by_trash(self, ids: Collection[int]) -> int:
        """How many tasks of the trash need one of these, and cannot come back without it."""
        if self._needed_as is None:
            return 0
        with self._db.reading() as connection:
            return sum(
                connection.execute(
                    sa.select(sa.func.count()).where(self._needed_as.in_(some), tasks.c.deleted_us > _GIVEN_UP)
                ).scalar_one()
                for some in portions(set(ids))
            )

    def give_up(self, *ids: int, of_trash: bool = False) -> None:
        """Delete them for good, all or none: they do not come back, and `purge` ends them.

        With `of_trash` only what is in the trash. Conflict when something needs one of them; NotFound.
        """
        with self._db.writing() as connection:
            for id_ in sorted(set(ids)):  # in this order, so that nobody waits for one who waits for us
                row = self._locked(connection, id_)
                if of_trash and row.deleted_us is None:
                    raise NotFound(f"The trash has no {self._noun} {id_}.")
                self._require_free(connection, row)
                connection.execute(sa.update(self._table).where(self._table.c.id == id_).values(self._of_given_up))

    def given_up(self) -> list[int]:
        """Ids of those that are deleted for good but for their rows, and what still belongs to them."""
        found = sa.select(self._table.c.id).where(self._table.c.deleted_us == _GIVEN_UP).order_by(self._table.c.id)
        with self._db.reading() as connection:
            return list(connection.execute(found).scalars())

    def _purged(self, connection: sa.Connection, id_: int) -> sa.Row[Any] | None:
        """Delete the row of a thing in the trash, and give it. None when it is not there, or stays.

        One that something needs by now is restored instead, unless it is given up; one to which something in the trash
        refers waits for that.
        """
        found = sa.select(self._table).where(self._table.c.id == id_, self._table.c.deleted_us.is_not(None))
        row = connection.execute(found.with_for_update()).first()
        if row is None:
            return None
        if self._hindrance(connection, row) is not None:
            bring_back(connection, self._table, id_)
            return None
        if self._is_held(connection, id_):
            return None
        self._let_go(connection, id_)
        connection.execute(sa.delete(self._table).where(self._table.c.id == id_))
        return row

    def _is_held(self, connection: sa.Connection, id_: int) -> bool:
        """Whether a row of a task, which may itself be in the trash, still refers to it."""
        if self._needed_as is None:
            return False
        return connection.execute(sa.select(tasks.c.id).where(self._needed_as == id_).limit(1)).first() is not None

    def _let_go(self, connection: sa.Connection, id_: int) -> None:
        """Clear the references to it that rows can do without."""

    # ---------------------------------------------------------------- rows

    def _locked(self, connection: sa.Connection, id_: int) -> sa.Row[Any]:
        """The whole row, held until the transaction ends. NotFound, also for one that is given up."""
        found = sa.select(self._table).where(self._table.c.id == id_, is_not_given_up(self._table))
        row = connection.execute(found.with_for_update()).first()
        if row is None:
            raise NotFound(f"There is no {self._noun} {id_}.")
        return row

    def _require_free(self, connection: sa.Connection, row: sa.Row[Any]) -> None:
        if (hindrance := self._hindrance(connection, row)) is not None:
            raise Conflict(hindrance)

    def _changed(self, connection: sa.Connection, id_: int, **changed: object) -> Value:
        if changed:
            connection.execute(sa.update(self._table).where(self._table.c.id == id_).values(changed))
        return self._value(connection.execute(sa.select(*self._columns()).where(self._table.c.id == id_)).one())


class Described(Kept[Value]):
    """A base of the stores of nouns that people name and write about; `_table` has name, notes and tags, too."""

    def _renamed(self, connection: sa.Connection, id_: int, name: str) -> None:
        """Refuse a name. Raises Conflict."""

    def edit(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        notes: str | None = None,
        tag: Iterable[str] = (),
        untag: Iterable[str] = (),
    ) -> Value:
        """Change what is given: the name, the notes (Markdown), tags to add and tags to take off.

        BadInput for a name, notes or a tag that cannot be; Conflict for a name that is taken; NotFound.
        """
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            changed = self._words(connection, row, name=name, notes=notes, tag=tag, untag=untag)
            return self._changed(connection, id, **changed)

    def _words(
        self,
        connection: sa.Connection,
        row: sa.Row[Any],
        *,
        name: str | None,
        notes: str | None,
        tag: Iterable[str],
        untag: Iterable[str],
    ) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        if name is not None and name != row.name:
            self._renamed(connection, row.id, name)
            if problem := title_problem(name):
                raise BadInput(f"The {self._noun}'s name {brief(name)!r} {problem}. Give it another name.")
            changed["name"] = clean(name)
        if notes is not None:
            changed["notes"] = clean(checked_notes(notes))
        tags = column_of(changed_tags(tags_of(row.tags), tag, untag))
        if tags != row.tags:
            changed["tags"] = clean(tags)
        return changed


def is_not_given_up(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.or_(table.c.deleted_us.is_(None), table.c.deleted_us > _GIVEN_UP)


def bring_back(connection: sa.Connection, table: sa.Table, id_: int) -> None:
    """Take a thing out of the trash for one that needs it."""
    connection.execute(
        sa.update(table).where(table.c.id == id_, table.c.deleted_us > _GIVEN_UP).values(deleted_us=None)
    )


def take(connection: sa.Connection, table: sa.Table, id_: int) -> bool:
    """Bring back a thing for one that needs it, and hold it until the transaction ends; False when it is gone."""
    found = sa.select(table.c.id).where(table.c.id == id_, is_not_given_up(table)).with_for_update()
    if connection.execute(found).first() is None:
        return False
    bring_back(connection, table, id_)
    return True


def users(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[int]:
    """Ids of the tasks outside the trash that meet the condition, one more than a sentence names."""
    found = sa.select(tasks.c.id).where(condition, tasks.c.deleted_us.is_(None)).order_by(tasks.c.id.desc())
    return list(connection.execute(found.limit(_IDS_NAMED + 1)).scalars())


def stays_for(ids: Sequence[int], verb: str, what: str) -> str:
    """`Tasks 3 and 2 start from model 1; …`: what keeps a thing, and what to do about it."""
    named = [str(id_) for id_ in ids[:_IDS_NAMED]]
    more = " and others" if len(ids) > _IDS_NAMED else ""
    if len(ids) == 1:
        subject, them = f"Task {named[0]} {verb}s", "it"
    else:
        listed = ", ".join(named) if more else f"{', '.join(named[:-1])} and {named[-1]}"
        subject, them = f"Tasks {listed}{more} {verb}", "them"
    return (
        f"{subject} {what}, which stays as long as a task needs it; `agent task rm {' '.join(named)}` removes {them}."
    )

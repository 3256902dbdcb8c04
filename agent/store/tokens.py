"""Tokens people made for programs, for each other and for original agents; and keys of tasks. Only hashes are kept.

A plain SHA-256 is enough: a slow hash protects words that a person chose, but these tokens are 256 random bits, which
cannot be guessed with any hash. So a check costs one index lookup.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, TaskType
from agent.errors import AgentError, Conflict, NotFound
from agent.store.columns import clean, from_us, from_us_or_none, int64, key, now_us
from agent.store.connect import Database
from agent.store.schema import tasks, tokens

PREFIX = "slt_"  # by which people and scanners for leaked secrets recognize a token
LENGTH = len(PREFIX) + 43  # 32 bytes in base64
KEYS = 32  # of a task, the newest: an agent gets one with each message about the task, until it has begun it
_USED_EVERY_US = 60_000_000  # how exactly the time of the last use is kept: a busy client writes once a minute


@dataclass(frozen=True, slots=True)
class Token:
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None  # to the minute
    revoked_at: datetime | None
    is_agent: bool = False  # of an original agent, whose name it has unless it is the key of a task
    task_id: int | None = None  # the key of this task, which its agent has
    task_type: TaskType | None = None  # of that task


_OWN = (
    tokens.c.id,
    tokens.c.name,
    tokens.c.created_us,
    tokens.c.last_used_us,
    tokens.c.revoked_us,
    tokens.c.is_agent,
    tokens.c.task_id,
)
_TYPE = sa.select(tasks.c.type).where(tasks.c.id == tokens.c.task_id).scalar_subquery()
_COLUMNS = (*_OWN, _TYPE.label("task_type"))
_LIVE = sa.select(tasks.c.id).where(tasks.c.status.not_in([status.value for status in FINAL]))
_IS_GOOD = sa.and_(tokens.c.revoked_us.is_(None), sa.or_(tokens.c.task_id.is_(None), tokens.c.task_id.in_(_LIVE)))


class Tokens:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, name: str, *, is_agent: bool = False) -> tuple[Token, str]:
        """Create a token and return its secret, which cannot be read later. Conflict if the name is in use."""
        secret = PREFIX + secrets.token_urlsafe(32)
        name = key(clean(name).strip())
        with self._db.writing() as connection:
            of_name = sa.and_(tokens.c.name == name, tokens.c.task_id.is_(None))
            taken = sa.select(tokens.c.id).where(of_name, tokens.c.revoked_us.is_(None))
            if (other := connection.execute(taken).scalar()) is not None:
                raise Conflict(f"Token {other} has the name {name!r} already. Revoke it first, or choose another name.")
            said = {"name": name, "sha256": _hash(secret), "created_us": now_us(), "is_agent": is_agent}
            made = sa.insert(tokens).values(said).returning(*_OWN)
            return _token((*connection.execute(made).one(), None)), secret

    def create_for_task(self, task_id: int, *, is_agent: bool = False) -> str:
        """The secret of a new key of a task, good until the task has ended, as earlier keys of it are.

        `is_agent`: an original agent has it, which may have got an earlier one with a message of which nobody knows
        whether it arrived. No more than KEYS of a task are kept: an agent that asks over and over fills no database.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        said = {"name": f"task {task_id}", "sha256": _hash(secret), "created_us": now_us(), "task_id": task_id}
        said["is_agent"] = is_agent
        of_task = tokens.c.task_id == task_id
        newest = sa.select(tokens.c.id).where(of_task).order_by(tokens.c.id.desc()).limit(KEYS)
        with self._db.writing() as connection:
            connection.execute(sa.delete(tokens).where(tokens.c.task_id.is_not(None), tokens.c.task_id.not_in(_LIVE)))
            connection.execute(sa.insert(tokens).values(said))
            connection.execute(sa.delete(tokens).where(of_task, tokens.c.id.not_in(newest)))
        return secret

    def list(self) -> list[Token]:
        """Oldest first, revoked ones too; without keys of tasks."""
        found = sa.select(*_COLUMNS).where(tokens.c.task_id.is_(None)).order_by(tokens.c.id)
        with self._db.reading() as connection:
            return [_token(row) for row in connection.execute(found)]

    def revoke(self, id: int) -> Token:  # noqa: A002
        """Make the token useless from now on. Idempotent; NotFound for an id that was never given."""
        with self._db.writing() as connection:
            at = sa.func.coalesce(tokens.c.revoked_us, now_us())
            connection.execute(sa.update(tokens).where(tokens.c.id == int64(id)).values(revoked_us=at))
            row = connection.execute(sa.select(*_COLUMNS).where(tokens.c.id == int64(id))).first()
            if row is None:
                raise NotFound(f"There is no token {id}; see `agent token list`.")
            return _token(row)

    def forget_all(self) -> None:
        """Remove every token, revoked ones too, and every byte of them: for a database that goes to other hands."""
        with self._db.writing() as connection:
            if self._db.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete = ON")  # zeros instead of free pages
            connection.execute(sa.delete(tokens))

    def find(self, secret: str) -> Token | None:
        """The token with that secret, unless it was revoked. Notes the use, once a minute."""
        if not is_formed(secret):
            return None
        wanted = _hash(secret)
        found = sa.select(*_COLUMNS, tokens.c.sha256).where(tokens.c.sha256 == wanted, _IS_GOOD)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        # The index was asked for a hash, whose bytes tell nothing of the secret; equality is settled in constant time.
        if row is None or not hmac.compare_digest(row.sha256, wanted):
            return None
        if now_us() - (row.last_used_us or 0) >= _USED_EVERY_US:
            with suppress(AgentError):  # a busy database: the note comes with a later use
                self._used(row.id)
        return _token(row[:-1])

    def prompt_version(self) -> int | None:
        """As that of the store: no token was revoked, and no task has ended, as long as it is the same."""
        return self._db.prompt_version()

    def is_valid(self, id: int) -> bool:  # noqa: A002
        """Whether this token exists and is good still."""
        found = sa.select(tokens.c.id).where(tokens.c.id == int64(id), _IS_GOOD)
        with self._db.reading() as connection:
            return connection.execute(found).first() is not None

    def _used(self, id_: int) -> None:
        with self._db.writing(durable=False) as connection:
            connection.execute(sa.update(tokens).where(tokens.c.id == id_).values(last_used_us=now_us()))


def is_formed(secret: str) -> bool:
    """Whether this may be the secret of a token. Others need not be looked for."""
    return len(secret) == LENGTH and secret.startswith(PREFIX)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _token(row: Any) -> Token:
    id_, name, created_us, last_used_us, revoked_us, is_agent, task_id, kind = row
    used, revoked = from_us_or_none(last_used_us), from_us_or_none(revoked_us)
    of_type = None if kind is None else TaskType(kind)
    return Token(id_, name, from_us(created_us), used, revoked, is_agent, task_id, of_type)

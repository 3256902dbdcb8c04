"""Tokens: made, found by their secret, revoked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from agent.domain import NewTask, TaskType
from agent.errors import Conflict, NotFound
from agent.store import Store
from agent.store.schema import tokens


def test_a_token_is_found_by_its_secret_and_by_nothing_else(store: Store) -> None:
    token, secret = store.tokens.create("laptop")

    found = store.tokens.find(secret)
    assert found is not None
    assert (found.id, found.name) == (token.id, "laptop")
    for wrong in ("", secret[:-1], secret + "a", secret.swapcase(), "slt_" + "a" * 43, "\udcff" * len(secret)):
        assert store.tokens.find(wrong) is None, wrong


def test_the_secret_stands_nowhere_in_the_database(store: Store) -> None:
    _, secret = store.tokens.create("laptop")
    with store._db.reading() as connection:
        row = connection.execute(sa.select(tokens)).one()

    assert len(secret) >= 43
    assert secret not in repr(row)
    assert secret[4:] not in repr(row)


def test_a_revoked_token_opens_nothing_and_stays_in_the_list(store: Store) -> None:
    token, secret = store.tokens.create("laptop")
    revoked = store.tokens.revoke(token.id)

    assert store.tokens.find(secret) is None
    assert not store.tokens.is_valid(token.id)
    assert store.tokens.revoke(token.id) == revoked, "twice is fine and keeps the first time"
    assert store.tokens.list() == [revoked]


def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    token, secret = store.tokens.create("laptop")
    assert store.tokens.list()[0].last_used_at is None

    store.tokens.find(secret)
    first = store.tokens.list()[0].last_used_at
    store.tokens.find(secret)

    assert first is not None
    assert store.tokens.list()[0].last_used_at == first
    assert store.tokens.is_valid(token.id)


def test_a_name_is_used_once_at_a_time(store: Store) -> None:
    token, _ = store.tokens.create("laptop")
    with pytest.raises(Conflict, match=f"Token {token.id} has the name 'laptop' already"):
        store.tokens.create(" laptop ")
    store.tokens.revoke(token.id)

    assert store.tokens.create("laptop")[0].id > token.id


def test_an_unknown_token_cannot_be_revoked(store: Store) -> None:
    for number in (1, 0, -1, 10**30):
        with pytest.raises(NotFound, match=f"no token {number}; see `agent token list`"):
            store.tokens.revoke(number)


def test_the_key_of_a_task_tells_the_kind_of_task(store: Store, new_task: Callable[..., NewTask]) -> None:
    training = store.tasks.add(new_task(store))
    deployed = store.tasks.add(new_task(store, type=TaskType.DEPLOY, project_id=None))
    _, of_a_program = store.tokens.create("laptop")
    for secret, expected in (
        (store.tokens.create_for_task(training.id), (training.id, TaskType.TRAIN)),
        (store.tokens.create_for_task(deployed.id), (deployed.id, TaskType.DEPLOY)),
        (of_a_program, (None, None)),
    ):
        token = store.tokens.find(secret)
        assert token is not None
        assert (token.task_id, token.task_type) == expected
    assert store.tasks.get(deployed.id).project_id is None

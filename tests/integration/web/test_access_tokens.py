"""Tokens made by the command line open the web, until they are revoked; guessing them is slow."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import re
import time
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

import httpx2
import pytest

from agent.domain import NewModel, TaskType
from agent.events.model import Event, Level, Stream
from agent.store import EventRow
from agent.store.tokens import LENGTH, PREFIX, Token, Tokens
from tests.support.demo_store import new_task
from tests.support.inputs import Cli
from tests.support.web_server import TOKEN
from web_stub.auth import middleware
from web_stub.auth.throttle import BURST, EVERY_S, LINE, Throttle, source_of
from web_stub.auth.tokens import INSTALLATION, Access


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_a_created_token_opens_the_api_until_it_is_revoked(site, header):
    token, secret = site.store.tokens.create("notebook")
    headers = {header: secret if header == "x-api-key" else f"Bearer {secret}"}

    assert site.stranger.get("/api/tasks", headers=headers).status_code == 200
    assert site.stranger.post("/public/api/v3/users.me", headers=headers).status_code == 200
    site.store.tokens.revoke(token.id)
    for _ in range(2):
        assert site.stranger.get("/api/tasks", headers=headers).status_code == 401
    assert site.client.get("/api/tasks").status_code == 200, "the installation's own token stays good"


class _OneKey:
    """The tokens of a store that has the key of a deployed model."""

    def __init__(self) -> None:
        self.secret = f"{PREFIX}{'k' * (LENGTH - len(PREFIX))}"
        self.looks = 0

    def prompt_version(self) -> int | None:
        return None

    def find(self, secret: str) -> Token | None:
        self.looks += 1
        made = datetime(2026, 12, 1, tzinfo=UTC)
        return Token(5, "a key", made, None, None, task_id=3, task_type=TaskType.DEPLOY)


def test_the_key_of_a_deployed_model_is_not_looked_for_at_each_image(tmp_path):
    keys = _OneKey()
    access = Access("secret", cast("Tokens", keys), sessions=tmp_path)

    async def look(*calls: str) -> list[bool]:
        return [await access.agent(keys.secret, f"/agent/{call}") is not None for call in calls]

    assert asyncio.run(look(*["GetGeneralEventData", "SendGeneralEventData", "DownloadImages"] * 3)) == [True] * 9
    assert keys.looks == 1
    assert asyncio.run(look("GetGeneralEventsStream", "GetNewTask", "GetGeneralEventsStream")) == [True, False, True]
    assert keys.looks == 4
    assert asyncio.run(access.enter("too short", "127.0.0.1", "/api/tasks")) is None
    assert keys.looks == 4


def test_a_session_ends_with_the_token_it_was_made_with(site):
    token, secret = site.store.tokens.create("somebody")
    site.stranger.post("/login", data={"token": secret})
    page = site.stranger.get("/tasks")
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', page.text)
    assert found is not None, page.text
    csrf = found[1]
    assert page.status_code == 200

    site.store.tokens.revoke(token.id)

    assert site.stranger.get("/tasks").headers["location"].startswith("./login")
    assert site.stranger.get("/api/tasks").status_code == 401
    assert site.stranger.post("/api/tasks/1/stop", headers={"x-csrf-token": csrf}).status_code == 401


def test_revoking_one_token_leaves_the_sessions_of_others(site):
    (mine, _), (_, theirs) = site.store.tokens.create("mine"), site.store.tokens.create("theirs")
    site.stranger.post("/login", data={"token": theirs})
    site.store.tokens.revoke(mine.id)

    assert site.stranger.get("/tasks").status_code == 200


def test_a_stream_ends_when_its_token_is_revoked(site, start_server, monkeypatch):
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    token, secret = site.store.tokens.create("watcher")
    server = start_server()
    with (
        server.client() as client,
        client.stream("GET", "/api/stream", headers={"x-api-key": secret}) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        site.store.tokens.revoke(token.id)
        new_task(site.store, site.library, "something that is news")

        for line in lines:  # ends by itself: the server closes it at the next message
            assert "event: end" not in line
    server.stop()


@pytest.mark.parametrize("kind", ["of a known length", "in chunks"])
def test_a_download_is_broken_off_when_its_token_is_revoked(site, start_server, monkeypatch, caplog, kind):
    """Its client sees that the rest is missing, and the server has nothing to complain of."""
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    token, secret = site.store.tokens.create("reader")
    if kind == "in chunks":
        task = new_task(site.store, site.library, "talks")
        rows = [EventRow(n, Event("x" * 10_000, Stream.STDOUT, 1, Level.INFO, "x" * 10_000)) for n in range(1, 3001)]
        site.store.events.append(task.id, rows, lines_read=3000)
        path = f"/public/api/v3/tasks.log.download?id={task.id}"
    else:
        blob = site.artifacts.put_bytes(os.urandom(30 << 20))
        path = f"/api/models/{site.store.models.add(NewModel('big', blob.sha256, blob.size_bytes, None)).id}/download"
    server = start_server()
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port, timeout=20)
    connection.request("GET", path, headers={"x-api-key": secret})
    answer = connection.getresponse()
    assert answer.status == 200
    assert len(answer.read(1000)) == 1000
    site.store.tokens.revoke(token.id)
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()
    server.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_command_line_makes_lists_and_revokes_tokens(tmp_path):
    cli = Cli(tmp_path / "home", {})
    made = cli.run("token", "create", "laptop of Ada")
    secret = made.stdout.strip()

    assert re.fullmatch(r"slt_[\w-]{43}", secret)
    assert "not shown again" in made.stderr
    (listed,) = cli.json("token", "list")
    assert listed["name"] == "laptop of Ada"
    assert secret not in str(listed)
    assert "is revoked" in cli.run("token", "revoke", 1).stdout
    assert cli.json("token", "list")[0]["revoked_at"]
    assert "no token 7" in cli.run("token", "revoke", 7, code=2).stderr
    assert "needs a name" in cli.run("token", "create", " ", code=2).stderr
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


# ---------------------------------------------------------------- guessing


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_guesses_of_one_address_wait_for_their_turn_and_turns_come_back():
    clock = Clock()
    throttle = Throttle(now=clock)

    assert [throttle.turn("10.0.0.1") for _ in range(BURST)] == [0.0] * BURST
    assert throttle.turn("10.0.0.1") == pytest.approx(EVERY_S)
    assert throttle.turn("10.0.0.2") == 0.0, "others do not wait"
    waits = [throttle.turn("10.0.0.1") for _ in range(LINE * 3)]
    assert max(wait for wait in waits if wait is not None) == pytest.approx(LINE * EVERY_S)
    assert waits[-1] is None
    clock.time += LINE * EVERY_S
    assert throttle.turn("10.0.0.1") == pytest.approx(EVERY_S), "nobody is locked out"
    clock.time += 1000
    assert throttle.turn("10.0.0.1") == 0.0


def test_a_host_with_many_ipv6_addresses_is_one_host():
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1%eth0") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:10.0.0.1") == source_of("10.0.0.1")
    assert source_of("testclient") == "testclient"


def test_the_memory_of_the_throttle_is_bounded():
    throttle = Throttle(now=Clock())
    for number in range(10_100):
        throttle.turn(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(throttle._free_at) == 10_000


@pytest.mark.alone
def test_after_any_number_of_guesses_the_right_token_is_let_in(tmp_path):
    clock = Clock()
    access = Access("the right one", sessions=tmp_path, throttle=Throttle(now=clock))

    async def tries():
        for number in range(BURST):
            assert await access.admit(f"guess {number}", "10.0.0.1") is None
        started = time.monotonic()
        assert await access.admit("the right one", "10.0.0.1") == INSTALLATION
        assert time.monotonic() - started >= EVERY_S / 2, "it waited in line as a guess does"
        started = time.monotonic()
        for _ in range(50):
            assert await access.admit("the right one", "10.0.0.1") == INSTALLATION
            assert await access.admit("guess 1", "10.0.0.1") is None, "a repeated token is no guess"
        assert time.monotonic() - started < EVERY_S, "who is in stays in, at full speed"

    asyncio.run(tries())


def no_turn_is_left(site, monkeypatch):
    """The client has guessed as often as it may, and time stands still: no turn comes back meanwhile."""
    throttle = site.app.state.web.access._throttle
    now = time.monotonic()
    monkeypatch.setattr(throttle, "_now", lambda: now)
    while throttle.turn("testclient") is not None:
        pass


def test_a_flood_of_guesses_is_told_to_come_back_and_who_is_in_works_on(site, monkeypatch):
    secret = site.store.tokens.create("worker")[1]
    site.client.get("/api/info")
    no_turn_is_left(site, monkeypatch)

    answer = site.stranger.get("/api/tasks", headers={"x-api-key": "a guess"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    page = site.stranger.post("/login", data={"token": "another guess"})
    assert page.status_code == 429
    assert "try again" in page.text
    assert site.client.get("/api/info").status_code == 200
    assert site.stranger.get("/api/info", headers={"x-api-key": secret}).status_code == 200
    link = f"/login?token={site.app.state.web.access.new_login_token()}"
    assert site.stranger.get(link).status_code == 303


def test_the_cookie_is_kept_to_tls_where_the_page_came_over_it(site):
    over_tls = site.stranger.post("/login", data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    plain = site.stranger.post("/login", data={"token": TOKEN})

    site.stranger.base_url = httpx2.URL("https://127.0.0.1:8120")
    trusted = site.stranger.post("/login", data={"token": TOKEN})

    assert "secure" in over_tls.headers["set-cookie"].lower()
    assert trusted.headers["set-cookie"].startswith("__Host-session_")
    assert "secure" in trusted.headers["set-cookie"].lower()
    assert site.stranger.get("/tasks").status_code == 200
    assert "secure" not in plain.headers["set-cookie"].lower()
    for answer in (over_tls, plain, trusted):
        assert "max-age=2592000" in answer.headers["set-cookie"].lower(), "sessions expire"


def test_the_public_api_says_401_to_guesses_whatever_their_number(site, monkeypatch):
    no_turn_is_left(site, monkeypatch)

    for guess in ("one", "another"):  # clients of 2019 repeat what gets a 429 for two hours
        answer = site.stranger.post("/public/api/v3/users.me", json={}, headers={"x-api-key": guess})
        assert answer.status_code == 401
        assert "too many wrong tokens" in answer.json()["error"]

"""Access to the web, and the headers of every answer."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import socket
import subprocess
import sys

import httpx2
import pytest

from agent.errors import StorageFailed
from agent.settings import Settings
from tests.support.demo_store import new_task
from tests.support.web_server import TOKEN
from web_stub.auth import middleware
from web_stub.auth.hosts import Hosts
from web_stub.auth.peer import holder_of, user_of_peer
from web_stub.auth.sessions import IDLE_S, SESSION_S, Sessions
from web_stub.auth.sizes import BODY_LIMIT_BYTES
from web_stub.auth.tokens import LOGIN_LINK_S, Access, installation_token


def session(site):
    """A browser that has logged in; its CSRF token."""
    answer = site.stranger.post("/login", data={"token": TOKEN, "next": "/tasks"})
    assert answer.status_code == 303
    page = site.stranger.get("/tasks")
    assert page.status_code == 200
    csrf = re.search(r'name="csrf-token" content="([0-9a-f]+)"', page.text)
    assert csrf is not None
    return csrf[1]


def test_without_a_token_every_route_answers_401_and_nothing_else(site):
    schema = site.client.get("/api/openapi.json").json()
    tried = 0
    for path, operations in schema["paths"].items():
        for method in operations:
            address = re.sub(r"\{\w+\}", "1", path)
            for headers in ({}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}, {"x-api-key": ""}):
                answer = site.stranger.request(method, address, headers=headers)
                tried += 1

                assert answer.status_code == 401, (method, path, headers)
                assert answer.json()["error"]
    assert tried > 80
    for address in ("/api/openapi.json", "/api/nowhere", "/api", "/public/api/v3/tasks.list", "/api/../api/tasks"):
        assert site.stranger.get(address).status_code == 401, address


def test_the_token_comes_as_api_key_or_as_bearer(site):
    for headers in ({"x-api-key": TOKEN}, {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer {TOKEN}"}):
        assert site.stranger.get("/api/tasks", headers=headers).status_code == 200


def test_a_page_leads_to_the_login_and_back(site):
    away = site.stranger.get("/tasks/3?show=all")
    assert away.status_code == 303
    assert away.headers["location"] == "../login?next=/tasks/3%3Fshow%3Dall"

    back = site.stranger.post("/login", data={"token": TOKEN, "next": "/tasks/3?show=all"})
    assert back.headers["location"] == "./tasks/3?show=all"
    cookie = back.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path" not in cookie, "so that it is that of the address, behind a proxy too"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""]
)
def test_the_login_never_leads_to_another_site(site, elsewhere):
    answer = site.stranger.post("/login", data={"token": TOKEN, "next": elsewhere})

    assert answer.headers["location"] == "./"


def test_a_wrong_token_gets_no_session(site):
    answer = site.stranger.post("/login", data={"token": "wrong"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not the token" in answer.text


def test_a_login_link_works_once(site):
    link = f"/login?token={site.app.state.web.access.new_login_token()}"

    assert site.stranger.get(link).headers["location"] == "./"
    assert site.stranger.get("/tasks").status_code == 200
    site.stranger.cookies.clear()
    assert site.stranger.get(link).status_code == 401


def test_a_session_may_read_the_api_and_changes_need_its_csrf_token(site):
    csrf = session(site)
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1}

    assert site.stranger.get("/api/tasks").status_code == 200
    assert site.stranger.post("/api/tasks", json=payload).status_code == 403
    assert site.stranger.post("/api/tasks", json=payload, headers={"x-csrf-token": "0" * 64}).status_code == 403
    assert site.stranger.post("/api/tasks", json=payload, headers={"x-csrf-token": csrf}).status_code == 201


@pytest.mark.parametrize("header", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_another_site_changes_nothing_even_with_the_csrf_token(site, header):
    csrf = session(site)
    answer = site.stranger.post("/api/tasks/1/stop", headers={"x-csrf-token": csrf, **header})

    assert answer.status_code == 403
    assert site.stranger.post("/login", data={"token": TOKEN}, headers=header).status_code == 403


def test_logging_out_ends_the_session_in_this_browser(site):
    csrf = session(site)

    assert site.stranger.post("/logout", headers={"x-csrf-token": csrf}).status_code == 204
    assert site.stranger.get("/tasks").status_code == 303


def test_logging_out_ends_the_session_on_the_server_and_its_streams(site, start_server, monkeypatch):
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    server = start_server()
    with httpx2.Client(base_url=server.url, timeout=20) as browser:
        browser.post("/login", data={"token": TOKEN})
        stolen = dict(browser.cookies)
        csrf = re.search(r'name="csrf-token" content="([0-9a-f]+)"', browser.get("/tasks").text)
        assert csrf is not None
        with httpx2.stream("GET", f"{server.url}/api/stream", cookies=stolen, timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            assert browser.post("/logout", headers={"x-csrf-token": csrf[1]}).status_code == 204
            new_task(site.store, site.library, "something that is news")
            for line in lines:  # ends by itself, at the next message
                assert "event: end" not in line
    assert httpx2.get(f"{server.url}/api/tasks", cookies=stolen, timeout=20).status_code == 401


class Timed(Sessions):
    """Sessions at a time of the test's choosing."""

    def __init__(self, folder):
        self.clock = 1_000_000_000.0
        super().__init__(folder, b"key", now=lambda: self.clock)


@pytest.fixture
def sessions(tmp_path):
    return Timed(tmp_path / "sessions")


def test_a_session_is_known_by_its_secret_alone_and_kept_as_a_hash(sessions, tmp_path):
    secret = sessions.start(7, "user 1000")

    assert sessions.token_of(secret, "user 1000") == 7
    for forged in (secret[:-1], secret.lower(), "", "..", "a/../" + secret, "\x00", "\u00e9", secret + "\n"):
        assert sessions.token_of(forged, "user 1000") is None, forged
    assert Sessions(tmp_path / "sessions", b"other").token_of(secret, "user 1000") is None, "a new token ends them all"
    (file,) = (tmp_path / "sessions").iterdir()
    assert secret not in file.name + file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_session_is_accepted_from_whoever_started_it_alone(sessions):
    secret = sessions.start(0, "user 1000")

    for other in ("user 1001", "user 0", "loopback", "10.0.0.1", ""):
        assert sessions.token_of(secret, other) is None
    assert sessions.token_of(secret, "user 1000") == 0, "and who sends it from elsewhere does not end it"


def test_a_session_ends_after_a_month_or_when_it_was_not_used_for_a_weekend(sessions):
    unused, used = sessions.start(0, "a"), sessions.start(0, "a")
    began = sessions.clock
    while sessions.clock < began + SESSION_S:
        assert sessions.token_of(used, "a") == 0
        sessions.clock += IDLE_S - 1
    assert sessions.token_of(used, "a") is None
    assert sessions.token_of(unused, "a") is None
    assert not sessions.is_on(used)


def test_sessions_are_bounded_and_those_that_ended_leave_nothing(sessions, tmp_path, monkeypatch):
    monkeypatch.setattr("web_stub.auth.sessions._MOST", 3)
    first = sessions.start(0, "a")
    for _ in range(3):
        sessions.clock += 1
        last = sessions.start(0, "a")
    assert sessions.token_of(first, "a") is None
    assert sessions.token_of(last, "a") == 0
    assert len(list((tmp_path / "sessions").iterdir())) == 3
    sessions.end(last)
    sessions.end(last)
    sessions.clock += IDLE_S + 1
    sessions.start(0, "a")
    assert len(list((tmp_path / "sessions").iterdir())) == 1


def test_a_session_that_cannot_be_kept_is_refused_in_a_sentence(sessions, tmp_path):
    (tmp_path / "sessions").write_text("no folder")
    with pytest.raises(StorageFailed, match="the session cannot be kept"):
        sessions.start(0, "a")


def test_a_login_link_expires(tmp_path):
    clock = [1_000_000.0]
    access = Access("secret", sessions=tmp_path, now=lambda: clock[0])
    token = access.new_login_token()
    clock[0] += LOGIN_LINK_S + 1

    assert not access.redeem(token)


# ---------------------------------------------------------------- cookies know no ports

REPLAY = """
import encodings.idna, os, socket, sys  # all of it now: another user may not read this Python's folder
_, port, cookie, uid = sys.argv
os.setuid(int(uid))
with socket.create_connection(("127.0.0.1", int(port))) as server:
    server.sendall(f"GET /api/tasks HTTP/1.1\\r\\nhost: localhost\\r\\ncookie: {cookie}\\r\\n\\r\\n".encode())
    print(server.recv(12)[9:].decode())
"""


def test_a_cookie_that_another_users_server_got_opens_nothing(start_server):
    if os.getuid() != 0:
        pytest.skip("only root can try as another user")
    server = start_server()
    with httpx2.Client(base_url=server.url, timeout=20) as browser:
        browser.post("/login", data={"token": TOKEN})
        assert browser.get("/api/tasks").status_code == 200
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

        def replay(uid: int) -> str:
            command = [sys.executable, "-c", REPLAY, server.url.rpartition(":")[2], cookie, str(uid)]
            return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

        assert replay(65534) == "401"
        assert replay(0) == "200", "the user's own programs are not kept out"
        assert browser.get("/api/tasks").status_code == 200


def test_the_kernel_tells_whose_socket_a_local_connection_comes_from():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((host, 0), family=family) as listener:
            client = socket.create_connection(listener.getsockname()[:2])
            accepted, address = listener.accept()
            with accepted:
                here = accepted.getsockname()[:2]
                assert user_of_peer(address[:2], here) == os.getuid()
                assert holder_of({"client": address[:2], "server": here}) == f"user {os.getuid()}"
                client.close()
                accepted.recv(1)
                assert user_of_peer(address[:2], here) is None, "who has hung up is nobody"
    assert holder_of({"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}) == "loopback"
    assert holder_of({"client": ("10.0.0.7", 1), "server": ("10.0.0.1", 2)}) == "10.0.0.7"
    assert holder_of({"client": None}) == ""


def test_the_token_is_made_once_and_kept_private(tmp_path):
    settings = Settings(home=tmp_path / "home", token="")
    first = installation_token(settings)

    assert len(first) > 30
    assert installation_token(settings) == first
    assert (tmp_path / "home" / "token").stat().st_mode & 0o777 == 0o600
    assert installation_token(Settings(home=tmp_path, token="given")) == "given"


def test_a_first_start_on_a_full_disk_leaves_no_empty_token_behind(tmp_path):
    settings = Settings(home=tmp_path / "home", token="")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(StorageFailed, match="cannot be read or made"):
            installation_token(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert len(installation_token(settings)) > 30


def test_a_host_name_of_another_site_is_refused(site):
    for host in ("evil.example", "127.0.0.1.evil.example", "", "192.168.0.7:8120"):
        answer = site.client.get("/api/tasks", headers={"host": host})
        assert answer.status_code == 400, host
    for host in ("localhost:8120", "127.0.0.1", "[::1]:8120"):
        assert site.client.get("/api/tasks", headers={"host": host}).status_code == 200, host


def test_beyond_loopback_addresses_and_plain_names_are_ours_and_domains_only_when_set():
    hosts = Hosts("0.0.0.0", "train.lab.example")

    assert all(hosts.allow(h) for h in ("192.168.0.7:8120", "web:8120", "[fe80::1]:1", "train.lab.example"))
    assert not hosts.allow("evil.example")
    assert not hosts.allow("")


def test_every_answer_carries_the_security_headers(site):
    for answer in (
        site.client.get("/api/tasks"),
        site.client.get("/api/nowhere"),
        site.stranger.get("/api/tasks"),
        site.stranger.get("/login"),
        site.stranger.get("/assets/style.css"),
        site.stranger.get("/tasks"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


def test_a_body_that_announces_too_much_is_refused_before_it_is_read(site):
    answer = site.client.post("/api/tasks", headers={"content-length": str(BODY_LIMIT_BYTES + 1)})

    assert answer.status_code == 413
    assert str(BODY_LIMIT_BYTES) in answer.json()["error"]


def test_a_content_length_that_is_not_a_number_does_not_break_the_server(site):
    headers = [(b"host", b"127.0.0.1:8120"), (b"content-length", b"\xb2")]  # no client of these tests sends it so
    scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b"", "headers": headers}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8120), "scheme": "http", "raw_path": b"/healthz"}
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(site.app(scope, receive, send))

    assert sent[0]["status"] == 200


def test_a_body_without_end_is_cut_at_the_limit(start_server):
    sent = 0

    def endless():
        nonlocal sent
        while sent < 10 * BODY_LIMIT_BYTES:
            sent += 1 << 20
            yield bytes(1 << 20)

    with start_server().client() as client:
        try:
            answer = client.post("/api/tasks", content=endless(), headers={"content-type": "application/json"})
        except httpx2.WriteError:  # the server has closed the connection while we were sending
            pass
        else:
            assert answer.status_code == 413

    assert sent < 4 * BODY_LIMIT_BYTES


def test_assets_stay_inside_their_folder(site):
    for path in ("/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/..%2fapp.py", "/assets//etc/passwd"):
        assert site.stranger.get(path).status_code in (303, 404), path


def test_health_says_only_that_it_answers(site):
    assert site.stranger.get("/health").text == "ok"

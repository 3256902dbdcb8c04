"""Who may come in, and what leaves with every answer."""

from __future__ import annotations

import re

import httpx2
import pytest

from agent.settings import Settings
from tests.web_server import TOKEN
from web_stub.access import INSTALLATION, LOGIN_LINK_S, SESSION_S, Access, installation_token
from web_stub.guard import BODY_LIMIT_BYTES, Hosts


def session(site):
    """A browser that has logged in; its CSRF token."""
    answer = site.stranger.post("/login", data={"token": TOKEN, "next": "/tasks"})
    assert answer.status_code == 303
    page = site.stranger.get("/tasks")
    assert page.status_code == 200
    return re.search(r'name="csrf-token" content="([0-9a-f]+)"', page.text)[1]


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
    assert away.headers["location"] == "/login?next=/tasks/3%3Fshow%3Dall"

    back = site.stranger.post("/login", data={"token": TOKEN, "next": "/tasks/3?show=all"})
    assert back.headers["location"] == "/tasks/3?show=all"
    cookie = back.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""]
)
def test_the_login_never_leads_to_another_site(site, elsewhere):
    answer = site.stranger.post("/login", data={"token": TOKEN, "next": elsewhere})

    assert answer.headers["location"] == "/"


def test_a_wrong_token_gets_no_session(site):
    answer = site.stranger.post("/login", data={"token": "wrong"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not the token" in answer.text


def test_a_login_link_works_once(site):
    link = f"/login?token={site.app.state.web.access.new_login_token()}"

    assert site.stranger.get(link).headers["location"] == "/"
    assert site.stranger.get("/tasks").status_code == 200
    site.stranger.cookies.clear()
    assert site.stranger.get(link).status_code == 401


def test_a_session_may_read_the_api_and_changes_need_its_csrf_token(site):
    csrf = session(site)
    wish = {"type": "train", "plugin": 1, "project": 1, "model": 1}

    assert site.stranger.get("/api/tasks").status_code == 200
    assert site.stranger.post("/api/tasks", json=wish).status_code == 403
    assert site.stranger.post("/api/tasks", json=wish, headers={"x-csrf-token": "0" * 64}).status_code == 403
    assert site.stranger.post("/api/tasks", json=wish, headers={"x-csrf-token": csrf}).status_code == 201


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


def test_a_forged_or_old_session_is_none():
    clock = [1_000_000.0]
    access = Access("secret", now=lambda: clock[0])
    cookie = access.new_session()

    assert access.token_of(cookie) == INSTALLATION
    for forged in (
        cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        "1" + cookie[1:],
        cookie.rpartition(".")[0],
        "",
        "0.9999999999.x." + "é",
        f"{cookie.rpartition('.')[0]}.{access.csrf_token(cookie)}",
    ):
        assert access.token_of(forged) is None, forged
    assert Access("other", now=lambda: clock[0]).token_of(cookie) is None, "a new token ends all sessions"
    clock[0] += SESSION_S + 1
    assert access.token_of(cookie) is None


def test_a_login_link_ends_by_itself():
    clock = [1_000_000.0]
    access = Access("secret", now=lambda: clock[0])
    token = access.new_login_token()
    clock[0] += LOGIN_LINK_S + 1

    assert not access.redeem(token)


def test_the_token_is_made_once_and_kept_private(tmp_path):
    settings = Settings(home=tmp_path / "home", token="")
    first = installation_token(settings)

    assert len(first) > 30
    assert installation_token(settings) == first
    assert (tmp_path / "home" / "token").stat().st_mode & 0o777 == 0o600
    assert installation_token(Settings(home=tmp_path, token="given")) == "given"


def test_a_name_that_is_not_ours_is_refused(site):
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

"""Nothing that a client without a token sends takes time: headers and bodies are bounded before they are parsed."""

from __future__ import annotations

import time

import pytest

from web_stub.auth.sizes import HEADER_LIMIT, OPEN_LIMIT_BYTES

_LONG = 60_000
_HEADERS = {
    "cookie of backslashes": {"cookie": 'x="' + "\\" * _LONG + '"'},  # seconds in Python's own parser before 3.11.10
    "cookie of backslashes without an end": {"cookie": 'x="' + "\\" * _LONG},
    "cookie of semicolons": {"cookie": ";" * _LONG},
    "range of 5,000 digits": {"range": f"bytes=0-{'9' * 5000}"},
    "range of many parts": {"range": "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 3000, 2))},
    "content type of semicolons": {"content-type": 'application/x-www-form-urlencoded; a="' + ";" * _LONG},
    "host of colons": {"host": f"[{':' * _LONG}]"},
    "host of numbers": {"host": "1." * (_LONG // 2)},
    "origin of digits": {"origin": "[" + "1" * _LONG},
    "date of digits": {"if-modified-since": f"Mon, 1 Jan {'9' * _LONG} 00:00:00 GMT"},
    "date of parentheses": {"if-modified-since": "(" * _LONG},
    "length of digits": {"content-length": "9" * _LONG},
    "tags of commas": {"if-none-match": "," * _LONG},
    "token of blanks": {"authorization": "Bearer " + " " * _LONG},
}


_DOORS = [
    ("GET", "/health"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/assets/style.css"),
    ("GET", "/api/tasks"),
]


_MOST_TIMES = 50  # as long as a request without the header; a quadratic parser takes thousands of times as long


def _processor_time_s(site, method: str, path: str, headers: dict[str, str]) -> float:
    """Of one request: the least of three, because a collection of garbage may fall into one of them."""
    times = []
    for _ in range(3):
        started = time.process_time()
        answer = site.stranger.request(method, path, headers=headers)
        times.append(time.process_time() - started)
        assert answer.status_code < 500, (method, path)
    return min(times)


@pytest.mark.alone  # it measures the processor time of this process
def test_no_header_of_a_stranger_takes_time_or_breaks_the_server(site):
    for method, path in _DOORS:
        plain_s = _processor_time_s(site, method, path, {})
        for name, headers in _HEADERS.items():
            assert _processor_time_s(site, method, path, headers) < _MOST_TIMES * plain_s, (name, method, path)


def test_a_header_beyond_the_limit_is_refused_by_name(site):
    fits = site.stranger.get("/health", headers={"x-any": "x" * HEADER_LIMIT})
    too_long = site.stranger.get("/health", headers={"x-any": "x" * (HEADER_LIMIT + 1)})

    assert (fits.status_code, too_long.status_code) == (200, 431)
    assert "x-any" in too_long.json()["error"]


def test_the_cookies_of_other_servers_of_this_host_may_be_long(site):
    site.stranger.post("/login", data={"token": site.settings.token})
    (name, session), *_ = site.stranger.cookies.items()
    site.stranger.cookies.clear()
    others = "; ".join(f"other{i}={'x' * 3000}" for i in range(15))

    assert site.stranger.get("/api/tasks", headers={"cookie": f"{others}; {name}={session}"}).status_code == 200


@pytest.mark.parametrize("path", ["/assets/" + "a/" * 4096, "/login" + "/" * 9000, "/%61" * 8192])
def test_a_path_beyond_the_limit_is_refused_before_it_is_looked_up(site, path):
    assert site.stranger.get(path).status_code == 414
    assert site.client.get(path).status_code == 414


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "idna", "undefined", "rot13"])
def test_the_body_of_a_login_is_never_decoded_by_a_codec_of_the_client(site, charset):
    part = b'--a\r\nContent-Disposition: form-data; name="token"\r\n\r\n\\ud800+2AA-\r\n--a--\r\n'
    kind = {"content-type": f"multipart/form-data; boundary=a; charset={charset}"}
    answer = site.stranger.post("/login", content=part, headers=kind)

    assert answer.status_code == 415
    assert "application/x-www-form-urlencoded" in answer.json()["error"]


def test_the_body_of_a_login_is_bounded(site):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    whole = site.stranger.post("/login", content=b"a" * (OPEN_LIMIT_BYTES + 1), headers=kind)
    in_pieces = site.stranger.post("/login", content=iter([b"token=", b"a" * OPEN_LIMIT_BYTES]), headers=kind)

    assert (whole.status_code, in_pieces.status_code) == (413, 413)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [(f"bytes=0-{'9' * 5000}", 206), (f"bytes={'9' * 5000}-", 416), (f"bytes=-{'9' * 5000}", 206)],
)
def test_a_range_of_5000_digits_is_answered(site, wanted, status):
    address = f"/api/models/{site.library.model_id}/download"

    assert site.client.get(address, headers={"range": wanted}).status_code == status

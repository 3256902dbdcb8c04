"""Addresses behind a proxy: relative to what the browser asked for; and whether a request comes from a page of ours."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from web_stub.auth.addresses import is_foreign, relative, to_root

PAGES = ["/", "/tasks", "/tasks/5", "/projects/1/images/2", "/tasks/", "/a%2Fb/c"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("below", ["http://h", "https://hub.example/user/ada/proxy/8120"])
def test_from_every_page_the_root_is_found_whatever_lies_before_it(page, below):
    assert urljoin(below + page, to_root({"path": "/unused", "raw_path": page.encode()})) == f"{below}/"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("target", ["/", "/tasks/3?show=all#L4", "/login?next=/tasks", "http://h/tasks"])
def test_a_redirect_stays_below_the_path_of_the_proxy(page, target):
    location = relative(target, {"path": page, "raw_path": page.encode()}, "h")

    assert (
        urljoin(f"https://hub/proxy/8120{page}", location) == f"https://hub/proxy/8120{target.removeprefix('http://h')}"
    )


@pytest.mark.parametrize("target", ["https://elsewhere/x", "./tasks", "tasks"])
def test_other_targets_stay_as_they_are(target):
    assert relative(target, {"path": "/tasks"}, "h") == target


@pytest.mark.parametrize(
    ("headers", "port", "foreign"),
    [
        ({}, 8120, False),  # no browser
        ({"origin": "http://h:8120", "host": "h:8120"}, 8120, False),
        ({"origin": "http://h:9000", "host": "h:8120"}, 8120, True),
        ({"origin": "https://evil.example", "host": "h:8120"}, 8120, True),
        ({"origin": "null", "host": "h:8120"}, 8120, True),
        ({"origin": "null", "host": "h"}, 8120, True),
        # a proxy on port 9000 that drops the port from Host
        ({"origin": "http://h:9000", "host": "h"}, 8120, False),
        ({"origin": "https://h", "host": "h"}, 8120, False),
        ({"origin": "http://evil.example:9000", "host": "h"}, 8120, True),
        ({"origin": "http://h.evil.example", "host": "h"}, 8120, True),
        ({"origin": "http://h:9000", "host": "h"}, 80, True),  # without a proxy: another server of this host
        ({"origin": "http://h:9000", "host": "h"}, None, True),
        # the browser's own judgement, which a proxy does not touch
        ({"sec-fetch-site": "same-origin", "origin": "http://h:9000", "host": "127.0.0.1:8120"}, 8120, False),
        ({"sec-fetch-site": "none", "host": "h"}, 8120, False),
        ({"sec-fetch-site": "same-site", "origin": "http://h:8120", "host": "h:8120"}, 8120, True),
        ({"sec-fetch-site": "cross-site", "host": "h"}, 8120, True),
        ({"sec-fetch-site": "", "host": "h"}, 8120, True),
        ({"origin": "http://[", "host": "h"}, 8120, True),
        ({"origin": "http://h", "host": "h:x"}, 8120, True),
        ({"origin": "", "host": ""}, 8120, False),
    ],
)
def test_whether_a_request_is_foreign(headers, port, foreign):
    assert is_foreign(headers, port) is foreign

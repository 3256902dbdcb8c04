"""A page whose scripts or sheets were cut off, as when a container starts and the machine's networks change."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.chromium

LIVE_JS = re.compile("assets/live[.]js")  # which the page's own script imports


@pytest.fixture
def cut_off(site) -> Callable[[re.Pattern[str], int], list[str]]:
    """`cut_off(address, times)`: the first so many requests for such an address fail; all of them are listed."""

    def cut_off(address: re.Pattern[str], times: int) -> list[str]:
        asked: list[str] = []

        def answer(route: Route) -> None:
            asked.append(route.request.url)
            if len(asked) <= times:
                route.abort()
            else:
                route.continue_()

        site.page.route(address, answer)
        return asked

    return cut_off


@pytest.mark.parametrize("what", [LIVE_JS, re.compile("assets/task[.]js"), re.compile("assets/style[.]css")])
def test_a_page_that_is_not_whole_loads_itself_again(site, cut_off, what):
    story = site.started()
    asked = cut_off(what, 2)
    site.go(f"/tasks/{story.task_id}")
    expect(site.page.locator("#live")).to_have_attribute("data-state", "on")
    site.page.wait_for_function("sessionStorage.length === 0")  # the next fault is counted anew
    assert len(asked) == 3


def test_what_never_comes_is_not_asked_for_without_end(site, cut_off):
    story = site.started()
    asked = cut_off(LIVE_JS, 1000)
    site.go(f"/tasks/{story.task_id}")
    site.page.wait_for_function("Number(sessionStorage.getItem('page-loaded-again')) === 5")
    expect(site.page.get_by_role("heading", name="fruit")).to_be_visible()
    assert len(asked) == 6

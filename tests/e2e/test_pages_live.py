"""Pages that stay live: all tabs of a browser over one connection, through breaks, without loss or repetition."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.support.demo_store import finish, train
from web_stub.auth import middleware

pytestmark = pytest.mark.chromium

TABS = 20  # over HTTP/1.1 a browser has six connections to a host
HIDE = """
hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


@pytest.fixture
def open_tab(site):
    tabs: list[Page] = []
    site.go("/space")  # which has no stream

    def open_tab(path: str, script: str = "") -> Page:
        tab = site.page.context.new_page()
        tabs.append(tab)
        tab.on("pageerror", lambda error: site.complaints.append(str(error)))
        if script:
            tab.add_init_script(script)
        site.go(path, tab)
        return tab

    yield open_tab
    for tab in tabs:
        tab.close()


def streams(site) -> int:
    with site.server.client() as client:
        found = re.search(r"^supervisely_event_streams (\d+)", client.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def wait_for_streams(site, count: int) -> None:
    for _ in range(200):
        if streams(site) == count:
            return
        site.page.wait_for_timeout(50)  # during which the browser's events are read
    assert streams(site) == count


def foot(tab: Page):
    return tab.locator(".chart", has_text="loss").locator(".foot")


def lines(tab: Page, words: str) -> list[str]:
    """The lines of the log that have the words, as they are shown."""
    shown: list[str] = tab.locator("#log .line .text").all_inner_texts()
    return [line.strip() for line in shown if words in line]


def test_twenty_tabs_of_a_running_task_are_live_over_one_connection_and_buttons_answer(site, open_tab):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    tabs = [open_tab(f"/tasks/{story.task_id}") for _ in range(TABS - 1)]
    tabs.append(open_tab("/tasks"))
    for tab in tabs:
        expect(tab.locator("#live")).to_have_attribute("data-state", "on")
    wait_for_streams(site, 1)
    for i in range(5):
        story.metrics("train", 1 + (i + 1) / 30, loss=0.4)
        story.flush()
    for tab in tabs[:-1]:
        expect(foot(tab)).to_contain_text("train: all 35 points")
    tabs[0].get_by_role("button", name="Stop").click()
    tabs[0].locator("#confirm-stop").get_by_role("button", name="Stop").click()
    for tab in tabs[:-1]:
        expect(tab.locator("#stop")).to_have_text("Stopping")
    expect(tabs[-1].locator("#rows").get_by_role("button")).to_have_count(0)

    assert streams(site) == 1
    assert site.complaints == []


def test_what_happens_while_the_server_is_away_comes_once_and_in_order(site, open_tab):
    story = site.started()
    story.say("before")
    story.flush()
    tabs = [open_tab(f"/tasks/{story.task_id}") for _ in range(2)]
    for tab in tabs:
        expect(tab.locator("#log")).to_contain_text("before")
        expect(tab.locator("#live")).to_have_attribute("data-state", "on")
    port = int(site.server.url.rpartition(":")[2])
    site.server.stop()
    for tab in tabs:
        expect(tab.locator("#live")).to_have_attribute("data-state", "off")
    for i in range(20):
        story.say(f"while away {i}")
    story.flush()
    site.server = type(site.server)(site.store, site.artifacts, replace(site.settings, web_port=port))
    story.say("after")
    finish(story)
    for tab in tabs:
        expect(tab.locator("#log")).to_contain_text("after")
        expect(tab.locator("#live")).to_have_attribute("data-state", "over")
        assert lines(tab, "while away") == [f"while away {i}" for i in range(20)]
    wait_for_streams(site, 0)


def test_without_a_shared_worker_a_tab_is_live_while_it_is_seen(site, open_tab):
    story = site.started()
    tab = open_tab(f"/tasks/{story.task_id}", "delete globalThis.SharedWorker;")
    live = tab.locator("#live")
    expect(live).to_have_attribute("data-state", "on")
    wait_for_streams(site, 1)
    tab.evaluate(HIDE, True)
    wait_for_streams(site, 0)
    story.say("unseen")
    story.flush()
    tab.evaluate(HIDE, False)
    expect(tab.locator("#log")).to_contain_text("unseen")
    wait_for_streams(site, 1)

    assert lines(tab, "unseen") == ["unseen"]
    assert site.complaints == []


def test_a_worker_that_cannot_be_loaded_is_done_without(site, open_tab):
    story = site.started()
    site.page.context.route(re.compile("live_worker"), lambda route: route.abort())
    tab = open_tab(
        f"/tasks/{story.task_id}",
        "const Real = SharedWorker; globalThis.SharedWorker = class extends Real {"
        " constructor(url, options) { super(new URL('no_worker.js', url), options); } };",
    )
    expect(tab.locator("#live")).to_have_attribute("data-state", "on")
    story.say("heard")
    story.flush()
    expect(tab.locator("#log")).to_contain_text("heard")
    site.page.context.unroute_all()


def test_a_session_that_ends_in_one_tab_leads_every_tab_to_the_login(site, open_tab, monkeypatch):
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    story = site.started()
    tabs = [open_tab(path) for path in (f"/tasks/{story.task_id}", "/tasks", "/models")]
    for tab in tabs:
        expect(tab.locator("#live")).to_have_attribute("data-state", "on")
    tabs[2].get_by_role("button", name="Log out").click()
    story.say("news, with which the stream ends")
    story.flush()
    for tab in tabs:
        expect(tab).to_have_url(re.compile("/login"))
    wait_for_streams(site, 0)


def test_a_tab_that_leaves_and_comes_back_goes_on_where_it_was(site, open_tab):
    story = site.started()
    tab = open_tab(f"/tasks/{story.task_id}")
    for i in range(3):
        expect(tab.locator("#live")).to_have_attribute("data-state", "on")
        tab.get_by_role("link", name="Models", exact=True).click()
        expect(tab.locator("#live")).to_have_attribute("data-state", "on")
        story.say(f"meanwhile {i}")
        story.flush()
        tab.go_back()
        expect(tab.locator("#log")).to_contain_text(f"meanwhile {i}")
    wait_for_streams(site, 1)

    assert lines(tab, "meanwhile") == [f"meanwhile {i}" for i in range(3)]
    assert site.complaints == []

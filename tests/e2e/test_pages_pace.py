"""Rate and estimated end of a running task, in the list and on its page."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.support.accessible import axe_source, violations
from tests.support.browser import DESK, PHONE, Site, keep_picture
from tests.support.demo_store import CONFIG, Story, finish

pytestmark = pytest.mark.chromium

LEFT = re.compile(r"about 1[456] min left \((\d{4}-\d\d-\d\d )?\d\d:\d\d\)")  # the day, shortly before midnight


def trained(site: Site, epochs: int = 4, *, ended: float = 0) -> Story:
    """A training of 20 epochs, a minute each, of which the last has ended so many seconds ago."""
    assert CONFIG["epochs"] == 20
    story = site.started("baseline")
    story.now_us = time.time_ns() // 1000 - 60_000_000 * (epochs - 1) - int(ended * 1e6)
    for epoch in range(1, epochs + 1):
        story.metrics("train", epoch, loss=1 / epoch)
        story.progress("Model training: ", epoch, 20)
        story.now_us += 60_000_000 - 80_000
    story.flush()
    return story


def test_the_page_of_a_task_says_how_fast_it_goes_and_when_it_will_end(site: Site) -> None:
    story = trained(site, 3, ended=60)
    page = site.page
    site.go(f"/tasks/{story.task_id}")
    expect(page.locator("#facts")).to_contain_text("Duration")
    expect(page.locator("#facts")).not_to_contain_text("Rate")

    story.now_us = time.time_ns() // 1000
    story.metrics("train", 4, loss=0.1)
    story.flush()
    for number in range(3):  # lines that come at once share an estimate
        story.say(f"line {number}")
        story.flush()
        expect(page.locator("#log")).to_contain_text(f"line {number}")
    expect(page.locator("#facts")).to_contain_text(re.compile(r"(1 min|60 s|59 s|1 min \d s) per epoch"))
    expect(page.locator("#facts")).to_contain_text(LEFT)
    page.set_viewport_size(DESK)
    keep_picture(site, "pace-task")
    finish(story)
    expect(page.locator("#facts")).not_to_contain_text("left")
    assert site.complaints == []


def test_the_list_says_when_a_task_will_end(site: Site) -> None:
    trained(site)
    page, axe = site.page, axe_source()
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        site.go("/tasks")
        expect(page.locator(".row .pace")).to_contain_text(LEFT)
        expect(page.locator(".row .pace")).to_contain_text("per epoch")
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        keep_picture(site, f"pace-list-{size['width']}")
    assert site.complaints == []

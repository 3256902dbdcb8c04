"""What a task uses of its machine, on its page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agent.store import UsageSample
from tests.support.browser import COUNT_PIXELS, canvas_of
from tests.support.demo_store import train, use

pytestmark = pytest.mark.chromium


def test_what_a_task_uses_is_drawn_and_new_readings_come_while_it_runs(site):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    use(story)
    site.go(f"/tasks/{story.task_id}")
    card = site.page.locator("#usage-card")
    site.page.locator("#usage-place").evaluate("place => place.scrollIntoView()")
    expect(card.locator(".chart")).to_have_count(6)
    expect(card).to_contain_text("of GPU memory")
    assert canvas_of(site.page, "GPU memory, MiB").evaluate(COUNT_PIXELS, "--train") > 100
    newest = site.store.usage.list(story.task_id)[-1]
    site.store.usage.add(story.task_id, UsageSample(newest.time_us + 1_000_000, 60.0, 77 << 30, 3))

    expect(card).to_contain_text("77.0 GiB")
    assert site.complaints == []


def test_a_task_without_readings_has_no_such_card(site):
    story = site.started()
    site.go(f"/tasks/{story.task_id}")
    with site.page.expect_response(lambda answer: "/usage?" in answer.url):
        site.page.locator("#usage-place").evaluate("place => place.scrollIntoView()")

    expect(site.page.locator("#usage-card")).to_be_hidden()
    assert site.complaints == []

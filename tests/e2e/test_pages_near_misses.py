"""Lines that are nearly events, and what would break elsewhere, on the page of a task."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import Site

pytestmark = pytest.mark.chromium
QUOTES = "{'event_type': 'EventType.METRICS', 'type': 'train', 'epoch': 1}"


def test_a_mark_at_the_line_the_kinds_beside_it_and_what_breaks_elsewhere(site: Site) -> None:
    story = site.started()
    seq = story.raw(QUOTES)
    story.raw(
        '{"message": "metrics", "event_type": "EventType.METRICS", "type": "val", "epoch": 1, "metrics": {"a": 1}}'
    )
    story.flush()
    site.go(f"/tasks/{story.task_id}")

    mark = site.page.locator(f"#L{seq} .near")
    mark.get_by_text("nearly an event").click()
    expect(mark).to_contain_text("Nearly a METRICS event, but it is a Python dict: its quotes are single.")
    kinds = site.page.get_by_role("region", name="Nearly events")
    expect(kinds).to_contain_text("1 line, first line")
    expect(kinds.get_by_role("link")).to_have_attribute("href", f"#L{seq}")

    story.raw('{"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": 0, "subdir": "results/0"}')
    story.flush()
    expect(kinds.get_by_role("listitem")).to_have_count(2)

    site.page.get_by_text("Works here, breaks there").click()
    expect(site.page.locator("#portability-list")).to_contain_text("An event without level is read, as info.")
    expect(site.page.locator("#portability-list")).to_contain_text("docs/contract/events.md 6")
    assert site.complaints == []


def test_a_plugin_has_the_section_too(site: Site) -> None:
    story = site.started()
    plugin = site.store.tasks.get(story.task_id).plugin_id
    site.go(f"/plugins/{plugin}")
    site.page.get_by_text("Works here, breaks there").click()
    expect(site.page.locator("#portability-list")).to_contain_text("its code was not read")
    assert site.complaints == []

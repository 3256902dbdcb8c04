"""Pages with ten thousand of everything: what is on them stays small, and at rest they do nothing."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from agent.store import Wanted
from tests.support.browser import DESK
from tests.support.demo_store import crash, finish, new_task, train
from tests.support.labeled_project import add, annotation, fields, predictions
from tests.support.many import copy_images, copy_rows, copy_tasks

pytestmark = pytest.mark.chromium

MANY = 10_000
ELEMENTS = "document.getElementsByTagName('*').length"
LARGEST = 6000  # elements on a page, whatever it lists
# Whether the middle of the grid shows an image with at least this number.
IN_SIGHT = """
(least) => {
  const {left} = document.getElementById("grid").getBoundingClientRect();
  const name = document.elementFromPoint(left + 60, innerHeight / 2)?.closest(".tile")?.innerText ?? "";
  return Number(/image (\\d+)/.exec(name)?.[1] ?? 0) >= least;
}
"""


def test_ten_thousand_images_are_looked_through_with_a_few_hundred_tiles(site):
    project = add(site.store, site.artifacts, "Many", {"ds": {"first.png": annotation([])}})
    copy_images(site.store, site.store.gallery.page(Wanted(project.id))[0].id, MANY - 1)
    page = site.page
    page.set_viewport_size(DESK)
    site.go(f"/projects/{project.id}")
    expect(page.locator("#images-count")).to_have_text("60 of 10,000")
    page.locator(".tile").first.hover()
    loaded = 60
    while loaded < 1500:
        page.mouse.wheel(0, 100_000)  # to the end of what is there
        expect(page.locator("#images-count")).not_to_have_text(f"{loaded:,} of 10,000")
        loaded = int(page.locator("#images-count").inner_text().split()[0].replace(",", ""))
        assert page.evaluate(ELEMENTS) < LARGEST
    page.wait_for_function(IN_SIGHT, arg=1000)
    assert page.locator(".tile").count() <= 480
    height = page.evaluate("document.getElementById('grid').scrollHeight")
    page.mouse.wheel(0, -1_000_000)
    expect(page.locator(".tile-name").first).to_have_text("first.png")
    expect(page.locator(".tile-name").first).to_be_in_viewport()
    assert page.locator(".tile").count() <= 480
    assert page.evaluate("document.getElementById('grid').scrollHeight") >= height, "the place of the images is kept"
    page.get_by_role("searchbox").fill("09998")
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".tile").click()
    expect(page.locator("#position")).to_have_text("1 of 1")
    assert site.complaints == []


def test_ten_thousand_tasks_and_models_are_paged_and_searched(site):
    needle = new_task(site.store, site.library, "needle")
    site.store.tasks.request_stop(needle.id)
    copy_tasks(site.store, needle.id, MANY - 1)
    copy_rows(site.store, "models", site.library.model_id, MANY - 1, name="'state ' || i")
    page = site.page
    for path, noun, oldest in (("/tasks", "tasks", "needle"), ("/models", "models", "unet start weights")):
        site.go(path)
        expect(page.locator("#summary"), path).to_contain_text(f"1–100 of 10,000 {noun}")
        assert page.evaluate(ELEMENTS) < LARGEST, path
        site.go(f"{path}?page=100")
        expect(page.locator("#page-of"), path).to_have_text("Page 100 of 100")
        expect(page.locator("#rows .row").last, path).to_contain_text(oldest)
        page.get_by_role("searchbox").fill(oldest.upper())
        expect(page.locator("#summary"), path).to_contain_text(f"1 {noun[:-1]}")
        expect(page.locator("#rows .row"), path).to_have_count(1)
    assert site.complaints == []


def asked(url: str) -> set[str]:
    """The series that a question for points names."""
    return set(re.findall(r"\d+", ",".join(parse_qs(urlsplit(url).query).get("series", []))))


def test_of_six_hundred_metrics_the_seen_are_asked_for_and_drawn_first(site):
    story = site.started("many metrics")
    for epoch in (1, 2, 3):
        story.metrics("train", epoch, **{f"metric {i:03d}": i / epoch for i in range(600)})
    story.flush()
    finish(story)
    page = site.page
    page.set_viewport_size(DESK)
    questions: list[str] = []
    page.on("request", lambda request: questions.append(request.url) if "/points?" in request.url else None)
    site.go(f"/tasks/{story.task_id}")
    expect(page.locator(".chart .foot").first).to_contain_text("all 3")  # drawn
    first = set().union(*map(asked, questions))
    assert 1 <= len(first) <= 40, f"{len(first)} of 600 series were asked for before the first chart was drawn"
    expect(page.locator("#charts")).to_have_attribute("data-drawn", "600")
    assert page.evaluate("document.querySelectorAll('.chart canvas').length") <= 40
    last = page.locator(".chart", has=page.get_by_role("heading", name="metric 599", exact=True))
    last.scroll_into_view_if_needed()
    expect(last.locator(".foot")).to_contain_text("all 3")
    assert len(set().union(*map(asked, questions))) <= 120, "charts that were scrolled past were asked for"
    assert site.complaints == []


def test_pages_at_rest_do_nothing(site):
    """No style is computed and nothing is laid out while nothing happens. (The clock of a running task ticks.)"""
    ended = site.started("ended")
    train(ended, site.artifacts, epochs=1)
    crash(ended)
    project = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, project)
    page = site.page
    page.set_viewport_size(DESK)
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")

    def work() -> dict[str, Any]:
        values = {one["name"]: one["value"] for one in protocol.send("Performance.getMetrics")["metrics"]}
        return {name: values[name] for name in ("LayoutCount", "RecalcStyleCount")}

    viewer = f"/projects/{project.id}/images?with={made.id}&mode=difference"
    paths = [
        "/tasks",
        f"/tasks/{ended.task_id}",
        "/models",
        "/models/upload",
        "/tasks/new",
    ]
    for path in [*paths, "/projects", f"/projects/{project.id}", viewer, "/plugins", "/space"]:
        site.go(path)
        before: dict[str, Any] = {}
        for _ in range(20):  # until the page is complete
            if (now := work()) == before:
                break
            before = now
            page.wait_for_timeout(700)
        page.wait_for_timeout(2500)
        assert work() == before, f"{path} works while nothing happens"
    assert site.complaints == []

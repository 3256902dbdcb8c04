"""The images that a task logged, on its page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.accessible import axe_source, violations
from tests.support.browser import DESK, PHONE, Site
from tests.support.demo_store import Story, log_image, train

pytestmark = pytest.mark.chromium
RED, GREEN, BLUE = (200, 30, 30), (30, 180, 30), (30, 30, 200)


def logged(site: Site) -> Story:
    story = site.started()
    train(story, site.artifacts, epochs=1)
    for step, colour in ((1, RED), (2, GREEN), (3.5, BLUE)):
        for name in ("val/0", "val/1"):
            log_image(story, site.artifacts, name, step, colour, f"IoU 0.{int(step)}")
    log_image(story, site.artifacts, "curve.png", None, RED)
    return story


def see(site: Site) -> None:
    site.page.locator("#images-place").evaluate("place => place.scrollIntoView()")


def lose_sight(site: Site) -> None:
    """Scroll away from the images, until the page knows it: observers are told in the order they were made."""
    site.page.set_viewport_size({"width": 1440, "height": 300})
    site.page.evaluate("scrollTo(0, 0)")
    site.page.locator("#images-place").evaluate("""place => new Promise((resolve) => {
        const margin = { rootMargin: "300px 0px" };
        new IntersectionObserver(([entry]) => { if (!entry.isIntersecting) resolve(null); }, margin).observe(place);
    })""")


def names_drawn(site: Site) -> list[str]:
    return site.page.locator("#image-grid figure img").evaluate_all("all => all.map((one) => one.alt)")


def test_a_slider_leads_through_the_steps_and_stands_in_the_address(site: Site) -> None:
    story = logged(site)
    site.go(f"/tasks/{story.task_id}")
    see(site)
    slider, grid = site.page.get_by_role("slider", name="Step"), site.page.locator("#image-grid")
    expect(grid.locator("figure")).to_have_count(2)
    expect(site.page.locator("#image-step-value")).to_have_text("step 3.5")
    assert names_drawn(site) == ["val/0, step 3.5, IoU 0.3", "val/1, step 3.5, IoU 0.3"]

    slider.press("Home")
    expect(grid.get_by_alt_text("val/0, step 1, IoU 0.1")).to_be_visible()
    assert "image_step=1" in site.page.url
    slider.press("ArrowRight")
    expect(grid.get_by_alt_text("val/1, step 2, IoU 0.2")).to_be_visible()
    slider.press("End")
    expect(grid.get_by_alt_text("curve.png, no step")).to_be_visible()
    site.page.reload()
    see(site)
    expect(grid.get_by_alt_text("curve.png, no step")).to_be_visible()
    assert site.complaints == []


def test_two_steps_are_laid_over_each_other(site: Site) -> None:
    story = logged(site)
    site.go(f"/tasks/{story.task_id}")
    see(site)
    site.page.get_by_label("Before and after").check()
    grid = site.page.locator("#image-grid")
    expect(grid.locator(".before img")).to_have_count(2)
    assert "image_with=1" in site.page.url
    assert names_drawn(site)[:2] == ["val/0, step 3.5, IoU 0.3", "val/0, step 1, IoU 0.1"]
    before = grid.locator(".before").first
    site.page.get_by_role("slider", name="Divide").press("Home")
    assert before.evaluate("one => getComputedStyle(one).clipPath") == "inset(0px 100% 0px 0px)"
    site.page.get_by_role("slider", name="Divide").press("End")
    assert before.evaluate("one => getComputedStyle(one).clipPath") in ("inset(0px)", "inset(0px 0% 0px 0px)")
    site.page.get_by_role("slider", name="Before").press("ArrowRight")
    expect(grid.get_by_alt_text("val/0, step 2, IoU 0.2")).to_be_visible()
    site.page.get_by_label("Before and after").uncheck()
    expect(grid.locator(".before")).to_have_count(0)
    assert site.complaints == []


def test_every_step_of_one_name_and_an_image_in_its_full_size(site: Site) -> None:
    story = logged(site)
    site.go(f"/tasks/{story.task_id}")
    see(site)
    site.page.locator("#image-grid").get_by_role("button", name="val/1").click()
    expect(site.page.locator("#image-grid figure")).to_have_count(3)
    site.page.locator("#image-grid a").nth(1).click()
    full = site.page.locator("#image-full")
    expect(full.locator("img")).to_have_attribute("alt", "val/1, step 2, IoU 0.2")
    site.page.get_by_role("button", name="Later step").click()
    expect(full.locator("img")).to_have_attribute("alt", "val/1, step 3.5, IoU 0.3")
    expect(site.page.get_by_role("button", name="Later step")).to_be_disabled()
    site.page.get_by_role("button", name="Close").press("ArrowLeft")
    expect(full.locator("#image-full-step")).to_have_text("step 2")
    assert full.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") == 160
    site.page.keyboard.press("Escape")
    expect(full).to_be_hidden()
    site.page.go_back()
    expect(site.page.locator("#image-grid figure")).to_have_count(2)
    assert site.complaints == []


def test_images_arrive_while_the_task_runs_and_nothing_is_asked_for_before_it_is_seen(site: Site) -> None:
    story = site.started()
    asked: list[str] = []
    site.page.on("request", lambda request: asked.append(request.url) if "/images" in request.url else None)
    site.go(f"/tasks/{story.task_id}")
    see(site)
    card = site.page.locator("#images-card")
    expect(card).to_be_hidden()
    train(story, site.artifacts, epochs=1)
    expect(site.page.locator("#charts .chart-group").first).to_be_visible()  # they push the images down, out of sight
    lose_sight(site)
    log_image(story, site.artifacts, "val/0", 1, RED)
    expect(card).to_be_visible()
    assert asked == []

    see(site)
    expect(card.get_by_alt_text("val/0, step 1")).to_be_visible()
    log_image(story, site.artifacts, "val/0", 2, GREEN)
    expect(card.get_by_alt_text("val/0, step 2")).to_be_visible()
    card.get_by_role("slider", name="Step").press("Home")
    log_image(story, site.artifacts, "val/0", 3, GREEN)
    expect(card.locator("#images-count")).to_have_text("3")
    expect(card.get_by_alt_text("val/0, step 1")).to_be_visible()
    assert site.complaints == []


def test_axe_finds_nothing_in_the_images(site: Site) -> None:
    axe, page = axe_source(), site.page
    story = logged(site)
    found = []
    for width in (DESK, PHONE):
        page.set_viewport_size(width)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        site.go(f"/tasks/{story.task_id}?image_with=1")
        see(site)
        expect(page.locator("#image-grid .before img").first).to_be_visible()
        found += violations(page, axe)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.emulate_media(color_scheme="dark")
        found += violations(page, axe, "color-contrast")
        page.locator("#image-grid a").first.click()
        expect(page.locator("#image-full img")).to_be_visible()
        found += violations(page, axe)
        page.keyboard.press("Escape")
    assert not found, "\n".join(found)

"""What the data of a project says, in a real browser: every number leads to its images, and the address can be sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import PHONE, keep_picture
from tests.support.labeled_project import add, annotation, fields, shape

pytestmark = pytest.mark.chromium


def test_a_finding_a_cell_and_a_pair_lead_to_their_images(site):
    box = shape("box", [[10, 10], [30, 30]])
    texts = {
        "twice.png": annotation([box, box, shape("plot", [[50, 5], [70, 5], [70, 25]])], ["train"]),
        "once.png": annotation([box], ["val"]),
        "bare.png": annotation([]),
    }
    project = add(site.store, site.artifacts, "Said", {"ds": texts})
    page, names = site.page, site.page.locator(".tile-name")
    site.go(f"/projects/{project.id}")
    page.get_by_role("link", name="What the data says").click()
    page.get_by_role("link", name="Labels there twice").click()
    expect(names).to_have_text(["twice.png"])
    expect(page.locator("#active")).to_have_text("Only these images: Labels there twice ×")
    page.reload()
    expect(names).to_have_text(["twice.png"])
    page.get_by_role("button", name="Show images without Labels there twice too").click()
    expect(names).to_have_count(3)

    site.go(f"/projects/{project.id}?view=data")
    page.get_by_role("link", name="box, 16–32 pixels: 3 objects").click()
    expect(names).to_have_text(["twice.png", "once.png"])
    page.go_back()
    page.get_by_role("link", name="box and plot: 1 image").click()
    expect(page.locator("#active")).to_have_text("Only images with box × and plot ×")
    expect(names).to_have_text(["twice.png"])
    page.go_back()
    page.get_by_label("Class of the objects").select_option("plot")
    expect(page.locator("#places a")).to_have_count(1)
    page.locator("#places a").click()
    expect(names).to_have_text(["twice.png"])

    page.go_back()
    expect(page.locator("#near-text")).to_contain_text("3 of 3 images nearly equal another one. 1 image of val")
    first = page.locator(".twins").first
    expect(first).to_contain_text("train ↔ val")
    expect(first.locator(".name")).to_have_text(["twice.png", "once.png"])
    page.get_by_role("link", name="Images of train and val").click()
    expect(names).to_have_count(2)
    names.nth(1).click()
    expect(page.locator("#position")).to_have_text("2 of 2")
    assert "finding=leak" in page.url
    assert site.complaints == []


def test_what_the_data_says_fits_a_phone(site):
    project = fields(site.store, site.artifacts)
    site.page.set_viewport_size(PHONE)
    site.go(f"/projects/{project.id}?view=data")
    expect(site.page.locator("#near-pairs")).not_to_be_empty()
    keep_picture(site, "insights-phone")

    assert site.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert site.complaints == []

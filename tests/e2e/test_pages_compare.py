"""Any number of runs compared on a page: few requests, legend, groups, differences, relations, files."""

from __future__ import annotations

import io
import re
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, Request, expect

from tests.support.browser import DESK, PHONE, Site, keep_picture
from tests.support.many_runs import add_runs

pytestmark = pytest.mark.chromium


def compare(site: Site, count: int, query: str = "", scheme: str = "light") -> Page:
    """The page of so many runs, its first charts drawn."""
    ids = add_runs(site.store, site.library, count)
    site.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    site.page.set_viewport_size(DESK)
    site.go(f"/compare?runs={','.join(map(str, ids))}{query}")
    expect(site.page.locator(".run-chart[data-lines]")).to_have_count(2)
    return site.page


def test_a_hundred_runs_need_one_request_for_each_chart(site: Site) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith("/api/"):
            asked.append(path)

    site.page.on("request", note)
    page = compare(site, 100)
    loss, iou = page.locator(".run-chart").all()
    expect(loss).to_have_attribute("data-lines", "200")
    expect(iou).to_have_attribute("data-lines", "100")
    expect(page.locator(".legend-row")).to_have_count(100)
    assert asked.count("/api/runs/points") == 2
    assert asked.count("/api/runs/compared") == 1
    assert not [path for path in asked if path.startswith("/api/tasks/")]
    asked.clear()
    page.locator(".legend-turn").first.click(modifiers=["Alt"])
    expect(iou).to_have_attribute("data-lines", "1")
    expect(page.locator("#legend-count")).to_have_text("1 of 100 shown")
    assert asked == [], "hiding asks for nothing"
    keep_picture(site, "compare-100")
    assert site.complaints == []


def test_groups_become_means_with_bands_and_the_address_says_so(site: Site) -> None:
    page = compare(site, 12, scheme="dark")
    iou = page.locator(".run-chart").nth(1)
    expect(iou).to_have_attribute("data-lines", "12")
    page.locator("#group").select_option("config.lr")
    expect(page.locator(".legend-row")).to_have_count(4)
    strokes = "els => new Set(els.map((el) => el.getAttribute('stroke'))).size"
    assert iou.locator("[data-line]").evaluate_all(strokes) == 4, "each run has the colour of its group"
    page.get_by_text("Mean ± deviation").click()
    expect(iou).to_have_attribute("data-lines", "4")
    expect(iou.locator(".foot")).to_contain_text("4 means of 12 curves")
    assert parse_qs(urlsplit(page.url).query) | {"runs": []} == {
        "runs": [],
        "group": ["config.lr"],
        "draw": ["deviation"],
    }
    box = iou.locator(".plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    expect(iou.locator(".readout")).to_contain_text(re.compile("epoch .*mean of 3 runs.* to .*3 runs"))
    keep_picture(site, "compare-groups-dark")
    page.reload()
    expect(iou.locator(".foot")).to_contain_text("4 means of 12 curves")
    assert site.complaints == []


def test_config_differences_stand_apart_from_what_is_equal(site: Site) -> None:
    page = compare(site, 6)
    different = page.locator("#config-different")
    expect(different.locator("thead th")).to_have_text(["run", "batch_size.train", "lr", "optimizer.name"])
    expect(different.locator("tbody tr")).to_have_count(6)
    expect(page.locator("#config-count")).to_have_text("3 keys of 12 differ")
    page.get_by_text("9 equal keys").click()
    expect(page.locator("#config-same")).to_contain_text("input_size.width")
    assert site.complaints == []


def test_limits_full_screen_zoom_and_clipping_stand_in_the_address(site: Site) -> None:
    page = compare(site, 6, "&clip=1&log=1")
    expect(page.locator("#clip")).to_be_checked()
    loss = page.locator(".run-chart").first
    loss.get_by_role("button", name="Limits and files of loss").click()
    loss.get_by_label("Highest value of loss shown").fill("0.5")
    loss.get_by_label("Highest value of loss shown").press("Enter")
    expect(loss.locator(".foot")).to_contain_text("beyond the limits, not in the picture")
    expect(page).to_have_url(re.compile("y=loss%3A%3A0.5"))
    loss.get_by_role("button", name="Enlarge loss").click()
    expect(loss).to_have_class(re.compile("full"))
    expect(page).to_have_url(re.compile("full=loss"))
    loss.press("+")
    expect(page).to_have_url(re.compile("zoom="))
    expect(loss.locator(".foot")).not_to_contain_text("120 points")
    loss.press("Escape")
    expect(loss).not_to_have_class(re.compile("full"))
    assert site.complaints == []


def test_the_page_fits_on_a_phone(site: Site) -> None:
    page = compare(site, 6)
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    keep_picture(site, "compare-phone")


def test_an_address_without_runs_says_how_to_choose(site: Site) -> None:
    site.go("/compare?runs=77")
    expect(site.page.locator("#none")).to_contain_text("No runs chosen")
    expect(site.page.locator("#summary")).to_contain_text("1 more is unknown or in the trash: 77")
    site.go("/compare")
    expect(site.page.locator("#none")).to_be_visible()
    assert site.complaints == []


def test_a_hundred_runs_are_related_by_one_question_and_filtered_by_axes(site: Site) -> None:
    asked: list[str] = []
    site.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page = compare(site, 100)
    parallel = page.locator("#parallel svg")
    expect(page.locator("#scatter circle")).to_have_count(100)
    expect(parallel).to_have_attribute("data-lines", "100")
    assert asked.count("/api/runs/values") == 1
    parallel.scroll_into_view_if_needed()
    axis = page.get_by_role("slider", name="optimizer.name")
    axis.press("ArrowDown")  # from 0 to 0.9: all of adam, lion and sgd
    axis.press("Shift+ArrowDown")
    axis.press("Shift+ArrowDown")
    expect(page.locator("#brush-count")).to_have_text("67 of 100 runs")
    expect(parallel).to_have_attribute("data-lines", "67")
    expect(axis).to_have_attribute("aria-valuetext", "adam, lion")
    expect(page).to_have_url(re.compile("brush=config.optimizer.name"))
    page.get_by_text("The numbers as a table").click()
    expect(page.locator("#relation-table tbody tr")).to_have_count(100)
    expect(page.locator("#relation-table tr.out")).to_have_count(33)
    page.locator("#relation-table").scroll_into_view_if_needed()
    keep_picture(site, "compare-relations")
    page.reload()
    expect(page.locator("#brush-count")).to_have_text("67 of 100 runs")
    expect(page.locator(".run-chart[data-lines]")).to_have_count(2)  # nothing above grows any more
    axis.locator("rect").last.scroll_into_view_if_needed()
    box = axis.locator("rect").last.bounding_box()
    assert box
    page.mouse.click(box["x"] + 12, box["y"] + 60)
    expect(page.locator("#brush-count")).to_have_text("")
    page.mouse.move(box["x"] + 12, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, box["y"] + box["height"] * 0.3, steps=3)
    page.mouse.up()
    expect(axis).to_have_attribute("aria-valuetext", "sgd")
    expect(page.locator("#brush-count")).to_have_text("33 of 100 runs")
    page.get_by_role("button", name="Remove lr").click()
    expect(page.get_by_role("slider", name="lr", exact=False)).to_have_count(0)
    assert site.complaints == []


def test_a_chart_is_saved_as_it_is_drawn(site: Site) -> None:
    page = compare(site, 3, "&zoom=2,4&shown=not:1")
    iou = page.locator(".run-chart").nth(1)
    expect(iou).to_have_attribute("data-lines", "2")
    iou.get_by_role("button", name="Limits and files of mean_iou").click()
    files = {}
    for kind in ("CSV", "SVG", "PNG"):
        with page.expect_download() as saved:
            iou.get_by_role("button", name=f"Save mean_iou as {kind}").click()
        assert saved.value.suggested_filename == f"mean_iou.{kind.lower()}"
        files[kind] = saved.value.path().read_bytes()
    rows = files["CSV"].decode().splitlines()
    assert rows[0] == "series,kind,epoch,mean_iou"
    assert [row.split(",")[:3] for row in rows[1:]] == [
        [f"#{run} unet {run - 1}", "val", epoch] for run in (2, 3) for epoch in ("2", "3", "4")
    ]
    drawing = ElementTree.fromstring(files["SVG"])
    paths = [path.get("data-line") for path in drawing.iter("{http://www.w3.org/2000/svg}path")]
    assert paths == ["2 val", "3 val"]
    with Picture.open(io.BytesIO(files["PNG"])) as picture:
        assert picture.format == "PNG"
        assert picture.width == 2 * int(drawing.get("width", "0"))
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20
    for kind in ("CSV", "SVG", "PNG"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=f"Save scatter as {kind}").click()
        assert saved.value.suggested_filename == f"scatter.{kind.lower()}"
    assert site.complaints == []


def test_the_dialog_of_a_task_leads_to_the_page(site: Site) -> None:
    first, second = add_runs(site.store, site.library, 2)
    site.go(f"/tasks/{first}")
    page = site.page
    page.locator("#compare-open").click()
    page.locator(f'#compare-list [data-id="{second}"]').check()
    expect(page.locator("#compared")).to_contain_text("unet 1")
    page.get_by_role("link", name="Open as page").click()
    expect(page).to_have_url(re.compile(f"/compare\\?runs={first},{second}$"))
    expect(page.locator(".legend-row")).to_have_count(2)
    assert site.complaints == []

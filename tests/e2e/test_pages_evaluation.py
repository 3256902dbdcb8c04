"""The pages of evaluations: from a figure to its images, the slider, models side by side, the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from agent.domain import Project
from agent.library.evaluations import EvaluationRequest, Matching, evaluate
from tests.support.browser import Site, keep_picture, open_site
from tests.support.pictured_evaluation import evaluated, orchard

pytestmark = pytest.mark.chromium

IMAGES = 16
# Whether something is drawn in red: a missed object.
DRAWN = """
canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 40 && data[i] > 1.5 * data[i + 1]) return true;
  return false;
}
"""


@pytest.fixture(scope="module")
def whole(
    browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, tuple[Project, ...]]]:
    """Evaluation 1 is of a poor model, evaluation 2 of a better one."""
    for site in open_site(browser, tmp_path_factory.mktemp("evaluations")):
        truth, *predictions = orchard(site.store, site.artifacts, IMAGES)
        for made in predictions:
            evaluated(site.store, truth, made)
        yield site, (truth, *predictions)
        complaints = site.complaints
    assert complaints == []


@pytest.fixture
def site(whole: tuple[Site, tuple[Project, ...]]) -> Site:
    return whole[0]


def figure(page: Page, name: str) -> str:
    """The text of a headline figure."""
    return (
        page.locator("#headline .figure, #headline dl div").filter(has_text=re.compile(f"^{name}")).first.inner_text()
    )


def test_a_cell_of_the_confusion_matrix_leads_to_the_images_with_that_error(site):
    page = site.page
    site.go("/evaluations/1?section=detection")
    cell = page.get_by_role("link", name=re.compile("^apple, predicted pear: 4 "))
    cell.focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"truth=apple&predicted=pear"))
    expect(page.locator("#images-count")).to_have_text("4")
    expect(page.locator("#grid .tile-name")).to_have_text(["00002.png", "00006.png", "00010.png", "00014.png"])
    keep_picture(site, "evaluation")
    page.locator("#grid .tile").first.click()
    row = page.locator("#errors .object-row").filter(has_text="apple taken for pear")
    expect(row).to_have_count(1)
    expect(page.locator("#position")).to_have_text("1 of 4")
    expect(page.locator("#name")).to_have_text("00002.png")

    page.keyboard.press("n")
    expect(row).to_have_attribute("aria-pressed", "true")
    keep_picture(site, "evaluation-errors")
    page.keyboard.press("n")
    expect(page.locator("#name")).to_have_text("00006.png")
    expect(page.locator('#errors .object-row[aria-pressed="true"]')).to_contain_text("apple taken for pear")

    page.reload()
    expect(page.locator("#name")).to_have_text("00006.png")
    expect(page.locator("#errors-count")).to_have_text("1 error")


def test_the_slider_moves_figures_table_matrix_and_images(site):
    page = site.page
    site.go("/evaluations/1?section=detection")
    expect(page.locator("#kinds .chip").filter(has_text="Missed")).to_contain_text("8")
    before = {name: figure(page, name) for name in ("Recall", "Predictions", "AP")}
    page.locator("#confidence").fill("0.9")

    expect(page).to_have_url(re.compile("confidence=0.9"))
    expect(page.locator("#kinds .chip").filter(has_text="Missed")).not_to_contain_text("8 ")
    expect(page.locator("#confidence-value")).to_have_text("0.90")
    expect(page.locator("#headline")).not_to_contain_text(before["Recall"].split()[-1])
    assert figure(page, "Predictions") != before["Predictions"]
    assert figure(page, "AP") == before["AP"]
    missed = page.locator("#kinds .chip").filter(has_text="Missed").inner_text()
    page.reload()
    expect(page.locator("#kinds .chip").filter(has_text="Missed")).to_have_text(missed)
    expect(page.locator("#confidence-value")).to_have_text("0.90")
    page.locator("#best").click()
    expect(page.locator("#kinds .chip").filter(has_text="Missed")).to_contain_text("8")
    expect(page).not_to_have_url(re.compile("confidence="))


def test_a_bar_of_the_reliability_diagram_leads_to_the_images_with_wrong_tags_first(site):
    page = site.page
    site.go("/evaluations/1?section=tags")
    bars = page.locator(".plot-box a:has(.reliability-bar)")
    expect(bars.first).to_be_visible()
    told = re.search(r"([0-9.]+) to ([0-9.]+): (\d+) predictions?, (\d+)", bars.last.get_attribute("aria-label") or "")
    assert told
    bars.last.click()

    expect(page).to_have_url(re.compile(r"by=bar"))
    expect(page.locator("#chosen")).to_contain_text(f"confidence {told[1]} to {told[2]}")
    expect(page.locator("#grid .tile")).to_have_count(int(told[3]))
    expect(bars.last).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#grid .tile")).to_have_count(IMAGES)


def test_objects_of_a_size_leave_the_images_that_have_them(site):
    page = site.page
    site.go("/evaluations/1?section=detection")
    page.locator("#object").select_option("small")

    expect(page).to_have_url(re.compile("object=small"))
    expect(page.locator("#judged")).to_have_text("4 images")
    page.locator("#whole").click()
    expect(page.locator("#judged")).to_have_text(f"{IMAGES} images")


def test_two_models_side_by_side_show_where_each_is_better(site):
    page = site.page
    site.go("/evaluations")
    expect(page.locator("#rows tr")).to_have_count(2)
    for number in (1, 2):
        page.get_by_label(f"Choose evaluation {number}").check()
    page.get_by_role("link", name="Side by side").click()

    expect(page).to_have_url(re.compile(r"/evaluations/1\?with=2"))
    expect(page.locator("#headline .is-better").first).to_be_visible()
    expect(page.locator("#classes tr").filter(has_text="apple").locator(".is-better").first).to_be_visible()
    page.locator("#sections label").filter(has_text="Objects").click()
    expect(page.locator("#order")).to_contain_text("Better there first")
    expect(page.locator("#grid .tile").first.locator(".change")).to_have_class(re.compile("is-better"))
    expect(page.locator("#grid .tile-name").first).to_have_text("00005.png")
    keep_picture(site, "evaluation-beside")
    page.locator("#order").select_option("best")
    expect(page.locator("#grid .tile").first.locator(".change")).not_to_have_class(re.compile("is-better"))


def test_the_report_opens_without_a_network(site, browser: BrowserContext, tmp_path: Path):
    answer = browser.request.get(site.server.url + "/api/evaluations/1/export?format=html")
    assert answer.ok
    file = tmp_path / "report.html"
    file.write_bytes(answer.body())
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    browser.set_offline(True)
    try:
        page.goto(file.as_uri())
        expect(page.get_by_role("heading", level=1)).to_have_text("guesses against orchard")
        expect(page.locator("svg[role=img]").first).to_be_visible()
        page.locator(".images img").first.scroll_into_view_if_needed()
        page.wait_for_function("document.querySelector('.images img').naturalWidth > 100")
    finally:
        browser.set_offline(False)
        page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_gallery_tiles_show_what_became_of_the_objects(site):
    page = site.page
    site.go("/evaluations/1?section=detection&kind=missed")
    canvas = page.locator("#grid canvas").first
    canvas.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, arg=canvas.element_handle())
    page.locator("#lists button").filter(has_text="Objects").click()
    expect(page.locator("#objects tbody tr")).to_have_count(8)
    page.locator("#objects tbody a").first.click()
    expect(page.locator('#errors .object-row[aria-pressed="true"]')).to_contain_text("Missed")


def test_one_that_waits_says_so_and_one_that_failed_says_why(site, whole):
    truth, guesses, _ = whole[1]
    page = site.page
    asked = EvaluationRequest(truth=truth.id, predictions=guesses.id, matching=Matching(mapping={"apple": "pear"}))
    waiting = evaluate(site.store, asked)
    site.go(f"/evaluations/{waiting.id}")
    expect(page.locator("#under-way-text")).to_contain_text("In the queue")

    assert site.store.evaluations.control(waiting.id, "me", {}, instead_of=None)
    site.store.evaluations.fail(waiting.id, "me", "The disk is full; make room and evaluate again.")
    expect(page.locator("#failed-reason")).to_have_text("The disk is full; make room and evaluate again.")

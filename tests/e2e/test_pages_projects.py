"""The pages of projects in a real browser: search, labels at their place, predictions beside the ground truth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from agent import library
from agent.domain import NewTask, TaskType
from plugin_example.samples.fruit import CARD, write_fruit
from tests.support.browser import DESK, PHONE, keep_picture
from tests.support.labeled_project import HOSTILE, PREDICTED, add, annotation, fields, predictions

pytestmark = pytest.mark.chromium

# The colour at the middle of a pixel of the fitted image, on the canvas of a pane.
PIXEL = """
([pane, x, y]) => {
  const {width, height} = document.querySelectorAll(".pane")[pane].getBoundingClientRect();
  const canvas = document.querySelectorAll(".pane canvas")[pane];
  const gap = Math.min(16, width / 20);
  const scale = Math.min((width - 2 * gap) / 80, (height - 2 * gap) / 60, 8);
  const left = (width - 80 * scale) / 2 + (x + 0.5) * scale;
  const top = (height - 60 * scale) / 2 + (y + 0.5) * scale;
  const copy = new OffscreenCanvas(1, 1).getContext("2d");
  copy.drawImage(canvas, -Math.floor(devicePixelRatio * left), -Math.floor(devicePixelRatio * top));
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
"""
# For each pane, the position on its middle line at which the image begins.
BEGINS = """
() => [...document.querySelectorAll(".pane canvas")].map((canvas) => {
  const copy = new OffscreenCanvas(canvas.width, 1).getContext("2d");
  copy.drawImage(canvas, 0, -Math.floor(canvas.height / 2));
  const {data} = copy.getImageData(0, 0, canvas.width, 1);
  return data.findIndex((value, i) => i % 4 === 3 && value === 255) >> 2;
})
"""
GREY = [90, 90, 90]


@pytest.fixture
def at(site):
    """Opens a page of the viewer and waits for the image; gives the pixel reader."""

    def go(path: str):
        site.page.emulate_media(color_scheme="light")
        site.page.set_viewport_size(DESK)
        site.go(path)
        drawn(site)
        return lambda x, y, pane=0: site.page.evaluate(PIXEL, [pane, x, y])

    return go


def drawn(site) -> None:
    expect(site.page.locator("#position")).not_to_be_empty()
    expect(site.page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    site.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def is_tinted(colour: list[int], channel: int) -> bool:
    return colour[channel] > 120 and all(value < 80 for i, value in enumerate(colour) if i != channel)


def test_overlays_are_drawn_where_the_labels_say(site, at):
    project = fields(site.store, site.artifacts)
    pixel = at(f"/projects/{project.id}/images")

    assert is_tinted(pixel(8, 7), 0), "inside of the mask"
    assert pixel(14, 10) == GREY, "in the mask's hole"
    assert pixel(28, 8) == GREY, "beside the mask"
    assert is_tinted(pixel(44, 8), 1), "inside of the polygon"
    assert pixel(55, 15) == GREY, "in the polygon's hole"
    assert is_tinted(pixel(6, 31), 2), "the rectangle's first corner"
    assert is_tinted(pixel(23, 48), 2), "the rectangle's last corner"
    assert pixel(26, 48) == GREY, "beside the rectangle"
    line = pixel(55, 40)
    assert line[0] > 150, "on the line"
    assert line[2] > 150, "on the line"
    assert pixel(60, 52)[1] > 150, "on the point"
    assert site.complaints == []


def test_classes_are_toggled_and_opacity_slides(site, at):
    project = fields(site.store, site.artifacts)
    pixel = at(f"/projects/{project.id}/images")
    site.page.get_by_role("checkbox", name="leaf").uncheck()
    drawn(site)
    assert pixel(8, 7) == GREY
    assert is_tinted(pixel(44, 8), 1)
    site.page.get_by_label("Opacity").fill("1")
    drawn(site)
    assert pixel(44, 8) == [0, 255, 0]
    site.page.get_by_role("button", name="None").click()
    drawn(site)
    assert pixel(44, 8) == GREY
    site.page.get_by_role("button", name="All").click()
    site.page.keyboard.press("h")
    drawn(site)
    assert pixel(44, 8) == GREY
    site.page.keyboard.press("h")
    drawn(site)
    assert pixel(44, 8) == [0, 255, 0]
    assert site.complaints == []


def test_predictions_stand_beside_the_ground_truth(site, at):
    project = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, project)
    site.go(f"/tasks/{made.task_id}")
    site.page.get_by_role("link", name="predictions over ground truth").click()
    drawn(site)
    pixel = at(site.page.url.removeprefix(site.server.url))

    expect(site.page.locator(".pane-title:visible")).to_have_text(
        ["Ground truth · Fields", "Predictions · Fields, seen"]
    )
    assert is_tinted(pixel(20, 7), 0), "the leaf's right half is labelled"
    assert pixel(20, 7, 1) == GREY, "and was not found"
    assert is_tinted(pixel(8, 7, 1), 0)
    leaf = site.page.locator(".class-row", has_text="leaf")
    expect(leaf.locator(".n")).to_have_text("1 / 1")
    site.page.get_by_role("checkbox", name="leaf").uncheck()
    drawn(site)
    assert pixel(8, 7) == GREY
    assert pixel(8, 7, 1) == GREY, "one box rules both sides"
    assert site.complaints == []


def test_both_sides_zoom_and_move_together(site, at):
    project = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, project)
    at(f"/projects/{project.id}/images?with={made.id}")
    right = site.page.locator(".pane canvas").nth(1)
    before = site.page.locator("#zoom-value").inner_text()
    right.hover()
    site.page.mouse.wheel(0, -600)
    expect(site.page.locator("#zoom-value")).not_to_have_text(before)
    site.page.keyboard.press("0")
    expect(site.page.locator("#zoom-value")).to_have_text(before)
    start = site.page.evaluate(BEGINS)
    site.page.keyboard.press("Shift+ArrowLeft")
    drawn(site)

    assert start[0] == start[1]
    assert site.page.evaluate(BEGINS) == [start[0] + 60, start[1] + 60]
    assert site.complaints == []


def test_swipe_and_difference_show_both_in_one(site, at):
    project = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, project)
    pixel = at(f"/projects/{project.id}/images?with={made.id}")
    site.page.get_by_text("Difference", exact=True).click()
    leaf, box = (site.page.locator(".class-row", has_text=title) for title in ("leaf", "box"))
    expect(leaf.locator(".iou")).to_have_text("0.49")  # 96 of 196 pixels: the hole was missed
    expect(box.locator(".iou")).to_have_text("–")  # the model knows no boxes
    drawn(site)
    expect(site.page.locator(".pane")).to_have_count(1)
    agree, missed, extra = pixel(8, 7), pixel(20, 7), pixel(55, 15)
    assert agree[1] > agree[0] + 30, "green where both see the leaf"
    assert missed[0] > missed[1] + 30, "red where it was missed"
    assert extra[2] > extra[0] + 30, "blue where the plot's hole was filled"
    assert pixel(10, 40) == GREY, "classes the model does not know are not held against it"
    site.page.get_by_text("Swipe", exact=True).click()
    site.page.get_by_role("slider", name="Where ground truth ends").fill("0")
    drawn(site)
    assert is_tinted(pixel(55, 15), 1), "all predictions"
    site.page.get_by_role("slider", name="Where ground truth ends").fill("1")
    drawn(site)
    assert pixel(55, 15) == GREY, "all ground truth"
    assert "mode=swipe" in site.page.url
    assert site.complaints == []


def test_arrow_keys_lead_through_the_images_that_were_chosen(site):
    project = fields(site.store, site.artifacts)
    site.go(f"/projects/{project.id}")
    site.page.locator("button.stat", has_text="leaf").click()
    expect(site.page.locator(".tile")).to_have_count(2)
    site.page.locator(".tile").first.click()
    expect(site.page.locator("#position")).to_have_text("1 of 2")
    site.page.keyboard.press("ArrowRight")
    expect(site.page.locator("#position")).to_have_text("2 of 2")
    expect(site.page.locator("#dataset")).to_have_text("south")
    expect(site.page.get_by_role("button", name="Next image")).to_be_disabled()
    site.page.reload()
    expect(site.page.locator("#position")).to_have_text("2 of 2")
    site.page.keyboard.press("ArrowLeft")
    expect(site.page.locator("#position")).to_have_text("1 of 2")
    expect(site.page.locator("#tags")).to_contain_text("light: dim")
    assert site.complaints == []


def test_annotations_from_strangers_break_nothing(site, at):
    images = {
        "ds": {"a.png": annotation(HOSTILE), "b.png": '{"objects": 5, "tags": {}}', "c.png": annotation(PREDICTED)}
    }
    project = add(site.store, site.artifacts, "<b>Strange</b>", images)
    pixel = at(f"/projects/{project.id}/images")

    expect(site.page.locator("#stage-note")).to_contain_text("cannot be read")
    expect(site.page.locator("#objects")).to_contain_text("<img src=x onerror=alert(1)>")
    assert pixel(1, 50)[2] > 120, "what can be read is drawn"
    site.page.keyboard.press("ArrowRight")
    expect(site.page.locator("#objects")).to_contain_text("No objects")
    site.page.keyboard.press("ArrowRight")
    expect(site.page.locator("#objects .object-row")).to_have_count(2)
    site.go(f"/projects/{project.id}")
    expect(site.page.locator("#classes")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(site.page.locator(".tile")).to_have_count(3)
    assert site.complaints == []


def test_a_broken_annotation_is_named_on_the_page(site, at):
    project = add(site.store, site.artifacts, "Cut", {"ds": {"a.png": '{"objects": ['}})
    at(f"/projects/{project.id}/images")

    expect(site.page.locator("#stage-note")).to_contain_text("is not a JSON object")
    expect(site.page.locator("#objects")).to_contain_text("cannot be read")


DIES_AT_A_COMPARISON = """
const own = scope.onmessage;
scope.onmessage = (event) => {
  if (event.data.kind === "compare") setTimeout(() => { throw new Error("out of memory"); });
  else own(event);
};
"""


def test_a_worker_of_pixels_that_dies_is_said_and_started_again(site, at):
    truth = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, truth)
    served = site.page.request.get(f"{site.server.url}/assets/pixel_worker.js").text()
    worker = "**/pixel_worker.js"
    site.page.route(worker, lambda route: route.fulfill(content_type="text/javascript", body="throw new Error()"))
    pixel = at(f"/projects/{truth.id}/images")
    note, again = site.page.locator("#stage-note"), site.page.get_by_role("button", name="Read it again")
    expect(note).to_contain_text("The browser has ended the worker")
    assert pixel(8, 7) == GREY, "the mask is not read"
    assert is_tinted(pixel(44, 8), 1), "what needs no worker is drawn"

    def dying(route):
        route.fulfill(content_type="text/javascript", body=served + DIES_AT_A_COMPARISON)

    site.page.unroute(worker)
    site.page.route(worker, dying)
    again.click()
    expect(note).to_be_hidden()
    drawn(site)
    assert is_tinted(pixel(8, 7), 0)

    site.page.locator("#with").select_option(str(made.id))
    drawn(site)
    site.page.get_by_text("Difference", exact=True).click()
    expect(note).to_contain_text("The browser has ended the worker")
    expect(site.page.locator("#comparing")).to_be_hidden()
    leaf = site.page.locator(".class-row", has_text="leaf").locator(".iou")
    expect(leaf).to_have_text("–")

    site.page.unroute(worker)
    again.click()
    expect(note).to_be_hidden()
    expect(leaf).to_have_text("0.49")


def test_a_long_project_is_loaded_as_one_scrolls(site):
    names = {f"{i:04d}.png": annotation([]) for i in range(150)}
    project = add(site.store, site.artifacts, "Long", {"ds": names})
    site.page.set_viewport_size(DESK)
    site.go(f"/projects/{project.id}")
    expect(site.page.locator("#images-count")).to_have_text("60 of 150")
    site.page.mouse.move(400, 600)
    site.page.mouse.wheel(0, 4000)
    expect(site.page.locator(".tile")).to_have_count(120)
    site.page.get_by_role("searchbox").fill("0149")
    expect(site.page.locator(".tile")).to_have_count(1)
    expect(site.page.locator("#images-count")).to_have_text("1")
    assert site.complaints == []


@pytest.fixture(scope="module")
def fruit_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "Fruit on the table"
    write_fruit(folder, images=10)
    return folder


def seen(folder: Path, into: Path) -> Path:
    """Predictions of an inaccurate model: slightly moved, without price cards and without every seventh fruit."""
    shutil.copytree(folder, into)
    meta = json.loads((into / "meta.json").read_text())
    meta["classes"] = [one | {"title": f"{one['title']}_nn"} for one in meta["classes"] if one["title"] != CARD]
    (into / "meta.json").write_text(json.dumps(meta))
    number = 0
    for file in sorted(into.glob("*/ann/*.json")):
        ann = json.loads(file.read_text())
        found = [label for label in ann["objects"] if label["classTitle"] != CARD]
        ann["objects"] = []
        for label in found:
            number += 1
            if number % 7 == 0:
                continue
            label["classTitle"] += "_nn"
            if "bitmap" in label:
                label["bitmap"]["origin"][0] += 3
            else:
                label["points"]["exterior"] = [[x - 3, y + 2] for x, y in label["points"]["exterior"]]
            ann["objects"].append(label)
        file.write_text(json.dumps(ann))
    return into


@pytest.mark.parametrize(("scheme", "viewport"), [("light", DESK), ("dark", DESK), ("light", PHONE)])
def test_the_pages_look_finished(site, fruit_folder, tmp_path, scheme, viewport):
    project = library.add_project(site.store, site.artifacts, fruit_folder)
    new = NewTask(TaskType.INFERENCE, "Seen", site.library.plugin_id, project.id, site.library.model_id, {})
    task = site.store.tasks.add(new)
    made = library.add_project(
        site.store,
        site.artifacts,
        seen(fruit_folder, tmp_path / "seen"),
        "Fruit, as the U-Net sees it",
        task_id=task.id,
    )
    site.page.emulate_media(color_scheme=scheme)
    site.page.set_viewport_size(viewport)
    suffix = f"{'' if scheme == 'light' else '-dark'}{'' if viewport is DESK else '-phone'}"
    viewer = f"/projects/{project.id}/images?with={made.id}"
    for name, path in [("projects", "/projects"), ("project", f"/projects/{project.id}"), ("predictions", viewer)]:
        site.go(path)
        site.page.wait_for_load_state("networkidle")
        site.page.wait_for_function("document.fonts.status === 'loaded'")
        if name == "predictions":
            drawn(site)
        is_wider = site.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not is_wider, f"{name} is wider than the window"
        keep_picture(site, f"{name}{suffix}")
    assert site.complaints == []

"""Predictions beside the ground truth, pixel by pixel: exact, asked for, and never in the way of the page."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

import supervisely_lib as sly
from agent.domain import NewTask, Project, TaskType
from tests.support.browser import DESK, Site, keep_picture
from tests.support.labeled_project import add, annotation, bitmap, shape

pytestmark = pytest.mark.chromium

SIZE = (230, 170)
SHAPES = ["bitmap", "polygon", "rectangle", "polygon", "bitmap", "any", "line", "polygon", "rectangle", "bitmap"]
CLASSES = [f"class {i}" for i in range(len(SHAPES))]
APART, EMPTY, UNKNOWN = CLASSES[2], CLASSES[6], CLASSES[9]


def meta(titles: dict[str, str]) -> dict[str, Any]:
    """The meta of classes, title → shape."""
    classes = [{"title": t, "shape": s, "color": "#3366CC", "geometry_config": {}} for t, s in titles.items()]
    return {"classes": classes, "tags": []}


def labels(rng: random.Random, kind: str, title: str) -> list[dict[str, Any]]:
    """A few labels of the class, within the image."""

    def corners(count: int) -> list[list[int]]:
        return [[rng.randrange(SIZE[0]), rng.randrange(SIZE[1])] for _ in range(count)]

    made = []
    for _ in range(rng.randint(1, 3)):
        match rng.choice(["bitmap", "polygon"]) if kind == "any" else kind:
            case "bitmap":
                (x, y), (width, height) = corners(1)[0], (rng.randint(9, 90), rng.randint(9, 90))
                one = bitmap(title, x // 2, y // 2, width, height, hole=(2, 3, rng.randint(4, 9), 8))
            case "polygon":
                one = shape(
                    title, corners(rng.randint(3, 9)), [corners(rng.randint(1, 5)) for _ in range(rng.randint(0, 2))]
                )
            case "rectangle":
                one = shape(title, corners(2))
            case _:
                one = shape(title, corners(3))
        made.append(one | ({"geometryType": "bitmap" if "bitmap" in one else "polygon"} if kind == "any" else {}))
    return made


def pixels(objects: list[dict[str, Any]], title: str, known: dict[str, Any]) -> np.ndarray:
    """What a plugin takes for the pixels of the class: a bool for each pixel of the image."""
    read = sly.Annotation.from_json(
        {"size": {"width": SIZE[0], "height": SIZE[1]}, "objects": objects, "tags": []},
        sly.ProjectMeta.from_json(known),
    )
    drawn = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    for label in read.labels:
        if label.obj_class.name == title and label.obj_class.geometry_type is not sly.Polyline:
            label.draw(drawn, 1)
    return drawn.astype(bool)


def predicted(
    site: Site, project: Project, objects: list[Any], known: dict[str, Any], suffix: str, **size: Any
) -> Project:
    mode = {"name": "full_image", "model_classes": {"save_classes": "__all__", "add_suffix": suffix}}
    new = NewTask(TaskType.INFERENCE, "Seen", site.library.plugin_id, project.id, site.library.model_id, {"mode": mode})
    task = site.store.tasks.add(new)
    images = {"ds": {"a.png": annotation(objects, **size), "b.png": annotation([], **size)}}
    return add(site.store, site.artifacts, "Seen", images, meta=known, task_id=task.id, **size)


def test_every_class_has_the_areas_and_the_overlap_that_numpy_counts(site):
    """The result keeps the labels of its input and has regions too, as with the official modes of inference."""
    rng = random.Random(7)
    truth_meta = meta(dict(zip(CLASSES, SHAPES, strict=True)))
    seen = {f"{t}_nn": s for t, s in zip(CLASSES, SHAPES, strict=True) if t != UNKNOWN}
    seen_meta = meta({**dict(zip(CLASSES, SHAPES, strict=True)), **seen, "class 0_input_bbox": "rectangle"})
    truth = [one for t, s in zip(CLASSES, SHAPES, strict=True) if t != APART for one in labels(rng, s, t)]
    truth.append(shape(APART, [[0, 0], [9, 9]]))
    found = [one for t, s in seen.items() if t != f"{APART}_nn" for one in labels(rng, s, t)]
    found += [shape(f"{APART}_nn", [[100, 100], [120, 110]]), shape("class 0_input_bbox", [[0, 0], [200, 150]])]
    images = {"ds": {"a.png": annotation(truth, size=SIZE), "b.png": annotation([], size=SIZE)}}
    project = add(site.store, site.artifacts, "Truth", images, meta=truth_meta, size=SIZE)
    made = predicted(site, project, truth + found, seen_meta, "_nn", size=SIZE)
    page = site.page
    site.go(f"/projects/{project.id}/images?with={made.id}")
    expect(page.locator("#objects-count")).to_have_text(str(len(truth) + len(found)))  # what was kept counts once
    expect(page.locator(".iou")).to_have_count(0)  # nobody has asked
    page.get_by_role("button", name="Difference").click()
    expect(page.locator("#comparing")).to_be_hidden()

    def row(title: str) -> Any:
        return page.locator(f'.class-row[data-title="{title}"]')

    for title in CLASSES:
        mine, theirs = pixels(truth, title, truth_meta), pixels(found, f"{title}_nn", seen_meta)
        both, missed, extra = (mine & theirs).sum(), (mine & ~theirs).sum(), (theirs & ~mine).sum()
        text = f"{both:,} both · {missed:,} missed · {extra:,} extra"
        iou = f"{both / max(1, both + missed + extra):.2f}"
        if title == UNKNOWN:
            text, iou = "not compared: not among the predicted classes", "–"
        if title == EMPTY:
            text, iou = "no pixel on either side", "–"
        expect(row(title).locator(".areas"), title).to_have_text(text)
        expect(row(title).locator(".iou"), title).to_have_text(iou)
    assert row(APART).locator(".iou").inner_text() == "0.00"
    keep_picture(site, "difference")
    numbers = [sum(one["classTitle"] == t for one in truth + found) for t in ("class 0", "class 0_nn")]
    expect(row("class 0").locator(".n")).to_have_text(f"{numbers[0]} / {numbers[1]}")

    page.get_by_role("searchbox", name="Find a class").fill("7 CLASS")
    expect(page.locator(".class-row[data-title]:visible")).to_have_count(1)
    page.get_by_role("button", name="None").click()
    expect(page.get_by_role("checkbox", name="class 7")).not_to_be_checked()
    page.get_by_role("searchbox", name="Find a class").fill("")
    expect(page.get_by_role("checkbox", checked=False)).to_have_count(1)

    page.get_by_role("button", name="Swipe").click()
    page.keyboard.press("ArrowRight")  # the focus is on the mode: arrows lead to other images nevertheless
    expect(page.locator("#name")).to_have_text("b.png")
    expect(page.get_by_role("button", name="Swipe")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#name")).to_have_text("a.png")
    assert "mode=swipe" in page.url
    assert site.complaints == []


# What a person may notice while pixels are compared: texts of progress, each with the number of frames drawn before it.
WATCH = """
() => {
  window.seen = [];
  window.frames = 0;
  new MutationObserver(() => window.seen.push([document.getElementById("comparing-text").textContent, window.frames]))
    .observe(document.getElementById("comparing-text"), {childList: true, characterData: true, subtree: true});
  const frame = () => { window.frames += 1; requestAnimationFrame(frame); };
  frame();
}
"""


def test_a_large_image_with_many_classes_is_compared_beside_the_page(site):
    """24 megapixels and 80 classes: frames are drawn meanwhile, leaving the image ends the work."""
    size = (6000, 4000)
    titles = [f"class {i}" for i in range(80)]
    ring = [[0, 0], [5999, 100], [5800, 3999], [50, 3900]]
    known = meta(dict.fromkeys(titles, "polygon"))
    images = {"a.png": annotation([shape(t, ring) for t in titles[:60]], size=size), "b.png": annotation([], size=size)}
    project = add(site.store, site.artifacts, "Large", {"ds": images}, meta=known, size=size)
    made = predicted(site, project, [shape(titles[0], ring)], known, "", size=size)
    page = site.page
    page.set_viewport_size(DESK)
    site.go(f"/projects/{project.id}/images?with={made.id}")
    expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    assert len(page.workers) == 0, "nothing is compared before somebody asks"
    page.evaluate(WATCH)
    page.get_by_role("button", name="Difference").click()
    expect(page.locator("#comparing-text")).to_have_text(re.compile(r"[4-9] of 60 classes"))
    assert len(page.workers) == 1
    texts, frames = zip(*page.evaluate("window.seen"), strict=True)
    assert len(set(texts)) >= 4
    assert frames[-1] > frames[0], "no frame was drawn between two classes"
    page.keyboard.press("ArrowRight")
    expect(page.locator("#position")).to_have_text("2 of 2")
    expect(page.locator("#comparing")).to_be_hidden()
    expect(page.locator(".class-row .areas", has_text="no pixel on either side")).to_have_count(80)
    for _ in range(200):  # the browser tells of the worker's end a little later
        if not page.workers:
            break
        page.wait_for_timeout(50)
    assert len(page.workers) == 0, "the work for the image that was left goes on"
    assert site.complaints == []

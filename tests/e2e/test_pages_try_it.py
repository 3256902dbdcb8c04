"""The page that asks a deployed model, in a real browser: both examples, trained here, served by the process engine."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from plugin_example.samples.fruit import write_fruit
from plugin_example.samples.model import write_empty_model
from tests.support.browser import DESK, PICTURES, listen_for_complaints
from tests.support.example_runs import DETECTION, SEGMENTATION
from tests.support.inputs import SERVED, Cli, write_model, write_project

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(300)]

# A number for what a pane shows.
SEEN = """
(number) => {
  const canvas = document.querySelectorAll(".pane canvas")[number];
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 2]) % 2147483647;
  return sum;
}
"""


@pytest.fixture(params=[SEGMENTATION, DETECTION], ids=["segmentation", "detection"])
def trained(request, tmp_path) -> Cli:
    """An installation in which task 1 has trained the example for an epoch; its project has 16 images."""
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    write_fruit(tmp_path / "fruit", 16, 7)
    write_empty_model(tmp_path / "empty")
    small = ("--set", "epochs=1", "--set", "val_every=1", "--set", "data_workers=0", "--set", "log_images=0")
    cli.run(
        "submit-train", "--plugin", request.param, "--project", tmp_path / "fruit", "--model", tmp_path / "empty",
        "--name", "fruit net", *small,
    )  # fmt: skip
    return cli


@pytest.fixture
def page(browser, trained):
    """A page of the running installation, logged in; and where it is."""
    process = trained.start("up", "--port", "0")
    page = browser.new_page()
    complaints: list[str] = []
    listen_for_complaints(page, complaints)
    try:
        said: list[str] = []
        while not (said and (found := re.match(r"open (http\S+)", said[-1]))):
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        page.set_viewport_size(DESK)
        page.goto(found[1])
        yield page
        assert [one for one in complaints if "422" not in one] == []  # the browser tells of each refusal
    finally:
        page.close()
        for task in trained.json("task", "list"):
            if task["status"] == "deployed":  # it would go on without its agent
                trained.run("task", "stop", task["id"])
                trained.run("task", "wait", task["id"], code=None)
        process.terminate()
        process.communicate(timeout=60)


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"try-it-{name}.png")


def answered(page: Page) -> None:
    expect(page.locator("#times")).to_contain_text("model")
    expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#stage-note")).to_be_hidden()


def test_a_model_is_started_asked_in_each_mode_compared_and_stopped(page, trained, tmp_path, request):
    models = trained.json("model", "list")
    model = next(one["id"] for one in models if one["name"] == "fruit net")
    root = page.url.partition("/tasks")[0]
    page.goto(f"{root}/models/{model}")
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_text("not started")).to_be_visible()
    no_gpu = page.get_by_text("No machine whose agent runs has a GPU.")
    choice = page.get_by_role("combobox", name="GPU", exact=True)
    expect(no_gpu.or_(choice)).to_be_visible()
    photo = next((tmp_path / "fruit").rglob("*.jpg"), None) or next((tmp_path / "fruit").rglob("*.png"))
    page.set_input_files("#files", photo)
    expect(page.locator("#said")).to_have_text("Start the model to see what it predicts.")

    page.get_by_role("button", name="Start the model").click()
    expect(page.locator(".deployment .status")).to_have_text("deployed", timeout=90_000)
    answered(page)  # by itself: an image was chosen already
    is_segmenting = "segmentation" in request.node.name
    if is_segmenting:
        expect(page.locator("#classes .class-row")).not_to_have_count(0)
    before = page.evaluate(SEEN, 0)
    picture(page, f"{request.node.callspec.id}-whole")

    page.get_by_role("button", name="Region").click()
    expect(page.locator("#said")).to_have_text("Draw the region on the image.")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    page.mouse.up()
    answered(page)
    assert '"roi"' in page.locator("#mode").input_value()
    left, right = (int(page.locator(f"#bound-{side}").input_value()) for side in ("left", "right"))
    assert 0 < left < right
    assert not is_segmenting or page.evaluate(SEEN, 0) != before  # a detector of one epoch finds nothing
    picture(page, f"{request.node.callspec.id}-region")

    page.get_by_role("button", name="Sliding window").click()
    answered(page)
    assert '"sliding_window' in page.locator("#mode").input_value()

    page.get_by_label("Config of the mode, JSON").fill('{"name": "no_such_mode"}')
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#stage-note")).to_contain_text("no_such_mode")  # in the plugin's words
    page.get_by_label("Config of the mode, JSON").fill("{")
    expect(page.locator("#mode-said")).to_contain_text("no JSON object")
    page.get_by_role("button", name="As chosen above").click()
    page.get_by_role("button", name="Whole image").click()
    answered(page)

    page.get_by_label("From a project").select_option(label="fruit")
    expect(page.locator("#offered button")).to_have_count(16)
    shown = page.locator("#offered button").nth(3).get_attribute("aria-label")
    page.locator("#offered button").nth(3).click()
    expect(page.locator("#program")).to_contain_text(str(shown))
    answered(page)
    expect(page.locator("#chosen button")).to_have_count(2)
    (tmp_path / "broken.png").write_bytes(b"no image")
    page.set_input_files("#files", tmp_path / "broken.png")
    expect(page.locator("#toasts")).to_contain_text("broken.png is no image that this browser can show.")
    page.get_by_label("Keep it in project").fill("kept here")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Kept in project kept here.")
    kept = next(one for one in trained.json("project", "list") if one["name"] == "kept here")
    assert kept["images_count"] == 1
    page_of_kept = page.request.get(f"{root}/api/projects/{kept['id']}/images").json()
    assert [one["name"] for one in page_of_kept["items"]] == [shown]  # what was asked about, not what was chosen last
    page.get_by_label("At least this sure").fill("1")
    if not is_segmenting:
        expect(page.locator("#predictions-count")).to_contain_text("0")
    page.get_by_label("Compare with another model").select_option(index=1)
    expect(page.locator(".pane")).to_have_count(2)
    picture(page, f"{request.node.callspec.id}-beside")

    page.locator(".deployment", has=page.get_by_text("fruit net", exact=True)).first.get_by_role(
        "button", name="Stop"
    ).click()
    expect(page.locator(".deployment").first).to_contain_text("not started")
    expect(page.get_by_role("button", name="Predict")).to_be_disabled()


def test_a_model_that_cannot_be_built_says_why(browser, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    assert Path(SEGMENTATION).is_dir()
    write_empty_model(tmp_path / "empty")
    cli.run("plugin", "add", SEGMENTATION)
    cli.run("model", "add", tmp_path / "empty", "--plugin", "1")
    process = cli.start("up", "--port", "0")
    page = browser.new_page()
    assert process.stderr is not None
    try:
        while not (found := re.match(r"open (http\S+)", process.stderr.readline())):
            assert process.poll() is None
        page.goto(found[1])
        page.goto(page.url.partition("/tasks")[0] + "/models/1/try")
        page.get_by_role("button", name="Start the model").click()
        expect(page.locator(".deployment")).to_contain_text("It ended", timeout=90_000)
        expect(page.get_by_role("button", name="Start again")).to_be_visible()
    finally:
        page.close()
        process.terminate()
        process.communicate(timeout=60)


def test_what_happens_to_a_model_is_seen_in_every_tab(browser, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    photo = write_project(tmp_path / "project") / "ds0" / "img" / "im0_0.png"
    cli.run("plugin", "add", SERVED)
    cli.run("model", "add", write_model(tmp_path / "start"), "--plugin", "1")
    process = cli.start("up", "--port", "0")
    mine, other = browser.new_page(), browser.new_page()
    assert process.stderr is not None
    try:
        while not (found := re.match(r"open (http\S+)", process.stderr.readline())):
            assert process.poll() is None
        mine.goto(found[1])
        for tab in (mine, other):
            tab.goto(mine.url.partition("/tasks")[0].partition("/models")[0] + "/models/1/try")
            tab.set_input_files("#files", photo)
        mine.get_by_role("button", name="Start the model").click()
        for tab in (mine, other):
            expect(tab.locator(".deployment .status")).to_have_text("deployed", timeout=60_000)
            answered(tab)
        assert len(cli.json("task", "list")) == 1

        other.get_by_role("button", name="Stop").click()
        for tab in (mine, other):
            expect(tab.locator(".deployment")).to_contain_text("not started", timeout=20_000)
            expect(tab.get_by_role("button", name="Predict")).to_be_disabled()

        other.get_by_role("button", name="Start again").click()
        for tab in (mine, other):
            expect(tab.locator(".deployment .status")).to_have_text("deployed", timeout=60_000)
        container = cli.json("task", "show", 2)["container_id"]
        watcher = psutil.Process(int((cli.home / "processes" / container / "pid").read_text()))
        for child in watcher.children(recursive=True):
            child.kill()
        for tab in (mine, other):
            expect(tab.locator(".deployment")).to_contain_text("It ended: the plugin", timeout=20_000)
            expect(tab.get_by_role("button", name="Start again")).to_be_visible()
            expect(tab.get_by_role("button", name="Predict")).to_be_disabled()
    finally:
        mine.close()
        other.close()
        for task in cli.json("task", "list"):
            if task["status"] == "deployed":  # it would go on without its agent
                cli.run("task", "stop", task["id"])
                cli.run("task", "wait", task["id"], code=None)
        process.terminate()
        process.communicate(timeout=60)

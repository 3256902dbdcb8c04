"""Models, plugins, the upload and the new task in a real browser; and a real training driven from it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Dialog, expect

from agent.artifacts import open_artifacts
from agent.domain import NewModel, NewTask, Provenance, TaskType
from agent.settings import Settings
from agent.store import open_store
from tests.support.browser import COUNT_PIXELS, DESK, PHONE, canvas_of, keep_picture, listen_for_complaints
from tests.support.demo_store import CONFIG, fill, finish, new_task, start, state_tar, tar_bytes, train
from tests.support.inputs import ODD, write_project
from tests.support.web_server import TOKEN, Server

pytestmark = pytest.mark.chromium

NESTED = tar_bytes(**{"model/config.json": b"{}", "model/model.pt": b"weights"})


def tar_file(name, data):
    return {"name": name, "mimeType": "application/x-tar", "buffer": data}


def trained(site, name, *, model_id=None, epochs=2, seed=1):
    library = site.library
    new = NewTask(TaskType.TRAIN, name, library.plugin_id, library.project_id, model_id or library.model_id, CONFIG)
    story = start(site.store, site.store.tasks.add(new))
    train(story, site.artifacts, epochs=epochs, seed=seed)
    return story


@pytest.fixture
def up(cli, tmp_path):
    """`agent up`, once per engine, with the odd plugin and a project; the link that logs in."""
    cli.run("plugin", "add", ODD)
    cli.run("project", "add", write_project(tmp_path / "leaves"))
    process = cli.start("up", "--port", "0")
    try:
        said: list[str] = []
        while not (said and (found := re.match(r"open (http\S+)", said[-1]))):
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_from_a_tar_to_a_stopped_training_and_its_rerun(browser, up):
    page = browser.new_page()
    complaints: list[str] = []
    listen_for_complaints(page, complaints)
    address = up.partition("/login")[0]
    page.goto(up)

    page.goto(f"{address}/models/upload")
    state = tar_bytes(**{"config.json": b'{"classes": []}', "model.pt": b"start"})
    page.set_input_files("#file", files=[tar_file("start weights.tar", state)])
    expect(page.get_by_label("Name")).to_have_value("start weights")
    page.get_by_label("Plugin").select_option(label="Odd · " + (ODD / "VERSION").read_text().strip().rpartition(":")[2])
    page.get_by_label("For Transfer Learning Only").check()
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="start weights")).to_be_visible()
    expect(page.locator(".title-line")).to_contain_text("transfer learning only")
    expect(page.locator("#files")).to_contain_text("model.pt")

    page.get_by_role("link", name="Train from it").click()
    expect(page.get_by_role("radio", name="Odd")).to_be_checked()
    expect(page.get_by_role("radio", name="start weights")).to_be_checked()
    expect(page.get_by_role("radio", name="leaves")).to_be_checked()
    config = {"behaviour": "train", "epochs": 100, "points": 20, "pause": 0.02}
    page.get_by_text("JSON", exact=True).click()
    page.get_by_label("Config, JSON").fill(json.dumps(config))
    expect(page.locator("#config-said")).to_have_text("Valid JSON")
    page.get_by_label("Name of the result").fill("watched")
    page.get_by_role("button", name="Start training").click()

    expect(page.get_by_role("heading", name="watched")).to_be_visible()
    foot = page.locator(".chart", has_text="loss").locator(".foot")
    expect(foot).to_contain_text("points", timeout=20_000)
    seen = re.search(r"train: all (\d+)", foot.inner_text())
    assert seen is not None
    expect(foot).not_to_contain_text(f"train: all {seen[1]} points")
    expect(page.locator(".checkpoint").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator("#status")).to_have_text("stopped", timeout=15_000)

    page.get_by_role("link", name="Rerun with changes").click()
    expect(page.get_by_label("Name of the result")).to_have_value("watched")
    assert json.loads(page.get_by_label("Config, JSON").input_value()) == config
    page.locator("#type").get_by_text("Inference").click()
    expect(page.get_by_role("radio", name="start weights")).to_be_disabled()
    expect(page.locator("#model")).to_contain_text("inference is refused")
    assert complaints == []
    page.close()


def test_a_bad_tar_is_explained_and_nothing_is_kept(site):
    site.page.set_viewport_size(DESK)
    site.go("/models/upload")
    expect(site.page.get_by_role("button", name="Upload")).to_be_disabled()
    site.page.set_input_files("#file", files=[tar_file("nested.tar", NESTED)])
    site.page.get_by_role("button", name="Upload").click()

    said = site.page.get_by_role("alert").filter(has_text="nested.tar was not accepted")
    expect(said).to_contain_text("model/config.json")
    expect(said).to_contain_text("must be at the top level")
    expect(said).to_contain_text("agent model pack")
    expect(said).to_be_focused()
    keep_picture(site, "upload-refused")
    assert [model.name for model in site.store.models.list()] == ["unet start weights"]

    site.page.set_input_files("#file", files=[tar_file("good.tar", state_tar(["apple"], 3))])
    expect(said).to_be_hidden()
    site.page.get_by_role("button", name="Upload").click()
    expect(site.page.get_by_role("heading", name="good")).to_be_visible()


def test_a_tar_can_be_dropped(site):
    site.go("/models/upload")
    dropped = site.page.evaluate_handle(
        "() => { const d = new DataTransfer(); d.items.add(new File(['x'], 'dropped.tar')); return d; }"
    )
    site.page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    site.page.dispatch_event("h1", "drop", {"dataTransfer": dropped})

    expect(site.page.locator("#drop-title")).to_have_text("dropped.tar")
    expect(site.page.get_by_label("Name")).to_have_value("dropped")
    expect(site.page.get_by_label("Name")).to_be_focused()
    asked = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    site.page.on("dialog", stay)
    site.page.get_by_role("navigation").get_by_role("link", name="Models").click(no_wait_after=True)
    expect(site.page.locator("#drop-title")).to_have_text("dropped.tar")
    assert asked == ["beforeunload"], "the form is lost without a question"
    assert site.page.url.endswith("/models/upload")


def test_a_refused_task_is_explained_on_the_page(site):
    site.go("/tasks/new?plugin=1&project=1&model=1&config=json")
    site.page.get_by_label("Name of the result").fill("a/b")
    site.page.get_by_role("button", name="Start training").click()
    said = site.page.locator("#refused")
    expect(said).to_contain_text("'a/b'")
    expect(said).to_be_focused()

    site.page.get_by_label("Config, JSON").fill('{\n  "lr": 0.1,\n}')
    expect(site.page.locator("#gutter .wrong")).to_have_text("2\n")
    site.page.get_by_role("button", name="Start training").click()
    expect(said).to_contain_text("line 2, column 12")
    assert site.store.tasks.list() == []


def test_numbers_and_the_order_of_keys_arrive_as_written(site):
    site.go("/tasks/new?plugin=1&project=1&model=1&config=json")
    written = '{"10": 1.0, "2": 1e-3, "big": 9007199254740993, "ü": "\\u00e4"}'
    site.page.get_by_label("Config, JSON").fill(written)
    site.page.get_by_role("button", name="Tidy up").click()
    site.page.get_by_text("More options").click()
    site.page.get_by_label("Environment, NAME=VALUE a line").fill("A=1\nB=x=y")
    site.page.get_by_label("Memory limit, GiB").fill("0.5")
    site.page.get_by_label("End it after, minutes").fill("1.5")
    site.page.get_by_role("button", name="Start training").click()
    expect(site.page.locator("#status")).to_have_text("queued")

    (task,) = site.store.tasks.list()
    assert json.dumps(task.config) == json.dumps(json.loads(written))
    assert dict(task.options.env) == {"A": "1", "B": "x=y"}
    assert task.options.memory_bytes == 1 << 29
    assert (task.options.time_limit_s, task.options.idle_limit_s) == (90, None)
    assert site.complaints == []


def test_a_task_is_submitted_with_the_keyboard_alone(site):
    site.go("/tasks/new")
    keyboard = site.page.keyboard
    site.page.get_by_role("radio", name="Train").focus()
    for _ in range(4):  # type → plugin → project → model (a link before it)
        keyboard.press("Tab")
    keyboard.press("Space")
    for _ in range(80):  # each field of the config and its way out
        keyboard.press("Tab")
        if site.page.evaluate("document.activeElement.id") == "submit":
            break
    keyboard.press("Enter")

    expect(site.page.locator("#status")).to_have_text("queued")
    assert site.complaints == []


def test_the_editor_says_where_a_mistake_is_and_leads_to_it(site):
    site.go("/tasks/new?config=json")
    editor = site.page.get_by_label("Config, JSON")
    editor.fill('{\n  "lr": 0.1,\n  "on": True\n}')
    expect(site.page.locator("#config-said")).to_have_text("Line 3, column 9: True is written true in JSON.")
    expect(site.page.locator("#gutter .wrong")).to_have_text("3")
    site.page.get_by_role("button", name="Line 3, column 9").click()

    assert editor.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "T"
    editor.fill('{"lr": 0.1}')
    expect(site.page.locator("#config-said")).to_have_text("Valid JSON")
    assert site.complaints == []


def test_tasks_are_compared_in_the_same_charts(site):
    story = trained(site, "baseline", epochs=9, seed=1)
    other = trained(site, "other rate", epochs=6, seed=2)
    finish(story)
    finish(other)
    site.page.set_viewport_size(DESK)
    site.go(f"/tasks/{story.task_id}")
    loss = canvas_of(site.page, "loss")
    expect(loss).to_be_visible()
    assert loss.evaluate(COUNT_PIXELS, "--c1") == 0
    site.page.get_by_role("button", name="Compare").click()
    site.page.get_by_role("checkbox", name="other rate").check()
    site.page.get_by_role("button", name="Done").click()
    values = site.page.locator(".chart", has_text="loss").locator(".values")
    expect(values).to_contain_text(f"#{other.task_id} val")

    assert canvas_of(site.page, "loss").evaluate(COUNT_PIXELS, "--c1") > 50
    assert canvas_of(site.page, "loss").evaluate(COUNT_PIXELS, "--train") > 50
    assert site.page.url.endswith(f"?compare={other.task_id}")
    site.page.reload()
    expect(values).to_contain_text(f"#{other.task_id} val")
    keep_picture(site, "task-compared")
    site.page.get_by_role("button", name="Do not compare with other rate").click()
    expect(values).not_to_contain_text(f"#{other.task_id}")
    assert "compare" not in site.page.url
    assert site.complaints == []


def test_a_checkpoint_leads_to_the_next_task(site):
    story = trained(site, "fruit")
    site.go(f"/tasks/{story.task_id}")
    site.page.get_by_role("link", name="Train on from checkpoint 1").click()
    expect(site.page.get_by_role("radio", name="fruit 1")).to_be_checked()
    expect(site.page.get_by_label("Config, JSON")).to_have_value(re.compile("continue_training"))
    site.page.go_back()
    site.page.get_by_role("link", name="Infer with checkpoint 0").click()
    expect(site.page.get_by_role("radio", name="Inference")).to_be_checked()
    expect(site.page.get_by_role("radio", name="fruit 0")).to_be_checked()
    assert site.complaints == []


def test_new_models_appear_and_are_found(site):
    site.go("/models")
    expect(site.page.locator("#rows .row")).to_have_count(1)
    trained(site, "fresh")
    expect(site.page.locator("#rows .row")).to_have_count(3)
    site.page.get_by_role("searchbox").fill("FRESH 0")
    expect(site.page.locator("#rows .row")).to_have_count(1)
    site.page.get_by_role("searchbox").fill("nothing like it")
    expect(site.page.locator("#none")).to_contain_text("No model matches")
    site.page.get_by_role("searchbox").fill("")
    site.page.get_by_role("button", name="Brought along").click()
    expect(site.page.locator("#rows .row")).to_have_count(1)
    assert site.complaints == []


def test_lineage_is_followed_by_clicking(site):
    first = trained(site, "first")
    parent = site.store.models.list(task_id=first.task_id)[0]
    second = trained(site, "second", model_id=parent.id, epochs=1)
    blob = site.artifacts.put_bytes(state_tar(["apple"], 9))
    origin = Provenance(task_id=second.task_id, checkpoint_index=7, is_best=True, parent_model_id=parent.id)
    child = site.store.models.add(NewModel("child", blob.sha256, blob.size_bytes, None, provenance=origin))
    site.go(f"/models/{child.id}")
    lineage = site.page.locator("#lineage li")
    expect(lineage).to_have_text([re.compile(parent.name), re.compile("second"), re.compile("child"), re.compile("No")])
    site.page.get_by_role("link", name=parent.name).click()
    expect(site.page.locator("#lineage")).to_contain_text("Training second")
    site.page.locator("#lineage .made-one").first.click()
    expect(site.page).to_have_url(re.compile(rf"/models/{child.id}$"))
    assert site.complaints == []


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_fits_and_is_pictured_in_both_schemes(site, viewport):
    fill(site.store, site.artifacts)
    blob = site.artifacts.put_bytes(state_tar(["x"], 77))
    site.store.models.add(NewModel("imagenet", blob.sha256, blob.size_bytes, {"classes": []}, only_train=True))
    new_task(site.store, site.library, "waiting")
    pages = {"models": "/models", "model": "/models/2", "upload": "/models/upload", "plugins": "/plugins"}
    pages |= {"plugin": "/plugins/1", "new-task": "/tasks/new?task=1", "compare": "/tasks/1?compare=3,4"}
    site.page.set_viewport_size(viewport)
    for scheme in ("light", "dark"):
        site.page.emulate_media(color_scheme=scheme)
        for name, path in pages.items():
            site.go(path)
            site.page.wait_for_function("document.fonts.status === 'loaded'")
            if name == "compare":
                expect(site.page.locator(".values").first).to_contain_text("#4 val")
            assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            ends = f"{'' if scheme == 'light' else '-dark'}{'' if viewport is DESK else '-phone'}"
            keep_picture(site, f"{name}{ends}")
    assert site.complaints == []


def test_an_empty_library_says_what_to_do(browser, tmp_path):
    settings = Settings(home=tmp_path, token=TOKEN, web_port=0)
    with open_store(settings.store) as store:
        server = Server(store, open_artifacts(settings.artifacts), settings)
        page = browser.new_page()
        assert server.served is not None
        page.goto(server.served.login_url)
        page.goto(f"{server.url}/models")
        expect(page.locator("#none")).to_contain_text("Upload a model state")
        expect(page.locator("#none").get_by_role("link", name="Upload .tar")).to_be_visible()
        page.goto(f"{server.url}/plugins")
        expect(page.get_by_role("main")).to_contain_text("agent plugin add")
        page.goto(f"{server.url}/tasks/new")
        for kind, said in (
            ("plugin", "agent plugin add"),
            ("project", "agent project add"),
            ("model", "Upload a .tar"),
        ):
            expect(page.locator(f"#{kind}")).to_contain_text(said)
        page.get_by_role("button", name="Start training").click()
        expect(page.locator("#refused")).to_contain_text("Choose a plugin first")
        page.close()
        server.stop()

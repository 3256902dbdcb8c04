"""Words, tags, the archive and the trash in a real browser: on the pages of one thing, and for many rows of a list."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from agent.domain import TaskStatus
from tests.support.browser import DESK, PHONE, Site, keep_picture
from tests.support.demo_store import finish, train

pytestmark = pytest.mark.chromium

NOTES = "# Why\n\nConverges *late*, see <b>seed</b>:\n\n- lr 0.01\n- batch 8\n"


def trained(site: Site, name: str) -> int:
    story = site.started(name)
    train(story, site.artifacts, epochs=2)
    finish(story)
    return story.task_id


def test_a_task_gets_a_name_notes_and_tags_on_its_page_goes_to_the_trash_and_comes_back(site: Site) -> None:
    task_id = trained(site, "fruit")
    page = site.page
    site.go(f"/tasks/{task_id}")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("a/b")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit-refused")).to_contain_text("contains a slash")
    page.get_by_label("Name", exact=True).fill("lr 0.01")
    page.get_by_role("textbox", name="Tags").fill("baseline, <i>paper</i>")
    page.get_by_label("Notes", exact=True).fill(NOTES)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="lr 0.01")).to_be_visible()
    expect(page.locator("#notes-of h3")).to_have_text("Why")
    expect(page.locator("#notes-of li")).to_have_count(2)
    expect(page.locator("#notes-of")).to_contain_text("<b>seed</b>")  # its HTML is text
    expect(page.locator("#tags-of .tag")).to_have_text(["<i>paper</i>", "baseline"])
    for size, scheme, name in ((DESK, "light", ""), (DESK, "dark", "-dark"), (PHONE, "light", "-phone")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        keep_picture(site, f"task-care{name}")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)

    page.get_by_role("link", name="baseline", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("1 task")
    page.get_by_role("link", name="lr 0.01", exact=True).click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator("#in-archive")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    expect(page.locator("#removal-text")).to_contain_text("2 models")
    page.get_by_role("button", name="Move to the trash").click()
    expect(page).to_have_url(re.compile(r"/tasks$"))
    assert [task.id for task in site.store.tasks.trashed()] == [task_id]

    site.go(f"/tasks/{task_id}")
    expect(page.locator("#in-trash")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#in-trash")).to_be_hidden()
    assert site.store.tasks.get(task_id).deleted_at is None
    assert [one for one in site.complaints if "400" not in one] == []


def test_many_tasks_are_tagged_archived_and_deleted_at_once_and_the_running_one_says_why_not(site: Site) -> None:
    ids = [trained(site, f"run {n}") for n in range(3)]
    running = site.started("runs on").task_id
    page = site.page
    site.go("/tasks")
    expect(page.locator("#rows .row")).to_have_count(4)
    expect(page.locator("#selected")).to_be_hidden()
    page.get_by_label("Select runs on").focus()
    page.keyboard.press("Space")
    expect(page.locator("#selected-count")).to_have_text("1 task selected")
    page.get_by_label("Select run 0").click(modifiers=["Shift"])
    expect(page.locator("#selected-count")).to_have_text("4 tasks selected")
    for size, scheme, name in ((DESK, "light", ""), (DESK, "dark", "-dark"), (PHONE, "light", "-phone")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        keep_picture(site, f"tasks-selected{name}")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)

    page.get_by_role("button", name="Tags…").click()
    page.get_by_label("Put on").fill("sweep, lr")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#rows .tag.own")).to_have_count(8)
    expect(page.locator("#selected")).to_be_hidden()

    page.get_by_label("Select run 0").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator("#rows .row")).to_have_count(3)
    expect(page.get_by_role("button", name="Archived 1")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#rows .row")).to_have_count(4)

    page.get_by_label("Select runs on").click()
    page.get_by_role("button", name="All on this page").click()
    page.get_by_role("button", name="Delete…").click()
    expect(page.locator("#bulk-removal-text")).to_contain_text("6 models")
    page.get_by_role("button", name="Move to the trash").click()
    expect(page.locator("#toasts")).to_contain_text(f"`agent task stop {running}` ends it")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#selected-count")).to_have_text("1 task selected")  # the one that is still there
    assert {task.id for task in site.store.tasks.trashed()} == set(ids)
    assert site.store.tasks.get(running).status is TaskStatus.STARTED

    site.go("/space")
    expect(page.locator("#trash tr")).to_have_count(3)
    page.get_by_role("button", name="Restore run 1").click()
    expect(page.locator("#trash tr")).to_have_count(2)

    site.go("/tasks")
    page.get_by_label("Select run 1").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_label("Delete the models and projects that they made, too").check()
    page.get_by_role("button", name="Move to the trash").click()
    expect(page.locator("#toasts")).to_contain_text("1 task moved to the trash.")
    assert len(site.store.models.trashed()) == 2
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#rows .row")).to_have_count(2)
    assert site.store.models.trashed() == []  # they came back first
    assert site.complaints == []


def test_projects_and_models_are_edited_and_removed(site: Site) -> None:
    page = site.page
    site.go(f"/projects/{site.library.project_id}")
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Tags").fill("orchard")
    page.get_by_label("Notes", exact=True).fill("From *Bert*.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes-of em")).to_have_text("Bert")
    keep_picture(site, "project-care")
    site.go("/projects?text=orchard")
    expect(page.locator(".project-card .tag.own")).to_have_text("orchard")
    page.locator(".project-card .pick input").check()
    keep_picture(site, "projects-selected")
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Move to the trash").click()
    expect(page.locator("#none")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".project-card")).to_have_count(1)

    site.go(f"/models/{site.library.model_id}")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Notes", exact=True).fill("## Start")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes-of h4")).to_have_text("Start")
    assert site.complaints == []


def test_a_training_is_started_without_a_model(site: Site) -> None:
    page = site.page
    site.go(f"/tasks/new?plugin={site.library.plugin_id}&project={site.library.project_id}")
    expect(page.locator("#config-said")).to_have_text("Valid JSON")
    page.get_by_label("No model: train from random weights").check()
    expect(page.locator("#model")).to_be_hidden()
    page.get_by_text("Inference", exact=True).click()
    expect(page.locator("#scratch-choice")).to_be_hidden()
    expect(page.locator("#model")).to_be_visible()
    page.get_by_text("Train", exact=True).click()
    expect(page.locator("#model")).to_be_hidden()
    keep_picture(site, "new-task-scratch")
    page.get_by_role("button", name="Start training").click()
    expect(page).to_have_url(re.compile(r"/tasks/\d+$"))
    (task,) = site.store.tasks.list()
    assert site.store.models.get(task.model_id).config is None
    assert site.complaints == []

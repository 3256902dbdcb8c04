"""The page of disk usage in a real browser; a click restores a model from the trash."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agent.domain import NewModel
from agent.library.usage import ImageSpace, note_images
from tests.support.browser import DESK, PHONE, keep_picture
from tests.support.demo_store import finish, state_tar, train

INSIDE = "a => a.getBoundingClientRect().right <= a.parentElement.getBoundingClientRect().right + 1"

pytestmark = pytest.mark.chromium


def test_what_takes_the_space_is_shown_and_a_removed_model_comes_back(site):
    for n in range(3):
        story = site.started(f"fruit {n}")
        train(story, site.artifacts, epochs=2)
        finish(story)
        folder = site.settings.tasks / str(story.task_id) / "results"
        folder.mkdir(parents=True)
        (folder / "model.pt").write_bytes(b"x" * 3_000_000 * (n + 1))
    blob = site.artifacts.put_bytes(b"w" * 2_500_000)
    removed = site.store.models.add(NewModel("<b>unwanted</b>", blob.sha256, blob.size_bytes, None))
    site.store.models.remove(removed.id)
    site.store.models.pin(site.library.model_id)
    note_images(site.settings.home, [ImageSpace("local/nn-unet:5.8.0", 1_500_000_000)])

    site.go("/tasks")
    site.page.get_by_role("navigation").get_by_role("link", name="Space").click()
    expect(site.page).to_have_title("Space · Supervisely local")
    expect(site.page.locator("#summary")).to_contain_text("are free")
    expect(site.page.locator("#tasks tr")).to_have_count(3)
    expect(site.page.locator("#tasks tr").first).to_contain_text("fruit 2")  # the largest comes first
    expect(site.page.locator("#models")).to_contain_text("pinned")
    expect(site.page.locator("#images")).to_contain_text("local/nn-unet:5.8.0")
    for size, name in ((DESK, "desk"), (PHONE, "phone")):
        site.page.set_viewport_size(size)
        assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        last = site.page.get_by_role("navigation").get_by_role("link", name="Space")
        assert last.evaluate(INSIDE)
        keep_picture(site, f"space-{name}")
    site.page.set_viewport_size(DESK)

    expect(site.page.locator("#trash")).to_contain_text("<b>unwanted</b>")
    site.page.get_by_role("button", name="Restore <b>unwanted</b>").click()
    expect(site.page.locator("#trash-none")).to_have_text("The trash is empty.")
    expect(site.page.locator("#models")).to_contain_text("<b>unwanted</b>")
    assert site.store.models.get(removed.id).deleted_at is None
    assert site.complaints == []


def test_the_trash_deletes_for_good_after_a_question_and_says_what_needs_a_thing(site):
    story = site.started("fruit")
    train(story, site.artifacts, epochs=2)
    finish(story)
    site.store.tasks.remove(story.task_id)
    site.store.projects.remove(site.library.project_id)
    needed = site.store.models.remove(site.library.model_id)
    page = site.page
    site.go("/space")
    expect(page.locator("#trash tr")).to_have_count(3)
    for size, name in ((DESK, "desk"), (PHONE, "phone")):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        keep_picture(site, f"trash-{name}")
    page.set_viewport_size(DESK)

    page.get_by_role("button", name="Delete fruit for good").click()
    expect(page.locator("#for-good-title")).to_have_text(f"Delete task {story.task_id} for good?")
    expect(page.locator("#for-good-text")).to_contain_text("1 task, ")
    expect(page.locator("#for-good-text")).to_contain_text("2 models (")
    keep_picture(site, "trash-question")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#for-good")).to_be_hidden()
    assert site.store.tasks.given_up() == []

    page.get_by_role("button", name=f"Delete {needed.name} for good").click()
    expect(page.locator("#for-good-text")).to_contain_text("1 task of the trash needs it and cannot come back then.")
    site.store.tasks.restore(story.task_id)  # by somebody else, meanwhile
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text(f"Task {story.task_id} starts from model {needed.id}")
    site.store.tasks.remove(story.task_id)

    site.go("/space")
    page.get_by_role("button", name="Delete fruit for good").click()
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("fruit is deleted for good.")
    expect(page.locator("#trash")).not_to_contain_text(f"task {story.task_id},")
    assert site.store.tasks.given_up() == [story.task_id]
    assert [c for c in site.complaints if "409" not in c] == []


def test_a_model_is_pinned_removed_and_restored_on_its_page(site):
    blob = site.artifacts.put_bytes(state_tar(["apple"], 5))
    model = site.store.models.add(NewModel("unsure", blob.sha256, blob.size_bytes, None))
    site.go(f"/models/{model.id}")
    site.page.get_by_role("button", name="Pin", exact=True).click()
    expect(site.page.locator("#pinned")).to_be_visible()
    expect(site.page.get_by_role("button", name="Remove")).to_be_hidden()
    site.page.get_by_role("button", name="Unpin").click()
    site.page.get_by_role("button", name="Remove").click()
    expect(site.page.locator("#in-trash")).to_be_visible()
    assert [one.id for one in site.store.models.trashed()] == [model.id]
    site.page.reload()
    site.page.get_by_role("button", name="Restore").click()
    expect(site.page.locator("#in-trash")).to_be_hidden()
    assert site.store.models.trashed() == []

    site.store.models.pin(model.id)  # by somebody else, meanwhile
    site.page.get_by_role("button", name="Remove").click()
    expect(site.page.locator("#toasts")).to_contain_text("unpin")
    assert [c for c in site.complaints if "409" not in c] == []

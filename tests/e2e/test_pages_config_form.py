"""The form of a new task's config, beside its JSON."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.support.accessible import axe_source, violations
from tests.support.browser import DESK, PHONE, Site, keep_picture

pytestmark = pytest.mark.chromium

SCHEMA = {
    "train": {
        "properties": {
            "epochs": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "Passes over the images"},
            "optimizer": {"enum": ["sgd", "adam"], "default": "adam"},
            "seed": {"type": "integer", "default": 0},
        }
    }
}
FIRST = {
    "epochs": 20,
    "lr": 1e-4,
    "augment": True,
    "optimizer": "sgd",
    "gpus": [0],
    "size": {"width": 64},
    "head": None,
}
SECOND = {"lr": 0.01, "schedule": "cosine", "head": [1, {}], "gpus": [0, 1]}


@pytest.fixture
def address(site: Site) -> str:
    plugin = site.store.plugins.put(
        title="Fields",
        description="",
        type="architecture",
        image="local/fields",
        tag="1",
        modes=("train",),
        readme="",
        configs=[{"title": title, "type": "train", "config": one} for title, one in (("a", FIRST), ("b", SECOND))],
        config_schemas=SCHEMA,
        image_digest=None,
        folder=None,
        content_sha256=None,
    )
    return f"/tasks/new?plugin={plugin.id}&project={site.library.project_id}&model={site.library.model_id}"


def text(site: Site) -> str:
    return site.page.locator("#config").input_value()


def test_a_field_changes_its_value_in_the_json_and_nothing_else(site, address):
    site.go(address)
    form = site.page.locator("#config-form")
    expect(form.get_by_label("epochs", exact=True)).to_have_value("20")
    before = text(site)
    form.get_by_label("lr", exact=True).fill("2e-5")
    form.get_by_label("augment", exact=True).uncheck()
    form.get_by_label("optimizer", exact=True).select_option("adam")
    form.get_by_label("gpus", exact=True).fill("0, 1")
    form.get_by_role("group", name="size").get_by_role("textbox").fill("128")

    changes = (("0.0001", "2e-5"), ("true", "false"), ('"sgd"', '"adam"'), ("[0]", "[0, 1]"), ("64", "128"))
    for old, new in changes:
        assert before.count(old) == 1
        before = before.replace(old, new)
    assert text(site) == before
    expect(site.page.locator("#preset")).to_have_value("own")
    site.page.set_viewport_size(DESK)
    keep_picture(site, "config-form")
    site.page.get_by_role("button", name="Start training").click()
    expect(site.page).to_have_url(re.compile(r"/tasks/\d+$"))
    (task,) = site.store.tasks.list()
    assert task.config == json.loads(before)
    assert site.complaints == []


def test_a_wrong_value_is_said_at_its_field_and_nothing_is_submitted(site, address):
    site.go(address)
    page = site.page
    epochs = page.get_by_label("epochs", exact=True)
    epochs.fill("1.5")
    expect(page.get_by_text("epochs must be a whole number, such as 12.")).to_be_visible()
    assert '"epochs": 20' in text(site)
    epochs.fill("0")
    expect(page.get_by_text("epochs must be at least 1.")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#refused")).to_contain_text("The config has a mistake: epochs must be at least 1.")
    expect(epochs).to_have_attribute("aria-invalid", "true")
    epochs.fill("7")
    expect(epochs).to_have_attribute("aria-invalid", "false")
    assert '"epochs": 7' in text(site)

    page.get_by_text("JSON", exact=True).click()
    page.get_by_label("Config, JSON").fill('{"epochs": 0}')
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#refused")).to_contain_text("epochs is 0; it must be at least 1")
    assert site.store.tasks.list() == []
    assert len(site.complaints) == 1, "the refusal of the server"


def test_keys_are_left_out_and_come_in_by_keyboard(site, address):
    site.go(address)
    page = site.page
    page.get_by_role("button", name="Leave out lr").press("Enter")
    expect(page.get_by_label("lr", exact=True)).to_have_count(0)
    assert "lr" not in json.loads(text(site))
    choice = page.get_by_label("Key to add", exact=True)
    assert choice.locator("option").all_text_contents() == ["seed", "lr", "schedule"]
    choice.select_option("lr")
    page.get_by_role("button", name="Add the key", exact=True).press("Enter")
    expect(page.get_by_label("lr", exact=True)).to_be_focused()
    choice.select_option("schedule")
    page.get_by_role("button", name="Add the key", exact=True).press("Enter")
    expect(page.get_by_label("schedule", exact=True)).to_have_value("cosine")
    assert list(json.loads(text(site)))[-2:] == ["lr", "schedule"]
    assert site.complaints == []


def test_a_key_that_the_schema_requires_is_asked_for(site, address):
    page = site.page
    site.store.plugins.put(
        title="Fields", description="", type="architecture", image="local/fields", tag="1", modes=("train",), readme="",
        configs=[], config_schemas={"train": {"required": ["epochs"], "properties": {"epochs": {"minimum": 3}}}},
        image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    site.go(address)
    expect(page.locator("#config-form")).to_contain_text("epochs is missing; add what is missing.")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#refused")).to_contain_text("The config has a mistake: epochs is missing.")
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_label("epochs", exact=True)).to_have_value("3")
    expect(page.get_by_role("button", name="Leave out epochs")).to_have_count(0)
    assert json.loads(text(site)) == {"epochs": 3}
    assert site.complaints == []


def test_the_choice_of_form_or_json_and_what_was_written_survive_a_reload(site, address):
    site.go(address)
    page = site.page
    page.get_by_label("epochs", exact=True).fill("33")
    page.get_by_role("button", name="Leave out head").click()
    page.reload()
    expect(page.get_by_label("epochs", exact=True)).to_have_value("33")
    expect(page.get_by_label("head", exact=True)).to_have_count(0)
    page.get_by_role("radio", name="Form").press("ArrowRight")
    expect(page).to_have_url(re.compile("config=json"))
    expect(page.locator("#config-form")).to_be_hidden()
    area = page.get_by_label("Config, JSON")
    area.fill(area.input_value().replace("33", "0.50"))
    page.reload()
    expect(page.get_by_label("Config, JSON")).to_be_visible()
    page.get_by_text("Form", exact=True).click()
    expect(page.get_by_label("epochs", exact=True)).to_have_value("0.50")
    expect(page.get_by_text("epochs must be a whole number.")).to_be_visible()
    page.go_back()
    page.go_forward()
    expect(page.get_by_label("epochs", exact=True)).to_have_value("0.50")
    assert site.complaints == []


def test_a_text_that_is_no_json_leads_to_its_editor(site, address):
    site.go(f"{address}&config=json")
    page = site.page
    page.get_by_label("Config, JSON").fill('{"epochs": True}')
    page.get_by_text("Form", exact=True).click()
    expect(page.locator("#config-form")).to_contain_text("line 1: True is written true in JSON.")
    page.get_by_role("button", name="Edit the JSON").click()
    expect(page.get_by_label("Config, JSON")).to_be_visible()
    assert site.complaints == []


def test_the_form_is_for_everybody(site, address):
    axe, page = axe_source(), site.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            site.go(address)
            page.get_by_label("epochs", exact=True).fill("0")
            expect(page.get_by_text("epochs must be at least 1.")).to_be_visible()
            assert violations(page, axe) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            keep_picture(site, f"config-form-{scheme}-{size['width']}")

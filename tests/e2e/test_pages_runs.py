"""The table of runs in a real browser: sorted, filtered, its columns chosen, grouped, exported, selected, saved."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from agent.domain import NewTask, TaskType
from agent.store import UsageSample
from tests.support.browser import DESK, PHONE, Site, keep_picture
from tests.support.demo_store import Story, crash, finish, start
from tests.support.many import copy_tasks

pytestmark = pytest.mark.chromium

CONFIGS: list[dict[str, Any]] = [
    {"lr": 0.1, "optimizer": "sgd", "epochs": 5},
    {"lr": 0.01, "optimizer": "adam", "epochs": 5},
    {"lr": 0.001, "optimizer": "adam", "epochs": 5},
    {"lr": "auto", "optimizer": "sgd", "epochs": 5, "note": "a note that is far too long for a column of a table"},
]


def add(site: Site, name: str, config: dict[str, Any]) -> Story:
    library = site.library
    new = NewTask(TaskType.TRAIN, name, library.plugin_id, library.project_id, library.model_id, config)
    return start(site.store, site.store.tasks.add(new))


@pytest.fixture
def stories(site: Site) -> list[Story]:
    """Four runs: one has failed, two have finished, the last goes on."""
    stories = [add(site, f"run {i}", config) for i, config in enumerate(CONFIGS)]
    for i, story in enumerate(stories):
        for epoch in (1, 2):
            story.metrics("val", epoch, mean_iou=0.1 * i + 0.01 * epoch, loss=1 / (i + epoch))
        story.flush()
    crash(stories[0])
    finish(stories[1])
    finish(stories[2])
    site.page.set_viewport_size(DESK)
    return stories


def query(address: str | None) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address or "").query)


def names(site: Site) -> Locator:
    return site.page.locator("#rows td.name")


def head(site: Site, name: str) -> Locator:
    return site.page.get_by_role("columnheader", name=name)


def heads(site: Site) -> list[str]:
    return [text.strip() for text in site.page.locator("#head .sort > span").all_inner_texts()]


def test_the_table_is_sorted_and_its_columns_chosen_and_the_address_knows(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.go("/runs")
    expect(names(site)).to_have_text(["run 3", "run 2", "run 1", "run 0"])
    assert heads(site) == ["name", "status", "lr", "optimizer", "loss", "mean_iou", "duration", "created"]
    keep_picture(site, "runs")
    head(site, "mean_iou").locator(".sort").click()
    expect(names(site)).to_have_text(["run 0", "run 1", "run 2", "run 3"])
    expect(head(site, "mean_iou")).to_have_attribute("aria-sort", "ascending")
    head(site, "optimizer").locator(".sort").click()
    expect(names(site)).to_have_text(["run 2", "run 1", "run 3", "run 0"])
    head(site, "lr").locator(".sort").click(modifiers=["Shift"])
    expect(names(site)).to_have_text(["run 2", "run 1", "run 0", "run 3"])
    expect(head(site, "lr").locator(".mark")).to_have_text("↑2")

    page.get_by_label("More for config lr").click()
    page.get_by_role("menuitem", name="Move left").press("Enter")
    expect(page.locator("#head .sort > span").nth(1)).to_contain_text("lr")
    expect(page.get_by_label("More for config lr")).to_be_focused()
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_label("Search all columns").fill("note")
    page.get_by_role("checkbox", name="note 1 task").check()
    page.get_by_role("button", name="Remove: created").click()
    page.get_by_role("button", name="Apply").click()
    chosen = ["name", "lr", "status", "optimizer", "loss", "mean_iou", "duration", "note"]
    expect(page.locator("#head .sort")).to_have_count(len(chosen))
    expect(page.locator("#head .sort > span").last).to_contain_text("note")
    assert [text.split(" ")[0] for text in heads(site)] == chosen
    expect(page.locator("#rows tr", has_text="run 3").locator("td").last).to_have_attribute("title", CONFIGS[3]["note"])
    expect(page.locator("#rows tr", has_text="run 1").locator("td").last).to_have_text("–")
    page.reload()
    expect(names(site)).to_have_text(["run 2", "run 1", "run 0", "run 3"])
    assert [text.split(" ")[0] for text in heads(site)] == chosen
    page.go_back()
    expect(page.locator("#head .sort > span").last).to_contain_text("created")
    assert site.complaints == []


def test_a_fault_of_the_condition_is_shown_at_its_place_and_mended(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.go("/runs")
    expect(names(site)).to_have_count(4)
    where = page.get_by_role("combobox", name="Filter by a condition")
    where.press_sequentially("config.l")
    page.get_by_role("option", name="config.lr", exact=True).wait_for()
    where.press("ArrowDown")
    where.press("Enter")
    expect(where).to_have_value("config.lr")
    where.press_sequentially(" = 0.01")
    where.press("Enter")
    fault = page.locator("#where-fault")
    expect(fault).to_contain_text('Character 11: a single "=" compares nothing: write ==')
    expect(fault.locator("mark")).to_have_text("=")
    expect(where).to_have_attribute("aria-invalid", "true")
    page.reload()
    expect(fault).to_be_visible()
    where.fill("config.lr < 0.05")
    where.press("Enter")
    expect(names(site)).to_have_text(["run 2", "run 1"])
    expect(fault).to_be_hidden()
    expect(page.locator("#summary")).to_have_text("2 runs")
    expect(page.get_by_role("button", name="Finished 2")).to_be_visible()
    where.fill("")
    where.press("Enter")
    expect(names(site)).to_have_count(4)
    page.get_by_role("button", name="Failed 1").click()
    expect(names(site)).to_have_text(["run 0"])
    site.go("/runs?columns=name,config.nothing")
    expect(page.locator("#problem")).to_contain_text("no task has config.nothing")
    page.get_by_role("button", name="Show the usual columns").click()
    expect(names(site)).to_have_count(4)
    site.go("/runs?sort=name,status,type,plugin,project,model,lines,created")
    head(site, "duration").locator(".sort").click(modifiers=["Shift"])
    expect(page.locator("#problem")).to_contain_text("sort: 9 are too many; name at most 8")
    page.go_back()
    expect(page.locator("#problem")).to_be_hidden()
    assert all("400" in complaint for complaint in site.complaints), "the browser names refused requests, nothing else"


def test_groups_have_means_and_open_to_their_runs(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.go("/runs?columns=name,status,metrics.val.mean_iou@max")
    expect(names(site)).to_have_count(4)
    expect(page.locator("#group option", has_text="config optimizer")).to_have_count(1)
    page.get_by_label("Group by a column").select_option("config.optimizer")
    expect(page.locator("#rows tr.group")).to_have_count(2)
    adam = page.locator("#rows tr.group").first
    expect(adam.locator("td")).to_have_text(["adam", "2", "0.1700 ± 0.0707"])
    expect(adam.locator("td").last).to_have_attribute("title", "0.1200 … 0.2200, of 2 numbers")
    page.get_by_role("button", name="Runs with adam").click()
    expect(page.locator("#rows tr.inner td.name")).to_have_text([re.compile("run 2"), re.compile("run 1")])
    page.reload()
    expect(page.locator("#rows tr.inner")).to_have_count(2)
    keep_picture(site, "runs-groups")
    page.get_by_role("columnheader", name="runs", exact=True).locator(".sort").click()
    expect(page.get_by_role("columnheader", name="runs", exact=True)).to_have_attribute("aria-sort", "ascending")
    adam.get_by_role("link", name="2: only these runs").click()
    expect(names(site)).to_have_text(["run 2", "run 1"])
    expect(page.get_by_label("Filter by a condition")).to_have_value('config.optimizer == "adam"')
    page.go_back()
    expect(page.locator("#rows tr.group")).to_have_count(2)
    page.get_by_role("button", name="Do not group by config optimizer").click()
    expect(names(site)).to_have_count(4)
    site.go("/runs?group=created")
    page.locator("#rows tr.group .open").first.click()
    expect(page.locator("#rows tr.inner td.name")).to_have_text([re.compile("run 0")])
    assert site.complaints == []


def test_the_archive_is_a_table_of_its_own_with_its_own_columns(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.store.tasks.archive(stories[0].task_id)
    site.store.usage.add(stories[0].task_id, UsageSample(1, 50.0, 3 << 29, 1))
    site.go("/runs")
    expect(names(site)).to_have_text(["run 3", "run 2", "run 1"])
    page.get_by_role("checkbox", name="Archive").check()
    expect(names(site)).to_have_text(["run 0"])
    expect(page.locator("#chips")).to_have_text(re.compile(r"All\s*1.*Failed\s*1", re.DOTALL))
    assert "lr" not in heads(site), "the only run of the archive differs from none"
    assert query(page.locator("#export-csv").get_attribute("href"))["archived"] == ["true"]
    site.go("/runs?archived=1&columns=name,peak_memory")
    expect(page.get_by_role("checkbox", name="Archive")).to_be_checked()
    expect(page.locator("#rows td").last).to_have_text("1.5 GiB")
    page.get_by_role("checkbox", name="Archive").uncheck()
    expect(names(site)).to_have_text(["run 3", "run 2", "run 1"])
    assert "archived" not in query(page.url)
    assert site.complaints == []


def test_a_file_has_what_is_seen(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.go("/runs?columns=name,config.optimizer,status&sort=-name&where=config.lr+%3E+0&text=run")
    expect(names(site)).to_have_text(["run 2", "run 1", "run 0"])
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    first, *rows = csv.reader(io.StringIO(download.value.path().read_text()))

    assert first == ["id", "name", "config.optimizer", "status"]
    seen = [row.locator("th, td").all_inner_texts() for row in page.locator("#rows tr").all()]
    assert rows == [[text.strip() for text in row] for row in seen]


def test_a_selection_spans_pages_and_leads_to_the_comparison(site: Site, stories: list[Story]) -> None:
    page = site.page
    copy_tasks(site.store, stories[2].task_id, 200)
    site.go("/runs?sort=id")
    expect(names(site)).to_have_count(100)
    expect(page.locator("#summary")).to_have_text("1–100 of 204 runs")
    boxes = page.locator("#rows").get_by_role("checkbox")
    boxes.nth(1).press("Space")
    boxes.nth(1).press("ArrowDown")
    boxes.nth(2).press("ArrowDown")
    boxes.nth(3).press("Shift+Space")
    expect(page.locator("#selected-count")).to_have_text("3 selected")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#summary")).to_have_text("101–200 of 204 runs")
    boxes.first.check()
    expect(page.locator("#selected-count")).to_have_text("4 selected")
    compare = page.get_by_role("link", name="Compare")
    assert parse_qs(urlsplit(compare.get_attribute("href") or "").query)["runs"] == ["2,3,4,101"]
    page.reload()
    expect(boxes.first).to_be_checked()
    page.get_by_role("checkbox", name="Select all runs of this page").check()
    expect(page.locator("#selected-count")).to_have_text("103 selected")
    page.go_back()
    expect(page.locator("#summary")).to_have_text("1–100 of 204 runs")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#selected-count")).to_have_text("")
    assert site.complaints == []


def test_a_row_changes_where_it_is_and_a_view_is_kept(site: Site, stories: list[Story]) -> None:
    page = site.page
    site.go("/runs?columns=name,metrics.val.mean_iou,status&where=config.epochs+%3D%3D+5")
    row = page.locator("#rows tr").first
    expect(row.locator("td")).to_have_text(["run 3", "0.3200", "started"])
    box = row.get_by_role("checkbox")
    box.check()
    box.focus()
    kept = row.element_handle()
    stories[3].metrics("val", 3, mean_iou=0.75)
    stories[3].flush()
    expect(row.locator("td")).to_have_text(["run 3", "0.7500", "started"])
    finish(stories[3])
    expect(row.locator("td").last).to_have_text("finished")
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    assert row.evaluate("(row, kept) => row === kept", kept)
    add(site, "run 4", CONFIGS[0])
    expect(names(site)).to_have_count(5)

    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name for the present view").fill("five epochs")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("button", name="Rename five epochs").click()
    page.get_by_label("New name of five epochs").fill("short")
    page.get_by_label("New name of five epochs").press("Enter")
    expect(page.get_by_role("button", name="Remove short")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#views-open")).to_have_text("View: short")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    site.go("/runs")
    expect(names(site)).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
    keep_picture(site, "runs-dark-phone")
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="short").click()
    expect(page.get_by_label("Filter by a condition")).to_have_value("config.epochs == 5")
    assert site.complaints == []

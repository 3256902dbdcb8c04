"""The pages of studies: the list, the charts and trials of one, news while it runs, its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.demo_study import study

pytestmark = pytest.mark.chromium


def test_a_study_shows_its_history_its_importance_and_its_trials(site):
    study(site.store, site.library, trials=24)
    site.go("/studies")
    site.page.get_by_role("link", name="Learning rates").click()

    expect(site.page.locator("#trials-count")).to_have_text("24 of 24 have ended, 4 pruned, 4 failed")
    expect(site.page.locator("#trials tr")).to_have_count(24)
    expect(site.page.locator("#trials tr.best")).to_have_count(1)
    expect(site.page.locator("#history circle")).to_have_count(20)
    expect(site.page.locator("#history .best-line")).to_have_count(1)
    expect(site.page.locator("#importance .line")).to_have_count(2)
    expect(site.page.locator("#parallel path")).to_have_count(16)
    expect(site.page.locator("#stop")).to_be_hidden()
    site.page.get_by_role("link", name="task 3", exact=True).first.click()
    site.page.wait_for_url("**/tasks/3")
    assert site.complaints == []


def test_a_study_outlives_what_it_was_started_with_and_links_only_what_exists(site):
    study(site.store, site.library)
    site.store.tasks.give_up(*range(1, 13))
    site.store.projects.remove(site.library.project_id)
    site.store.plugins.give_up(site.library.plugin_id)

    site.go("/studies")
    expect(site.page.locator("#rows")).to_contain_text("deleted")
    site.page.get_by_role("link", name="Learning rates").click()

    expect(site.page.locator("#facts")).to_contain_text(f"{site.library.plugin_id} (deleted)")
    expect(site.page.locator("#facts")).to_contain_text("Fruit on the table (deleted)")
    expect(site.page.locator("#facts a")).to_have_count(1)  # the model's
    expect(site.page.locator("#trials").get_by_text("deleted", exact=True)).to_have_count(12)
    expect(site.page.locator("#trials a, #history a")).to_have_count(0)
    assert site.complaints == []


def test_a_study_that_runs_is_asked_for_again_and_can_be_stopped(site):
    study(site.store, site.library, trials=2)
    site.store.studies.resume(1, trials=4, jobs=1)
    site.go("/studies/1")
    expect(site.page.locator("#state")).to_have_text("interrupted")
    expect(site.page.locator("#resume")).to_contain_text("agent tune resume 1")
    site.store.studies.resume(1, trials=5, jobs=1)
    expect(site.page.locator("#trials-count")).to_have_text("2 of 5 have ended")

    site.page.locator("#stop").click()

    expect(site.page.locator("#state")).to_have_text("stopped")
    expect(site.page.locator("#stop")).to_be_hidden()
    assert site.store.studies.get(1).state.value == "stopped"
    assert site.complaints == []


def test_what_was_deleted_is_called_so_and_a_missing_importance_has_its_reason(site):
    study(site.store, site.library)
    in_trash, gone = list(site.store.studies.tasks(1).values())[:2]
    for task in (in_trash, gone):
        site.store.tasks.remove(task.id)
    site.store.tasks.purge(gone.id)
    for task in list(site.store.studies.tasks(1).values())[1:]:
        site.store.tasks.remove(task.id)
    site.store.plugins.remove(site.library.plugin_id)

    site.go("/studies/1")

    expect(site.page.locator("#trials tr").last).to_contain_text(f"task {in_trash.id} (deleted)")
    expect(site.page.locator("#trials tr").nth(-2).locator("td").nth(-3)).to_have_text("deleted")
    expect(site.page.locator("#facts")).to_contain_text("(deleted)")
    expect(site.page.locator("#importance-none")).to_have_text("Told from 10 complete trials on; 8 are complete.")
    assert site.complaints == []


def test_a_study_is_begun_on_the_page(site):
    page = site.page
    site.go("/studies")
    page.get_by_role("link", name="New study").first.click()
    page.get_by_label("Key", exact=True).fill("lr")
    row = page.locator(".space-row")
    row.first.get_by_label("Kind").select_option("range")
    row.first.get_by_label("From").fill("1e-5")
    row.first.get_by_label("To").fill("1e-6")
    row.first.get_by_label("log").check()
    page.locator("#metric").fill("val.mean_iou")
    page.locator("#trials").fill("12")
    page.locator("#jobs").fill("2")
    page.get_by_label("Name of the study").fill("From the page")

    page.locator("#submit").click()
    expect(page.locator("#refused")).to_contain_text("space 'lr': 1e-05 is not below 1e-06; write the lower end first")
    row.first.get_by_label("To").fill("0.1")
    page.locator("#add").click()
    expect(row.last.get_by_label("Key", exact=True)).to_be_focused()
    row.last.get_by_label("Key", exact=True).fill("batch_size.train")
    row.last.get_by_label("Values").fill("4, 8")
    page.locator("#submit").click()

    page.wait_for_url("**/studies/1")
    expect(page.locator("h1")).to_have_text("From the page")
    expect(page.locator("#state")).to_have_text("interrupted")
    expect(page.locator("#resume")).to_contain_text("agent up")
    begun = site.store.studies.get(1)
    assert begun.space == {
        "lr": {"low": 1e-5, "high": 0.1, "is_integer": False, "log": True, "step": None},
        "batch_size.train": {"choices": [4, 8]},
    }
    assert (begun.metric, begun.direction, begun.trials, begun.jobs) == ("val.mean_iou", "maximize", 12, 2)
    assert begun.task.config["epochs"], "the preset's config"
    assert [one for one in site.complaints if "422" not in one and "400" not in one] == []


def test_without_studies_the_page_says_how_to_start_one(site):
    site.go("/studies")

    expect(site.page.locator("#none")).to_contain_text("agent tune --plugin")
    assert site.complaints == []

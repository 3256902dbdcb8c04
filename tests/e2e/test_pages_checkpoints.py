"""From the page of a training to the real figures of its checkpoints: the button, what it queues, the curve."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from agent.domain import TaskType
from tests.support.browser import Site, keep_picture
from tests.support.evaluated_projects import add_training, add_truth, compute_here, end_inference

pytestmark = pytest.mark.chromium

AGAIN_MS = 15_000  # the page looks every five seconds


def test_every_checkpoint_is_evaluated_by_a_button_and_makes_a_point_of_the_curve(site: Site) -> None:
    store, page = site.store, site.page
    truth = add_truth(store, name="orchard")
    training = add_training(store, truth, checkpoints=2, best=1)
    site.go(f"/tasks/{training.id}")
    card = page.locator("#judged-card")
    expect(card.locator("#judged-count")).to_have_text("0 of 2 checkpoints on orchard")
    expect(card).to_contain_text("No checkpoint is evaluated yet.")

    card.get_by_role("button", name="Evaluate every checkpoint").click()
    expect(card.locator("#judged-count")).to_have_text("0 of 2 checkpoints on orchard, 2 on the way")
    expect(card.get_by_role("button")).to_be_hidden()
    queued = [task for task in store.tasks.list() if task.type is TaskType.INFERENCE]
    assert len(queued) == 2
    for number, task in enumerate(queued):  # as an agent does
        end_inference(store, task, f"guesses {number}")
    for evaluation in store.evaluations.waiting():
        compute_here(store, evaluation.id)

    expect(card.locator("#judged-count")).to_have_text("2 of 2 checkpoints on orchard", timeout=AGAIN_MS)
    points = card.locator("#judged-plot a:has(circle)")
    expect(points).to_have_count(2)
    expect(points.first).to_have_attribute("aria-label", "Mean IoU 0.875 at 0.5000")
    found = [store.evaluations.list(model_id=task.model_id)[0].id for task in reversed(queued)]
    assert [points.nth(at).get_attribute("href") for at in range(2)] == [f"/evaluations/{id_}" for id_ in found]
    keep_picture(site, "evaluated-checkpoints")
    card.locator("#judged-figure").select_option("detection.ap")
    expect(points.first).to_have_attribute("aria-label", re.compile("^AP "))

    site.go(f"/models/{queued[0].model_id}")
    expect(page.locator("#evaluations .evaluation-row")).to_have_count(1)
    page.get_by_role("link", name="All, side by side").click()
    expect(page).to_have_url(re.compile(rf"/evaluations\?model={queued[0].model_id}"))
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#summary")).to_have_text(f"1 evaluation of model {queued[0].model_id}")
    assert [one for one in site.complaints if "404" not in one] == []  # these models have no files

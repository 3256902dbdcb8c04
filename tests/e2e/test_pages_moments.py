"""Pages at special moments: before an answer arrives, while a list changes, when the last item is removed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import APIResponse, Route, expect

from agent.domain import TaskStatus
from tests.support.browser import COUNT_PIXELS, canvas_of
from tests.support.demo_store import new_task, start, train
from tests.support.labeled_project import fields

pytestmark = pytest.mark.chromium


def test_lines_that_come_while_the_log_is_loaded_are_shown(site):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    held: list[tuple[Route, APIResponse]] = []
    site.page.route(re.compile("/events.*limit=300"), lambda route: held.append((route, route.fetch())))
    site.go(f"/tasks/{story.task_id}")
    foot = site.page.locator(".chart", has_text="loss").locator(".foot")
    expect(foot).to_contain_text("train: all 30 points")
    story.say("printed after the answer was made")
    story.metrics("train", 1.1, loss=0.4)
    story.flush()
    expect(foot).to_contain_text("train: all 31 points")  # so the stream has brought the line as well
    (route, answer) = held.pop()
    route.fulfill(response=answer)
    log = site.page.locator("#log")
    expect(log).to_contain_text("Validation in progress")
    story.say("printed later")
    story.flush()

    expect(log).to_contain_text("printed later")
    expect(log).to_contain_text("printed after the answer was made")
    assert site.complaints == []


def test_requests_that_the_browser_gives_up_when_a_network_interface_comes_are_sent_again(site):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    given_up: list[str] = []

    def give_up(route: Route) -> None:
        if given_up.count(route.request.url) == 2 or route.request.resource_type != "fetch":
            route.fallback()
            return
        given_up.append(route.request.url)
        route.abort("internetdisconnected")

    site.page.route(re.compile("/api/"), give_up)
    site.go(f"/tasks/{story.task_id}")

    expect(site.page.locator(".chart", has_text="loss").locator(".foot")).to_contain_text("train: all 30 points")
    expect(site.page.locator("#log")).to_contain_text("Validation in progress")
    assert any("/points" in url for url in given_up)
    assert all("ERR_INTERNET_DISCONNECTED" in complaint for complaint in site.complaints)


def test_the_last_model_of_the_list_leaves_it_when_it_is_removed(site):
    site.go("/models")
    expect(site.page.locator("#rows .row")).to_have_count(1)
    expect(site.page.locator("#live")).to_have_attribute("data-state", "on")
    with site.server.client() as client:
        assert client.delete(f"/api/models/{site.library.model_id}").status_code == 200

    expect(site.page.locator("#none")).to_contain_text("No models yet")
    expect(site.page.locator("#rows .row")).to_have_count(0)
    assert site.complaints == []


def test_a_new_task_in_the_list_takes_the_focus_from_no_button(site):
    new_task(site.store, site.library, "waiting")
    site.go("/tasks")
    expect(site.page.locator("#live")).to_have_attribute("data-state", "on")
    stop = site.page.get_by_role("button", name="Stop waiting")
    stop.focus()
    new_task(site.store, site.library, "another one")
    expect(site.page.locator("#rows .row")).to_have_count(2)

    expect(stop).to_be_focused()
    assert site.complaints == []


def test_the_viewer_can_be_used_before_its_image_is_there(site):
    project = fields(site.store, site.artifacts)
    held: list[Route] = []
    site.page.route(re.compile("/api/images/"), lambda route: held.append(route), times=1)
    site.go(f"/projects/{project.id}/images")
    stage = site.page.locator("#stage")
    stage.hover()
    site.page.mouse.wheel(0, -100)
    site.page.mouse.down()
    site.page.mouse.move(300, 300)
    site.page.mouse.up()
    stage.dblclick()
    for key in ("+", "0", "h", "Shift+ArrowLeft", "ArrowRight"):
        site.page.keyboard.press(key)
    for name in ("Zoom in", "Fit", "None", "All", "Switch between light and dark"):
        site.page.get_by_role("button", name=name, exact=True).click()
    held.pop().continue_()

    expect(site.page.locator("#position")).to_have_text("1 of 3")
    expect(site.page.locator("#objects .object-row")).to_have_count(5)
    assert site.complaints == []


def test_curves_over_time_begin_with_the_first_point_of_a_task_that_was_queued(site):
    task = new_task(site.store, site.library, "waiting")
    site.go(f"/tasks/{task.id}")
    with site.page.expect_response(re.compile("/points")):
        site.page.locator("#axis").get_by_text("Time").click()
    story = start(site.store, task)
    train(story, site.artifacts, epochs=2)
    expect(site.page.locator(".chart", has_text="loss").locator(".foot")).to_contain_text("train: all 60 points")

    assert canvas_of(site.page, "loss").evaluate(COUNT_PIXELS, "--train") > 50
    assert site.complaints == []


def test_a_page_at_rest_draws_nothing_and_tells_time_by_the_servers_clock(site):
    """The clock of the browser's machine is an hour early."""
    story = start(site.store, new_task(site.store, site.library, "running"))
    site.page.add_init_script("const now = Date.now; Date.now = () => now() + 3_600_000;")
    site.go("/tasks")
    expect(site.page.locator("#rows .time")).to_contain_text(re.compile(r"^\d+ ?m?sjust now$"))
    site.store.tasks.become(story.task_id, TaskStatus.FINISHED)
    expect(site.page.locator("#rows .status")).to_have_text("finished")
    browser = site.page.context.new_cdp_session(site.page)
    browser.send("Performance.enable")

    def restyled() -> int:
        found = browser.send("Performance.getMetrics")["metrics"]
        return int(next(one["value"] for one in found if one["name"] == "RecalcStyleCount"))

    site.page.wait_for_timeout(2500)  # the row that changed fades
    before = restyled()
    site.page.wait_for_timeout(2000)

    assert restyled() - before <= 2, "an animated dot would be restyled a hundred times"
    assert site.complaints == []


def test_two_clicks_queue_one_task(site):
    site.go("/tasks/new?plugin=1&project=1&model=1&config=json")
    button = site.page.get_by_role("button", name="Start training")
    button.evaluate("button => { button.click(); button.click(); setTimeout(() => button.click(), 20); }")
    expect(site.page).to_have_url(re.compile(r"/tasks/\d+$"))

    assert len(site.store.tasks.list()) == 1


def test_an_edited_form_survives_a_reload_and_back_and_a_new_one_is_empty(site):
    page = site.page
    site.go("/tasks/new?plugin=1&project=1&model=1&config=json")
    page.get_by_label("Name of the result").fill("mine")
    page.get_by_label("Config, JSON").fill('{"epochs": 7.0}')
    page.get_by_label("GPUs").fill("0")
    page.locator("#type").get_by_text("Inference").click()
    for leave in (page.reload, lambda: (page.get_by_role("link", name="Models").click(), page.go_back())):
        leave()
        expect(page.get_by_label("Name of the result")).to_have_value("mine")
        expect(page.get_by_label("Config, JSON")).to_have_value('{"epochs": 7.0}')
        expect(page.get_by_label("GPUs")).to_have_value("0")
        expect(page.get_by_role("radio", name="Inference")).to_be_checked()
    site.go("/tasks")
    site.go("/tasks/new?plugin=1&project=1&model=1&config=json")
    expect(page.get_by_label("Name of the result")).to_have_value("")
    expect(page.get_by_label("Config, JSON")).to_have_value(re.compile("batch_size"))
    assert site.complaints == []


def test_six_hundred_metrics_are_drawn_where_they_are_seen_and_leave_the_log_in_reach(site):
    story = start(site.store, new_task(site.store, site.library, "wide"))
    for epoch in range(3):
        story.metrics("train", epoch, **{f"head{i // 60}/loss{i}": 1.0 + i for i in range(600)})
    story.flush()
    page = site.page
    site.go(f"/tasks/{story.task_id}")
    expect(page.locator(".chart canvas").first).to_be_visible()
    loaded_ms = page.evaluate("performance.now()")
    expect(page.locator("#metrics-count")).to_have_text("600")
    assert loaded_ms < 5000, "about half a second on an idle machine"
    assert page.locator(".chart canvas").count() < 30
    assert page.locator("#log").bounding_box()["y"] < 1600
    page.get_by_label("Find metrics by name").fill("loss599")
    expect(page.locator(".chart")).to_have_count(1)
    page.get_by_role("button", name="Pin head9/loss599").click()
    page.get_by_label("Find metrics by name").fill("")
    expect(page.locator(".group-head")).to_have_count(11)
    expect(page.locator(".chart-group.pinned .chart")).to_have_count(1)
    page.reload()
    expect(page.locator(".chart-group.pinned canvas")).to_have_count(1)
    page.get_by_role("button", name="head3", exact=False).first.click()
    expect(page.get_by_role("heading", name="head3/loss200", exact=True)).to_have_count(1)
    assert site.complaints == []

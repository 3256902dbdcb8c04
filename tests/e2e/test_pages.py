"""The pages in a real browser: curves are drawn and live, text is readable in both schemes, the console is empty."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import COUNT_PIXELS, DESK, PHONE, canvas_of, keep_picture
from tests.support.demo_store import crash, fill, finish, new_task, train
from tests.support.many import copy_tasks, put_series
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_task_shows_its_train_and_val_curves(site, scheme, viewport):
    story = site.started("fruit-unet, from the best checkpoint")
    train(story, site.artifacts, epochs=14.4, seed=11)
    site.page.emulate_media(color_scheme=scheme)
    site.page.set_viewport_size(viewport)
    site.go(f"/tasks/{story.task_id}")
    expect(site.page.locator(".chart")).to_have_count(3)
    loss = canvas_of(site.page, "loss")
    expect(loss).to_be_visible()
    site.page.wait_for_function("document.fonts.status === 'loaded'")

    assert loss.evaluate(COUNT_PIXELS, "--train") > 300
    assert loss.evaluate(COUNT_PIXELS, "--val") > 100
    assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
    expect(site.page.locator("#live")).to_have_attribute("data-state", "on")
    is_desk = viewport is DESK
    keep_picture(site, f"task{'' if scheme == 'light' else '-dark'}{'' if is_desk else '-phone'}")
    assert site.complaints == []


def test_the_list_shows_every_kind_of_task(site):
    fill(site.store, site.artifacts)
    site.page.emulate_media(color_scheme="light")
    site.page.set_viewport_size(DESK)
    site.go("/tasks")
    expect(site.page.locator("#rows .row")).to_have_count(8)
    keep_picture(site, "tasks")
    site.page.get_by_role("button", name="Failed").click()
    expect(site.page.locator("#rows .row")).to_have_count(2)
    site.page.get_by_role("searchbox").fill("yolo")
    expect(site.page.locator("#rows .row")).to_have_count(1)
    expect(site.page.locator("#rows")).to_contain_text("no registry answers")
    assert site.complaints == []


def test_the_list_fits_on_a_phone(site):
    fill(site.store, site.artifacts)
    site.page.emulate_media(color_scheme="dark")
    site.page.set_viewport_size(PHONE)
    site.go("/tasks")
    expect(site.page.locator("#rows .row")).to_have_count(8)
    search, rows = site.page.get_by_role("searchbox").bounding_box(), site.page.locator("#list").bounding_box()
    waiting, running = site.page.locator(".row .time").all()[:2]
    keep_picture(site, "tasks-dark-phone")

    assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert search["width"] == rows["width"]
    starts = [cell.evaluate("cell => cell.firstChild.getBoundingClientRect().left") for cell in (waiting, running)]
    assert starts[0] == starts[1], "what has no duration yet begins where the others do"


def test_many_checkpoints_leave_the_config_in_reach_and_the_log_says_what_it_leaves_out(site):
    story = site.started()
    train(story, site.artifacts, epochs=20)
    finish(story)
    site.go(f"/tasks/{story.task_id}")
    expect(site.page.locator(".checkpoint")).to_have_count(20)
    checkpoints, main = site.page.locator("#checkpoints"), site.page.locator("main")

    assert checkpoints.evaluate("box => box.scrollHeight > box.clientHeight")
    assert main.bounding_box()["height"] < 2.2 * DESK["height"]
    expect(site.page.locator("#log-foot")).to_contain_text("the others are metric lines, or below the level")
    assert site.complaints == []


def test_a_curve_grows_while_the_task_runs(site):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    site.go(f"/tasks/{story.task_id}")
    foot = site.page.locator(".chart", has_text="loss").locator(".foot")
    expect(foot).to_contain_text("train: all 30 points")
    for i in range(40):
        story.metrics("train", 1 + (i + 1) / 30, loss=0.4)
        story.flush()

    expect(foot).to_contain_text("train: all 70 points")
    story.progress("Model training: ", 70, 600)
    story.say("a line that just came")
    story.flush()
    expect(site.page.locator("#progress")).to_contain_text("70 / 600")
    expect(site.page.locator("#log")).to_contain_text("a line that just came")
    finish(story)
    expect(site.page.locator("#status")).to_have_text("finished")
    expect(site.page.locator("#live")).to_have_attribute("data-state", "over")
    assert site.complaints == []


def test_zooming_ends_at_the_exact_points(site):
    story = site.started()
    train(story, site.artifacts, epochs=20, per_epoch=400)
    site.go(f"/tasks/{story.task_id}")
    chart = site.page.locator(".chart", has=site.page.get_by_role("heading", name="loss"))
    expect(chart.locator(".foot")).to_contain_text("of 8,000 points")
    plot = chart.locator(".u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    site.page.mouse.move(box["x"] + box["width"] * 0.50, box["y"] + 60)
    site.page.mouse.down()
    site.page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 90, steps=5)
    site.page.mouse.up()

    expect(chart.locator(".foot")).to_contain_text("train: all")
    site.page.get_by_role("button", name="Whole run").click()
    expect(chart.locator(".foot")).to_contain_text("of 8,000 points")
    chart.focus()
    for _ in range(6):
        site.page.keyboard.press("+")
    expect(chart.locator(".foot")).to_contain_text("train: all")
    assert site.complaints == []


def test_smoothing_and_a_log_scale_redraw_the_chart(site):
    story = site.started()
    train(story, site.artifacts, epochs=6)
    site.go(f"/tasks/{story.task_id}")
    loss = canvas_of(site.page, "loss")
    expect(loss).to_be_visible()
    rough = loss.evaluate(COUNT_PIXELS, "--train")
    site.page.locator("#smoothing").fill("0.9")
    smooth = canvas_of(site.page, "loss").evaluate(COUNT_PIXELS, "--train")
    assert 100 < smooth < rough
    site.page.get_by_label("Log scale").check()
    site.page.locator("#axis").get_by_text("Step").click()
    expect(site.page.locator(".chart").first).to_be_visible()
    assert canvas_of(site.page, "loss").evaluate(COUNT_PIXELS, "--val") > 50
    assert site.complaints == []


def test_a_failure_is_readable(site):
    story = site.started("fruit-unet batch 64")
    train(story, site.artifacts, epochs=1.4)
    crash(story)
    site.page.set_viewport_size(DESK)
    site.go(f"/tasks/{story.task_id}")

    expect(site.page.locator("#trouble")).to_contain_text("exit code 1")
    expect(site.page.locator("#trace .last")).to_contain_text("RuntimeError: CUDA out of memory")
    keep_picture(site, "task-failed")
    assert site.complaints == []


def test_the_log_is_filtered_whole_and_linked_by_line(site):
    story = site.started()
    story.say("the needle <b>is</b> here", "error")
    needle = story.seq
    metric = story.metrics("train", 1, loss=0.5)
    for i in range(20_000):
        story.raw(f"hay {i}")
    story.flush()
    page = site.page
    site.go(f"/tasks/{story.task_id}")
    log, foot = page.locator("#log"), page.locator("#log-foot")
    expect(log).to_contain_text("hay 19999")
    total = f"{story.seq:,}"
    expect(foot).to_contain_text(f"300 of {story.seq - 3:,} lines here; scroll up for earlier ones")
    page.get_by_label("Lowest level shown").select_option("Errors")
    expect(log.locator(".line")).to_have_count(1)
    expect(log).to_contain_text("the needle <b>is</b> here")
    expect(foot).to_contain_text(f"1 of {total} lines fit the filter")
    page.get_by_label("Lowest level shown").select_option("All levels")
    page.get_by_label("Search the whole log").fill("HAY 19")
    expect(foot).to_contain_text(f"1,111 of {total} lines contain")
    page.reload()
    expect(page.get_by_label("Search the whole log")).to_have_value("HAY 19")
    expect(page.get_by_label("Lowest level shown")).to_have_value("trace")
    story.raw("hay 1900 again")
    story.raw("nothing of the kind")
    story.flush()
    expect(log.locator(".line").last).to_contain_text("hay 1900 again")

    site.go("/tasks")
    site.go(f"/tasks/{story.task_id}?level=error#L{metric}")
    expect(log.locator(".line.here")).to_contain_text("metrics")
    expect(log.locator(".line.here")).to_be_in_viewport()
    expect(page.get_by_label("Follow")).not_to_be_checked()
    page.get_by_label("Follow").check()
    page.get_by_label("Lowest level shown").select_option("Info and above")
    expect(log).to_contain_text("nothing of the kind")
    expect(page.get_by_label("Follow")).to_be_checked()
    story.raw("a line to follow")
    story.flush()
    expect(log.locator(".line").last).to_contain_text("a line to follow")
    log.locator(".line .n").nth(5).click()
    expect(log.locator(".line.here")).to_have_count(1)
    expect(page.get_by_label("Follow")).not_to_be_checked()
    site.go(f"/tasks/{story.task_id}#L{needle + 10**6}")
    page.reload()
    expect(foot).to_contain_text("There is no line")
    assert site.complaints == []


def test_a_task_is_stopped_after_asking(site):
    task = new_task(site.store, site.library, "waiting")
    site.go(f"/tasks/{task.id}")
    site.page.get_by_role("button", name="Stop").click()
    site.page.get_by_role("button", name="Keep running").click()
    expect(site.page.locator("#status")).to_have_text("queued")
    site.page.get_by_role("button", name="Stop").click()
    site.page.get_by_role("button", name="Stop it").click()

    expect(site.page.locator("#status")).to_have_text("stopped")
    expect(site.page.locator("#trouble")).to_contain_text("stopped")
    assert site.complaints == []


def test_a_checkpoint_is_downloaded_from_the_page(site, tmp_path):
    story = site.started()
    train(story, site.artifacts, epochs=2)
    site.go(f"/tasks/{story.task_id}")
    expect(site.page.locator(".checkpoint")).to_have_count(2)
    with site.page.expect_download() as waiting:
        site.page.get_by_role("link", name="Download checkpoint 1").click()
    waiting.value.save_as(tmp_path / "kept.tar")

    assert waiting.value.suggested_filename == "fruit 1.tar"
    assert (tmp_path / "kept.tar").stat().st_size == 51_200


def test_an_open_page_survives_a_restart_of_the_server(site):
    story = site.started()
    train(story, site.artifacts, epochs=1)
    site.go(f"/tasks/{story.task_id}")
    foot = site.page.locator(".chart", has_text="loss").locator(".foot")
    expect(foot).to_contain_text("train: all 30 points")
    site.restart()
    story.metrics("train", 1.1, loss=0.4)
    story.flush()

    expect(foot).to_contain_text("train: all 31 points", timeout=15_000)
    expect(site.page.locator("#live")).to_have_attribute("data-state", "on")


def test_unknown_pages_and_lost_sessions_are_explained(site, browser):
    site.go("/tasks/4711")
    expect(site.page.get_by_role("heading", name="Not here")).to_be_visible()
    site.page.get_by_role("button", name="Log out").click()
    expect(site.page.get_by_role("heading", name="Log in")).to_be_visible()
    site.page.get_by_label("Token").fill("wrong")
    site.page.get_by_role("button", name="Log in").click()
    expect(site.page.get_by_role("alert").first).to_contain_text("not the token")
    site.page.get_by_label("Token").fill(TOKEN)
    site.page.get_by_role("button", name="Log in").click()
    expect(site.page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()


def test_an_empty_installation_says_how_to_begin(site):
    site.go("/tasks")

    expect(site.page.locator("#none")).to_contain_text("agent submit-train")
    assert site.complaints == []


def test_a_thousand_tasks_are_searched_sorted_and_paged_whole(site):
    oldest = new_task(site.store, site.library, "needle")
    site.store.tasks.request_stop(oldest.id)
    copy_tasks(site.store, oldest.id, 1013)
    new_task(site.store, site.library, "waiting")
    page = site.page
    site.go("/tasks")
    expect(page.locator("#summary")).to_have_text("1–100 of 1,015 tasks · 1 running or waiting")
    expect(page.locator("#chips")).to_contain_text("All 1,015")
    page.get_by_role("searchbox").fill("NEEDLE")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#summary")).to_have_text("1 task")
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#chips")).to_contain_text("All 1,015")  # before a click: wider counts move the chips
    page.get_by_label("Sort").select_option("Oldest first")
    page.get_by_role("button", name="Stopped").click()
    expect(page.locator("#summary")).to_have_text("1–100 of 102 tasks")
    expect(page.locator("#rows .name").first).to_contain_text("needle")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#summary")).to_have_text("101–102 of 102 tasks")
    address = page.url
    page.get_by_role("link", name="run 1009", exact=True).click()
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.locator("#page-of")).to_have_text("Page 2 of 2")
    expect(page.get_by_label("Sort")).to_have_value("id")
    page.go_back()
    expect(page.locator("#summary")).to_have_text("1–100 of 102 tasks")
    assert site.complaints == []


def test_any_of_hundreds_of_trainings_is_found_to_compare_with(site):
    story = site.started("the page's own")
    train(story, site.artifacts, epochs=1)
    other = site.started("needle")
    train(other, site.artifacts, epochs=1)
    copy_tasks(site.store, story.task_id, 400)
    site.go(f"/tasks/{story.task_id}")
    site.page.get_by_role("button", name="Compare").click()
    dialog = site.page.get_by_role("dialog")
    expect(dialog.locator("#compare-count")).to_have_text("50 of 402 trainings")
    dialog.get_by_role("button", name="Show more").click()
    expect(dialog.locator("#compare-count")).to_have_text("100 of 402 trainings")
    dialog.get_by_role("searchbox").fill("needle")
    expect(dialog.locator("#compare-count")).to_have_text("1 training")
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Done").click()
    expect(site.page.locator("#compared")).to_contain_text("needle")
    assert site.complaints == []


def test_smoothing_and_zoom_stay_true_to_every_point_and_to_the_address(site):
    """Spikes in one percent of 200,000 points: a line over thinned points would lie at 2.4, not at 0.149."""
    story = site.started("spiky")
    put_series(site.store, story.task_id, "loss", [5.0 if i % 100 == 0 else 0.1 for i in range(200_000)])
    page = site.page
    site.go(f"/tasks/{story.task_id}?smooth=0.99")
    chart = page.locator(".chart")
    expect(chart.locator(".foot")).to_contain_text("mean and range of 200,000 points")
    plot = chart.locator(".u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    values = chart.locator(".values")
    expect(values).to_contain_text(re.compile(r"train0\.1\d+0\.1000 to 5 · smoothed 0\.1(4|5)"))
    chart.focus()
    for _ in range(9):
        page.keyboard.press("+")
    expect(chart.locator(".foot")).to_contain_text(re.compile("train: all [34]"))
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + 100)
    expect(values).to_contain_text(re.compile(r"train(0\.1000|5) ?smoothed 0\.1[2-7]"))  # as at this point
    page.get_by_label("Log scale").check()
    page.locator("#axis").get_by_text("Step").click()
    expect(page).to_have_url(re.compile(r"\?smooth=0\.99&log=1&axis=step$"))
    page.get_by_role("link", name="Fruit on the table").click()
    page.go_back()
    expect(page.get_by_label("Log scale")).to_be_checked()
    expect(page.get_by_role("radio", name="Step")).to_be_checked()
    expect(page.locator("#smoothing")).to_have_value("0.99")
    expect(chart.locator(".foot")).to_contain_text("mean and range of 200,000 points")
    assert site.complaints == []


def test_constants_single_points_and_extreme_numbers_are_seen_on_every_scale(site):
    story = site.started("odd")
    odd = {"four": 1e-4, "three": 1e-3, "huge": 1e308, "tiny": 5e-324}
    for epoch in range(5):
        story.metrics("train", epoch, **odd, between=[float("nan"), 7.0][epoch % 2])
    story.metrics("val", 2, single=0.25)
    story.flush()
    for query in ("", "?log=1", "?smooth=0.9", "?log=1&smooth=0.9&axis=step"):
        site.go(f"/tasks/{story.task_id}{query}")
        for name, tone in {**dict.fromkeys([*odd, "between"], "--train"), "single": "--val"}.items():
            canvas = canvas_of(site.page, name)
            canvas.scroll_into_view_if_needed()
            assert canvas.evaluate(COUNT_PIXELS, tone) > 5, (name, query)
    assert site.complaints == []

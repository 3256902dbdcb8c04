"""The pages through a real nginx: below a path of its own, and on another port than the web knows of."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from tests.support.browser import listen_for_complaints
from tests.support.demo_store import start, tar_bytes, train
from tests.support.labeled_project import fields
from tests.support.reverse_proxy import behind_nginx, documented
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.chromium

WITHOUT_PORT = "server { listen 8080; location / { proxy_pass http://127.0.0.1:8120; proxy_set_header Host $host; } }"


@pytest.fixture
def page(site):
    """A page that is not logged in: the proxy is localhost for it, and has the cookies of that name."""
    page = site.page.context.new_page()
    listen_for_complaints(page, site.complaints)
    yield page
    page.close()
    site.page.context.clear_cookies()


def log_in(page) -> None:
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()


def test_everything_works_below_a_path(site, page, tmp_path):
    project = fields(site.store, site.artifacts)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with behind_nginx(documented(), site.server.url, tmp_path) as port:
        base = f"http://localhost:{port}/tools/agent"
        page.goto(f"{base}/tasks?show=running")
        log_in(page)
        expect(page).to_have_url(f"{base}/tasks?show=running")
        expect(page.locator("#live")).to_have_attribute("data-state", "on")
        (cookie,) = site.page.context.cookies(f"{base}/tasks")
        assert cookie["path"] == "/tools/agent"
        assert site.page.context.cookies(f"http://localhost:{port}/other") == []

        page.get_by_role("link", name="New task").click()
        page.goto(f"{base}/tasks/new?plugin=1&project=1&model=1")
        page.get_by_label("Name of the result").fill("through the proxy")
        page.get_by_role("button", name="Start training").click()
        expect(page).to_have_url(re.compile(f"{base}/tasks/\\d+$"))
        (task,) = site.store.tasks.list()
        story = start(site.store, task)
        train(story, site.artifacts, epochs=1)
        foot = page.locator(".chart", has_text="loss").locator(".foot")
        expect(foot).to_contain_text("train: all 30 points")
        for i in range(3):
            story.metrics("train", 1 + (i + 1) / 30, loss=0.4)
            story.flush()
            expect(foot).to_contain_text(f"train: all {31 + i} points")  # each at once: nothing keeps the stream back

        page.get_by_role("link", name="Models", exact=True).click()
        page.get_by_role("link", name="Upload .tar").first.click()
        state = tar_bytes(**{"config.json": b'{"classes": []}', "model.pt": os.urandom(3 << 20)})
        page.set_input_files("#file", files=[{"name": "w.tar", "mimeType": "application/x-tar", "buffer": state}])
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", name="w")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        assert download.value.path().read_bytes() == state

        page.goto(f"{base}/projects/{project.id}/images")
        expect(page.locator("#position")).to_have_text("1 of 3")
        expect(page.locator("#objects .object-row")).to_have_count(5)
        page.get_by_role("link", name="Projects", exact=True).first.click()
        cover = page.locator(".cover img").first
        expect(cover).to_be_visible()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=cover.element_handle())

        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{base}/login")
        page.goto(f"{base}/tasks/{task.id}/")  # which is corrected to the address without the slash, then to the login
        expect(page).to_have_url(re.compile(f"{base}/login\\?next="))

    outside = {url for url in asked if not url.startswith((f"{base}/", "data:", "blob:"))}
    assert outside == set()
    assert site.complaints == []


def test_a_proxy_on_another_port_may_drop_the_port_from_host(site, page, tmp_path):
    story = site.started("stoppable")
    with behind_nginx(WITHOUT_PORT, site.server.url, tmp_path) as port:
        base = f"http://localhost:{port}"
        page.goto(f"{base}/tasks/{story.task_id}")
        log_in(page)
        page.get_by_role("button", name="Stop").click()
        page.locator("#confirm-stop").get_by_role("button", name="Stop").click()
        expect(page.locator("#stop")).to_have_text("Stopping")

        def login(**headers: str) -> int:
            return httpx2.post(f"{base}/login", data={"token": TOKEN}, headers=headers, timeout=20).status_code

        assert login(origin=base) == 303, "a browser that sends no Sec-Fetch-Site"
        assert login(origin="https://evil.example") == 403
        assert login(**{"origin": base, "sec-fetch-site": "cross-site"}) == 403
        direct = site.server.url
        foreign = {"origin": base.replace("localhost", str(urlsplit(direct).hostname))}
        assert httpx2.post(f"{direct}/login", data={"token": TOKEN}, headers=foreign, timeout=20).status_code == 403
    assert site.complaints == []

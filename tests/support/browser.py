"""A site with its own installation in a real browser, for tests of pages. The fixtures are in `e2e/conftest.py`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, ViewportSize, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from agent.artifacts import Artifacts, open_artifacts
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.demo_store import Library, Story, fill_library, new_task, start
from tests.support.web_server import TOKEN, Server

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / ".build" / "pictures"
# The shell is Chromium without its windows: tests take a quarter less processor time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), "")
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)

# The number of canvas pixels with a colour, whose name is in the style sheet. Lines have soft edges.
COUNT_PIXELS = """
(canvas, name) => {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) n += 1;
  }
  return n;
}
"""


def open_browser(profile: Path) -> Iterator[BrowserContext]:
    """Chromium, as the system has it. Without it the test is skipped; in CI it fails."""
    if not CHROMIUM:
        reason = "there is no Chromium; on Debian: apt-get install chromium-headless-shell"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=30_000)  # milliseconds; a busy machine needs seconds for the scripts of a first page
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=ARGUMENTS, viewport=DESK
        )
        yield context
        context.close()


def _note_cut_off(cut_off: list[str], request: Request) -> None:
    if request.resource_type in ("script", "stylesheet") and NETWORK_CHANGED in (request.failure or ""):
        cut_off.append(request.url)


@dataclass
class Site:
    store: Store
    artifacts: Artifacts
    library: Library
    settings: Settings
    server: Server
    page: Page
    restart: Callable[[], None]
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str, page: Page | None = None) -> None:
        """Open a page, again when the browser gave up because a container of another test changed the networks."""
        tab = page or self.page
        for _ in range(5):
            cut_off: list[str] = []
            note = partial(_note_cut_off, cut_off)
            tab.on("requestfailed", note)
            try:
                tab.goto(self.server.url + path)
            except PlaywrightError as error:
                if NETWORK_CHANGED not in str(error):
                    raise
                continue
            finally:
                tab.remove_listener("requestfailed", note)
            if not cut_off:  # else a script of the page may be missing, and it is about to load itself again
                return
        pytest.fail(f"the networks of this machine changed while {path} was loaded, five times")

    def started(self, name: str = "fruit") -> Story:
        return start(self.store, new_task(self.store, self.library, name))


def open_site(browser: BrowserContext, tmp_path: Path) -> Iterator[Site]:
    """An installation with a small library, its web, and a page that is logged in."""
    settings = Settings(home=tmp_path, token=TOKEN, web_port=0)
    artifacts = open_artifacts(settings.artifacts)
    with open_store(settings.store) as store:
        server = Server(store, artifacts, settings)
        page = browser.new_page()

        def restart() -> None:
            port = int(made.server.url.rpartition(":")[2])
            made.server.stop()
            made.server = Server(store, artifacts, replace(settings, web_port=port))

        made = Site(store, artifacts, fill_library(store, artifacts), settings, server, page, restart)

        listen_for_complaints(page, made.complaints)
        assert server.served is not None
        # The cookie is enough: each test opens its own page. Others follow the link as a user does.
        assert browser.request.get(server.served.login_url, max_redirects=0).status == 303
        yield made
        page.close()
        made.server.stop()


def listen_for_complaints(page: Page, complaints: list[str]) -> None:
    """Errors and warnings of the page, but for those of networks that a container of another test has changed."""

    def keep(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and NETWORK_CHANGED not in message.text:
            complaints.append(message.text)

    page.on("console", keep)
    page.on("pageerror", lambda error: complaints.append(str(error)))


def canvas_of(page: Page, metric: str) -> Any:
    return page.locator(".chart", has=page.get_by_role("heading", name=metric, exact=True)).locator("canvas").first


def keep_picture(site: Site, name: str) -> None:
    """Save a picture of the page in the build folder, for a reviewer."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"{name}.png"
    site.page.screenshot(path=file)
    assert file.stat().st_size > 20_000

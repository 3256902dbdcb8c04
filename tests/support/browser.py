"""A site of one's own in a real browser: what page tests share. Its fixtures are in `e2e/conftest.py`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from agent.artifacts import Artifacts, open_artifacts
from agent.settings import Settings
from agent.store import Store, open_store
from tests.demo_store import Library, Story, fill_library, new_task, start
from tests.web_server import TOKEN, Server

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / ".build" / "pictures"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

# How many pixels of the canvas have a colour, given by its name in the style sheet. Lines are drawn soft.
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
    """Debian's Chromium; the test is skipped where there is none, and fails there in CI."""
    if not Path(CHROMIUM).exists():
        reason = f"there is no {CHROMIUM}; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=ARGUMENTS, viewport=DESK
        )
        yield context
        context.close()


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

    def go(self, path: str) -> None:
        self.page.goto(self.server.url + path)

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
            made.server = Server(store, artifacts, settings.model_copy(update={"web_port": port}))

        made = Site(store, artifacts, fill_library(store, artifacts), settings, server, page, restart)
        page.on("console", lambda m: made.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        assert server.served is not None
        page.goto(server.served.login_url)
        yield made
        page.close()
        made.server.stop()


def canvas_of(page: Page, metric: str) -> Any:
    return page.locator(".chart", has=page.get_by_role("heading", name=metric, exact=True)).locator("canvas").first


def keep_picture(site: Site, name: str, request: pytest.FixtureRequest, *, docs: bool = False) -> None:
    """A picture among the build's artefacts; refreshed in docs/pictures by --refresh-pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"{name}.png"
    site.page.screenshot(path=file)
    assert file.stat().st_size > 20_000
    if docs and request.config.getoption("--refresh-pictures"):
        shutil.copy(file, ROOT / "docs" / "pictures" / file.name)

"""Take the README's pictures of the tasks of `make demo`, in a headless Chromium: `make pictures`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.web_server import Server

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".build" / "demo" / "home"
PICTURES = ROOT / "docs" / "pictures"
SIZE: ViewportSize = {"width": 1280, "height": 860}


def main() -> int:
    settings = Settings(home=HOME, web_port=0)
    if not HOME.exists():
        print("there is no demo yet: run `make demo` first", file=sys.stderr)
        return 2
    with open_store(settings.store) as store, sync_playwright() as playwright:
        server = Server(store, open_artifacts(settings.artifacts), settings)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        assert server.served is not None
        page.goto(server.served.login_url)
        training = min(task.id for task in store.tasks.list())
        take(page, f"{server.url}/tasks/{training}", "task")
        take(page, f"{server.url}/tasks/new?task={training}", "new-task")
        browser.close()
        server.stop()
    return 0


def take(page: Page, address: str, name: str) -> None:
    """Take a picture of a page after all its requests were answered."""
    page.goto(address)
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    page.locator("main").wait_for()
    page.wait_for_timeout(1500)  # charts animate their curves, and no event reports the end of the animation
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())

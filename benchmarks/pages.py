"""Pages in a real browser, against limits: hundreds of charts, and what a page costs while nobody touches it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from agent.domain import TaskStatus
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.settings import Settings
from agent.store import EventRow, open_store
from agent.store.columns import to_json
from benchmarks import Ratio, _web_ours
from benchmarks._web_ours import Web
from benchmarks.store import fill_task_list, new_task
from benchmarks.web import best, within
from tests.support.browser import ARGUMENTS, CHROMIUM, DESK

METRICS, EPOCHS, CHARTS_LIMIT_S = 600, 100, 1.0
TASKS = 1000
REST_S, SETTLED_S = 4.0, 5.0
IDLE_LIMIT = 0.01  # of a processor, more than an empty page takes
_LEAST = 1e-4  # below it nothing is measured


def measure(rounds: int) -> Iterable[Ratio]:
    folder = Path(tempfile.mkdtemp(prefix="bench-pages-"))
    try:
        home = folder / "home"
        home.mkdir()
        task_id = fill(home)
        with _web_ours.serving(home) as web, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page(viewport=DESK)
            page.goto(web.login_link)
            yield charts(page, web, task_id, rounds)
            pages = {"tasks": "/tasks", "an ended task": f"/tasks/{task_id}", "runs": "/runs"}
            yield from at_rest(page, web, pages, rounds)
            browser.close()
    finally:
        shutil.rmtree(folder)


def fill(home: Path) -> int:
    """Many tasks, and one with hundreds of metrics, which is given."""
    with open_store(Settings(home=home).store) as store:
        fill_task_list(store, TASKS)
        task_id = new_task(store)
        store.tasks.claim("bench", task_id=task_id)
        store.tasks.become(task_id, TaskStatus.STARTED)
        kind = {"message": "metrics", "event_type": "EventType.METRICS", "type": "train"}
        lines = [
            to_json({**kind, "epoch": epoch, "metrics": {f"head{n // 60}/loss{n}": n / epoch for n in range(METRICS)}})
            for epoch in range(1, EPOCHS + 1)
        ]
        rows = [EventRow(seq, parse_line(line, Stream.STDERR, seq)) for seq, line in enumerate(lines, 1)]
        store.events.append(task_id, rows, lines_read=len(rows))
        store.tasks.become(task_id, TaskStatus.FINISHED)
    return task_id


def charts(page: Page, web: Web, task_id: int, rounds: int) -> Ratio:
    """The time from the request of the page until its first chart is drawn."""
    took = []
    for _ in range(rounds + 1):
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(_address(web, f"/tasks/{task_id}"), wait_until="commit")
        page.locator(".chart .foot").first.filter(has_text=f"all {EPOCHS}").wait_for()
        took.append(time.perf_counter() - start)
    if page.locator("#metrics-count").inner_text() != str(METRICS):
        raise RuntimeError("The page does not offer every metric.")
    remark = f"{best(took[1:])} at best, the first {took[0] * 1000:.0f} ms"
    return Ratio(f"page with {METRICS} metrics", "first chart drawn", *within(CHARTS_LIMIT_S, took[1:]), 1.0, remark)


def at_rest(page: Page, web: Web, paths: Mapping[str, str], rounds: int) -> Iterable[Ratio]:
    """The processor time of the browser while a page is open and nothing happens, beyond that of an empty page."""
    for name, path in paths.items():
        shares = []
        for _ in range(rounds):
            page.goto("about:blank")
            empty = busy()
            page.goto(_address(web, path))
            page.wait_for_timeout(SETTLED_S * 1000)
            shares.append(max(_LEAST, busy() - empty))
        what, limit = f"page at rest: {name}", f"{IDLE_LIMIT:.0%} of a processor"
        remark = f"{min(shares):.2%} to {max(shares):.2%} above an empty page"
        yield Ratio(what, "the whole browser", limit, tuple(IDLE_LIMIT / share for share in shares), 1.0, remark)


def busy() -> float:
    """The share of a processor that the browser takes."""

    def spent_s() -> float:
        found = [process for process in psutil.Process().children(recursive=True) if "chrom" in process.name()]
        return sum(sum(process.cpu_times()[:2]) for process in found)

    before = spent_s()
    time.sleep(REST_S)
    return (spent_s() - before) / REST_S


def _address(web: Web, path: str) -> str:
    return f"http://{web.address[0]}:{web.address[1]}{path}"

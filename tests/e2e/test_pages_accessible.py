"""Every page can be used by everybody: axe-core finds nothing, light, dark, and as wide as a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.accessible import axe_source, violations
from tests.support.browser import DESK, PHONE, Site
from tests.support.demo_store import checkpoint, crash, train
from tests.support.labeled_project import fields, predictions
from tests.support.pictured_evaluation import evaluated, orchard

pytestmark = pytest.mark.chromium


def pages(site: Site) -> dict[str, tuple[str, str]]:
    """Every page by its name: its address, and an element that is there once the page is drawn."""
    running, failed = site.started(), site.started("failed")
    train(running, site.artifacts, epochs=2)
    running.say("a warning", "warn")
    running.flush()
    crash(failed)
    checkpoint(running, site.artifacts, 7, 2.5, {"loss": 0.1}, is_best=True)
    project = fields(site.store, site.artifacts)
    made = predictions(site.store, site.artifacts, site.library, project)
    truth, guesses, better = orchard(site.store, site.artifacts, 4)
    first, second = (evaluated(site.store, truth, other).id for other in (guesses, better))
    errors = f"/projects/{truth.id}/images?with={guesses.id}&mode=errors&evaluation={first}"
    viewer = f"/projects/{project.id}/images?with={made.id}"
    return {
        "tasks": ("/tasks", "#rows .row"),
        "running task": (f"/tasks/{running.task_id}", ".chart canvas"),
        "failed task": (f"/tasks/{failed.task_id}", "#log .line"),
        "inference": (f"/tasks/{made.task_id}", "#log"),
        "new task": ("/tasks/new", ".choices input"),
        "new study": ("/studies/new", ".space-row"),
        "models": ("/models", "#rows .row"),
        "model": (f"/models/{site.library.model_id}", "main h1"),
        "upload": ("/models/upload", "#drop"),
        "projects": ("/projects", ".project-card"),
        "project": (f"/projects/{project.id}", ".stat"),
        "data of a project": (f"/projects/{project.id}?view=data", ".twins"),
        "viewer": (viewer, ".object-row"),
        "difference": (f"{viewer}&mode=difference", ".areas"),
        "evaluations": ("/evaluations", "#rows tr"),
        "evaluation": (f"/evaluations/{first}?section=detection&with={second}", ".tile .change"),
        "evaluated objects": (f"/evaluations/{first}?section=tags&list=objects", "#objects tbody tr"),
        "errors": (errors, "#errors .object-row"),
        "plugins": ("/plugins", "main a"),
        "plugin": (f"/plugins/{site.library.plugin_id}", "main h1"),
        "space": ("/space", "main h1"),
        "error": ("/tasks/999999", "main h1"),
        "login": ("/login", "main h1"),
    }


def test_axe_finds_nothing_on_any_page(site):
    axe = axe_source()
    page = site.page
    found = []
    for name, (path, drawn) in pages(site).items():
        if name == "login":
            page.context.clear_cookies()
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        site.go(path)
        expect(page.locator(drawn).first, name).to_be_visible()
        found += [f"{name}, light · {one}" for one in violations(page, axe)]
        page.emulate_media(color_scheme="dark")
        found += [f"{name}, dark · {one}" for one in violations(page, axe, "color-contrast")]
        page.set_viewport_size(PHONE)
        found += [f"{name}, phone · {one}" for one in violations(page, axe)]
    assert not found, "\n".join(found)

"""Hostile texts in a real browser: they are shown, never run."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from agent.domain import NewModel, Provenance
from agent.events.model import Stream
from tests.integration.library.test_hostile_plugins import EVIL, README
from tests.support.demo_store import state_tar
from tests.support.hostile_streams import HTML, STREAMS

pytestmark = pytest.mark.chromium

RUN = "window.pwned"


def test_a_log_of_markup_and_escapes_is_shown_as_the_text_it_is(site):
    story = site.started(HTML)
    for one in STREAMS.values():
        if len(one.line) < 10_000:
            story.raw(one.line.decode(errors="replace"), Stream.STDERR)
    story.flush()
    site.go(f"/tasks/{story.task_id}")
    log = site.page.locator("#log")
    expect(log).to_contain_text(HTML)
    expect(log.locator(".a-red", has_text="red").first).to_be_visible()
    expect(log.locator("img, script, iframe")).to_have_count(0)
    expect(site.page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    site.page.locator("#log-search").fill("<script>")
    expect(site.page.locator("#log mark").first).to_have_text("<script>")
    site.go("/tasks")
    expect(site.page.locator("#rows")).to_contain_text("<img src=x")

    assert site.page.evaluate(RUN) is None
    assert site.complaints == []


def test_a_line_that_turns_text_turns_nothing_beside_it(site):
    """The text after the mark, and the next line, are at the same place as without the mark."""
    story = site.started()
    story.raw("plain", Stream.STDERR)
    story.say("a\u202egpj.exe", after="it")
    story.raw("plain too", Stream.STDERR)
    story.flush()
    site.go(f"/tasks/{story.task_id}")
    lines = site.page.locator("#log .line")
    expect(lines.filter(has_text="plain too")).to_have_count(1)
    left = [line.locator(".text").bounding_box()["x"] for line in lines.all()]

    assert len({round(x) for x in left}) == 1
    turned = lines.filter(has_text="gpj.exe")
    assert turned.locator("bdi").bounding_box()["x"] < turned.locator(".fields").bounding_box()["x"]
    assert turned.locator("bdi").bounding_box()["width"] < 200
    assert site.complaints == []


def test_names_and_texts_of_plugins_and_models_are_shown_as_text(site):
    plugin = site.store.plugins.put(
        title=EVIL,
        description=EVIL,
        type="architecture",
        image="local/evil",
        tag="1",
        modes=("train",),
        readme=README,
        configs=({"title": EVIL, "type": "train", "config": {EVIL: EVIL}},),
        image_digest=None,
        folder=None,
        content_sha256=None,
    )
    blob = site.artifacts.put_bytes(state_tar([EVIL], 1))
    origin = Provenance(plugin_id=plugin.id)
    model = site.store.models.add(NewModel(EVIL, blob.sha256, blob.size_bytes, {EVIL: EVIL}, provenance=origin))
    loaded = []
    site.page.on("request", lambda request: loaded.append(request.url))
    for path in ("/plugins", f"/plugins/{plugin.id}", "/models", f"/models/{model.id}", f"/tasks/new?model={model.id}"):
        site.go(path)
        expect(site.page.locator("body")).to_contain_text("<img src=x")
        assert site.page.evaluate(RUN) is None, path
        assert site.page.locator("img[src=x], iframe, [onclick], a[href^='javascript:'], a[href^='data:']").count() == 0

    assert all(url.startswith((site.server.url, "data:", "blob:")) for url in loaded)
    assert site.complaints == []


def test_classes_datasets_and_images_of_any_name_are_text(site):
    def api(method, body):
        answer = site.page.request.post(
            f"{site.server.url}/public/api/v3/{method}",
            headers={"x-api-key": site.settings.token, "content-type": "application/json"},
            data=json.dumps(body),
        )
        assert answer.ok, answer.text()
        return answer.json()

    name = re.sub("/", "", EVIL)
    project = api("projects.add", {"workspaceId": 1, "name": name})["id"]
    meta = {
        "classes": [{"title": EVIL, "shape": "any", "color": "#112233"}],
        "tags": [{"name": EVIL, "value_type": "none"}],
    }
    api("projects.meta.update", {"id": project, "meta": meta})
    api("datasets.add", {"projectId": project, "name": name})
    for path in ("/projects", f"/projects/{project}"):
        site.go(path)
        expect(site.page.locator("body")).to_contain_text("<img src=x")
        assert site.page.evaluate(RUN) is None
        assert site.page.locator("img[src=x]").count() == 0

    assert site.complaints == []

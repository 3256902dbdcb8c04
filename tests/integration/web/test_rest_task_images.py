"""Images that tasks logged, over REST."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image as Picture

from tests.integration.web.conftest import Site
from tests.support.demo_store import Story, log_image, new_task, start


@pytest.fixture
def story(site: Site) -> Story:
    """A running task with two names over three steps, and one image without a step."""
    story = start(site.store, new_task(site.store, site.library, "net"))
    for step in (1, 2, 2.5):
        for name in ("val/0", "val/1"):
            log_image(story, site.artifacts, name, step, (int(80 * step), 0, 0), f"step {step}")
    log_image(story, site.artifacts, "curve.png", None, (0, 0, 200))
    return story


def listed(site: Site, story: Story, query: str = "") -> dict[str, Any]:
    answer = site.client.get(f"/api/tasks/{story.task_id}/images{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_images_are_found_by_name_and_step_and_come_in_pages(site: Site, story: Story) -> None:
    assert [image["step"] for image in listed(site, story, "?name=val/0")["items"]] == [1, 2, 2.5]
    assert [image["name"] for image in listed(site, story, "?step=2.5")["items"]] == ["val/0", "val/1"]
    assert [image["name"] for image in listed(site, story, "?step=none")["items"]] == ["curve.png"]
    assert listed(site, story, "?step=7") == {"items": [], "next": None, "total": 0}

    first = listed(site, story, "?limit=4")
    rest = listed(site, story, f"?limit=4&after={first['next']}")
    assert (len(first["items"]), len(rest["items"]), rest["next"], rest["total"]) == (4, 3, None, 7)

    assert listed(site, story, "/names") == {
        "names": [{"name": "val/0", "count": 3}, {"name": "val/1", "count": 3}, {"name": "curve.png", "count": 1}],
        "steps": [1, 2, 2.5],
        "without_step": 1,
        "total": 7,
    }


@pytest.mark.parametrize("query", ["?step=nan", "?step=inf", "?step=x", "?limit=0", "?after=-1"])
def test_a_question_that_makes_no_sense_is_refused(site: Site, story: Story, query: str) -> None:
    assert site.client.get(f"/api/tasks/{story.task_id}/images{query}").status_code == 400


def test_the_bytes_of_an_image_come_whole_small_and_for_a_browser(site: Site, story: Story) -> None:
    image = listed(site, story, "?step=1")["items"][0]

    file = site.client.get(image["file"])
    assert (file.headers["content-type"], len(file.content)) == ("image/png", image["size_bytes"])
    assert site.client.get(image["file"], headers={"range": "bytes=1-3"}).content == b"PNG"
    assert site.client.get(image["picture"]).content == file.content
    small = site.client.get(image["thumbnail"])
    assert small.headers["content-type"] == "image/webp"
    assert "immutable" in small.headers["cache-control"]
    assert Picture.open(io.BytesIO(small.content)).size == (160, 120)
    assert site.client.get(image["thumbnail"], headers={"if-none-match": small.headers["etag"]}).status_code == 304


def test_an_image_belongs_to_its_task(site: Site, story: Story) -> None:
    other = new_task(site.store, site.library, "other")
    image = listed(site, story)["items"][0]
    for kind in ("file", "picture", "thumbnail"):
        assert site.client.get(f"/api/tasks/{other.id}/images/{image['id']}/{kind}").status_code == 404
        assert site.stranger.get(f"/api/tasks/{story.task_id}/images/{image['id']}/{kind}").status_code == 401
    assert site.client.get("/api/tasks/999/images").status_code == 404
    assert site.client.get("/api/tasks/999/images/names").status_code == 404
    assert listed(site, Story(site.store, other.id)) == {"items": [], "next": None, "total": 0}

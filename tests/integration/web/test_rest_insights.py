"""What the data of a project says, over REST: every number leads to its images, and nothing breaks it."""

from __future__ import annotations

import io
import json
import socket
import threading
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image as Picture

from agent.domain import NewImage, NewProject
from tests.support.labeled_project import HOSTILE, META, SIZE, add, annotation, bitmap, fields, shape
from tests.support.web_server import TOKEN
from web_stub.gallery import near_images
from web_stub.gallery.fingerprints import Fingerprints


@pytest.fixture
def project(site):
    return fields(site.store, site.artifacts)


def insights(site, project, path="", **query):
    answer = site.client.get(f"/api/projects/{project.id}/insights{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(site, project, **query):
    answer = site.client.get(f"/api/projects/{project.id}/images", params=query)
    assert answer.status_code == 200, answer.text
    return [image["name"] for image in answer.json()["items"]]


def picture(seed: int, quality: int = 95) -> bytes:
    """Coloured ellipses, as JPEG."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :80]
    pixels = np.full((60, 80, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(8):
        inside = ((x - rng.integers(80)) / rng.integers(5, 30)) ** 2 + ((y - rng.integers(60)) / 12) ** 2 < 1
        pixels[inside] = rng.integers(0, 256, 3)
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def pictured(site, *images: tuple[str, bytes, list[str]]):
    """A project of these images: name, bytes, tags."""
    rows = []
    for name, content, tags in images:
        blob = site.artifacts.put_bytes(content)
        text = annotation([], tags)
        rows.append(NewImage(name, blob.sha256, blob.size_bytes, *SIZE, "image/jpeg", text))
    return site.store.projects.add(NewProject("Pictures", "", META, "", [("ds", rows)]))


def test_numbers_of_a_project_are_right_and_lead_to_their_images(site, project):
    said = insights(site, project)
    findings = {one["kind"]: one for one in said["findings"]}

    assert said["splits"] == {"train": 2, "val": 0, "both": 0, "neither": 1}
    assert said["frames"] == [{"width": 80, "height": 60, "images": 3}]
    assert {one["title"] for one in said["lone_classes"]} == {"plot", "box", "path", "spot"}
    assert (findings["unlabeled"]["images"], findings["unlabeled"]["objects"]) == (1, None)
    assert findings["unlabeled"]["name"] == "Images without labels"
    assert names(site, project, finding="unlabeled") == ["b.png"]
    assert names(site, project, finding="frame.80x60", text="b") == ["b.png"]
    assert names(site, project, **{"class": "leaf", "also": "box"}) == ["a.png"]
    assert said["together"]["images"][0][:2] == [2, 1]
    for one in said["classes"]:
        for size, count in enumerate(one["sizes"]):
            found = names(site, project, **{"class": one["title"], "finding": f"size.{size}"})
            assert bool(found) == bool(count)


def test_a_cell_of_the_map_leads_to_the_images_with_an_object_there(site, project):
    everything, of_class = insights(site, project)["places"], insights(site, project, "/places", **{"class": "leaf"})
    cells = [(x, y) for y, row in enumerate(of_class["objects"]) for x, count in enumerate(row) if count]

    assert sum(map(sum, everything["objects"])) == 6
    assert len(cells) == 2
    for x, y in cells:
        (name,) = names(site, project, **{"class": "leaf", "finding": f"place.{x}.{y}"})
        assert name == "a.png"
    assert sum(map(sum, insights(site, project, "/places", **{"class": "none"})["objects"])) == 0


def test_annotations_from_strangers_are_findings_and_no_fault(site):
    texts = {
        "good.png": annotation(HOSTILE),
        "list.png": "[1]",
        "none.png": "",
        "other.png": annotation([bitmap("leaf", 0, 0, 9, 9, hole=(0, 0, 9, 9))], size=(60, 80)),
        "far.png": annotation([shape("box", [[90, 0], [95, 5]]), shape("plot", [[0, 0], [3, 0], [3, 3]])]),
        "twice.png": annotation([shape("box", [[1, 1], [30, 30]]), shape("box", [[30, 30], [1, 1]])]),
    }
    project = add(site.store, site.artifacts, "Strange", {"ds": texts})
    found = {one["kind"]: (one["objects"], one["images"]) for one in insights(site, project)["findings"]}

    assert found == {
        "broken": (8, 1),
        "empty": (1, 1),
        "tiny": (1, 1),
        "outside": (1, 1),
        "beyond": (2, 1),
        "twice": (1, 1),
        "unreadable": (None, 1),
        "unlabeled": (None, 1),
        "resized": (None, 1),
        "both": (None, 0),
    }
    for kind, (_, images) in found.items():
        assert len(names(site, project, finding=kind)) == images
    assert names(site, project, finding="twice", **{"class": "plot"}) == []


def test_nearly_equal_images_are_found_those_of_train_and_val_first(site):
    project = pictured(
        site,
        ("a.jpg", picture(1), ["train"]),
        ("a again.jpg", picture(1, quality=60), ["val"]),
        ("b.jpg", picture(2), ["val"]),
        ("c.jpg", picture(3), ["train"]),
        ("c again.jpg", picture(3), ["train"]),
        ("broken.jpg", b"\xff\xd8\xff nothing", ["val"]),
    )
    gone = NewImage("gone.jpg", "0" * 64, 1, *SIZE, "image/jpeg", annotation([]))
    site.store.images.add(site.store.datasets.list(project.id)[0].id, [gone])
    near = insights(site, project, "/near")

    pairs = [[image["name"] for image in pair["images"]] for pair in near["items"]]
    assert pairs == [["a.jpg", "a again.jpg"], ["c.jpg", "c again.jpg"]]
    assert [(pair["is_across"], pair["is_same_file"]) for pair in near["items"]] == [(True, False), (False, True)]
    assert near["items"][0]["images"][1]["splits"] == ["val"]
    assert near | {"total": 2, "across": 1, "near": 4, "leaks": 1, "next": None, "is_complete": True} == near
    assert (near["compared"], near["unreadable"], near["missing"]) == (5, 1, 1)
    assert names(site, project, finding="leak") == ["a.jpg", "a again.jpg"]
    assert names(site, project, finding="near") == ["a.jpg", "a again.jpg", "c.jpg", "c again.jpg"]
    third = near["items"][1]["images"][0]["id"]
    assert names(site, project, finding=f"near.{third}") == ["c.jpg", "c again.jpg"]
    place = site.client.get(f"/api/images/{third}", params={"finding": "near"}).json()["place"]
    assert (place["position"], place["total"]) == (3, 4)
    assert [insights(site, project, "/near", limit=1, offset=at)["next"] for at in (0, 1, 5)] == [1, None, None]
    assert insights(site, project, "/progress") == {"images": 7, "labels": None, "pictures": None}


@pytest.mark.parametrize("finding", ["near.999999", "no finding", "size.x", "frame.1", ""])
def test_what_is_no_finding_is_said_in_one_sentence(site, project, finding):
    answer = site.client.get(f"/api/projects/{project.id}/images", params={"finding": finding})

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_project_without_images_or_of_another_id(site):
    empty = add(site.store, site.artifacts, "Empty", {"ds": {}})

    assert insights(site, empty)["images"] == 0
    assert insights(site, empty, "/near")["items"] == []
    for path in ("", "/places", "/near", "/progress"):
        assert site.client.get(f"/api/projects/999/insights{path}").status_code == 404


def test_fingerprints_are_made_once_for_each_content_and_survive_damage(site, monkeypatch):
    project = pictured(site, ("a.jpg", picture(1), []), ("b.jpg", picture(1), []), ("c.jpg", b"no picture", []))
    folder, files = site.settings.home / "cache" / "fingerprints", site.store.gallery.files(project.id)
    told: list[tuple[int, int]] = []
    first = Fingerprints(site.artifacts, folder, site.app.state.web.workers).of(files, lambda *now: told.append(now))
    monkeypatch.setattr(site.app.state.web.workers, "fingerprint", lambda *_: pytest.fail("made again"))
    again = Fingerprints(site.artifacts, folder, site.app.state.web.workers).of(files)

    assert told[0] == (0, 3)
    assert told[-1][1] == 3
    assert again.has_one.tolist() == first.has_one.tolist() == [True, True, False]
    assert np.array_equal(again.fingerprints, first.fingerprints)
    monkeypatch.undo()
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-7])
    assert np.array_equal(
        Fingerprints(site.artifacts, folder, site.app.state.web.workers).of(files).fingerprints, first.fingerprints
    )
    assert kept.stat().st_size == 2 * (32 + 1 + first.fingerprints.shape[1])


def test_what_is_said_follows_the_project(site, project):
    before = insights(site, project)
    image = site.client.get(f"/api/projects/{project.id}/images").json()["items"][1]
    site.store.images.annotate(
        {image["id"]: json.dumps({"objects": [shape("box", [[0, 0], [1, 1]])], "tags": ["val"]})}
    )
    after = insights(site, project)

    assert (before["splits"]["val"], after["splits"]["val"]) == (0, 1)
    assert [one["images"] for one in after["findings"] if one["kind"] in ("tiny", "unlabeled")] == [1, 0]


def test_while_a_project_is_looked_through_it_is_said_how_far_that_is(site, monkeypatch):
    project = pictured(site, ("a.jpg", picture(1), []), ("b.jpg", picture(2), []))
    seen: list[dict[str, int | None]] = []
    web = site.app.state.web
    fingerprint, of_dataset = site.app.state.web.workers.fingerprint, site.store.images.of_dataset

    def looked() -> None:
        seen.append(site.client.get(f"/api/projects/{project.id}/insights/progress").json())

    def watched_images(dataset_id):
        for image in of_dataset(dataset_id):
            yield image
            looked()

    def watched_fingerprint(*given):
        looked()
        return fingerprint(*given)

    monkeypatch.setattr(site.store.images, "of_dataset", watched_images)
    monkeypatch.setattr(site.app.state.web.workers, "fingerprint", watched_fingerprint)
    counted = web.search.statistics.of(project)
    web.search.near.of(project, counted)

    assert [one["labels"] for one in seen] == [0, 1, None, None]
    assert [one["pictures"] is None for one in seen] == [True, True, False, False]


def test_a_search_for_which_nobody_waits_any_more_ends(start_server, site, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def endless(*_args):
        begun.set()
        try:
            while True:
                _args[-1]()
        finally:
            ended.set()

    monkeypatch.setattr(near_images, "find_near", endless)
    project = pictured(site, ("a", picture(1), []))
    host, port = urlsplit(start_server().url).netloc.split(":")
    head = f"GET /api/projects/{project.id}/insights/near HTTP/1.1\r\nHost: {host}\r\nx-api-key: {TOKEN}\r\n\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode())
        assert begun.wait(20)
        assert not ended.is_set()

    assert ended.wait(20)


@pytest.mark.parametrize("path", ["insights", "insights/places", "insights/near", "images?finding=tiny"])
def test_answers_take_turns_with_other_large_requests(site, project, monkeypatch, path):
    monkeypatch.setattr(site.app.state.turns, "_most", 0)
    answer = site.client.get(f"/api/projects/{project.id}/{path}")

    assert (answer.status_code, answer.json()["details"]["reason"]) == (503, "too_busy")

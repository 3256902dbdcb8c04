"""Predictions that are kept: a project with the image and its annotation, which the official layout allows."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.played_model import png
from web_stub.rest import predictions

META = {"classes": [{"title": "apple", "shape": "rectangle", "color": "#FF0000", "id": 7}], "tags": []}
APPLE = {
    "classTitle": "apple",
    "geometryType": "rectangle",
    "tags": [],
    "points": {"exterior": [[1, 1], [4, 5]], "interior": []},
}
ANSWER = {"size": {"width": 12, "height": 8}, "objects": [APPLE]}


def keep(site, image=None, **changes):
    fields = {"project": "kept", "name": "a photo.png", "annotation": ANSWER, "meta": META, **changes}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    files = None if image is None else {"image": ("x", image)}
    return site.client.post("/api/predictions", data=texts, files=files)


def classes(site, project):
    return [one["title"] for one in site.store.projects.get(project).meta["classes"]]


def test_a_prediction_becomes_an_image_of_a_new_project_and_the_next_one_joins_it(site):
    first = keep(site, png())
    assert first.status_code == 201, first.text
    image = site.store.images.get(first.json()["image"])
    assert (image.name, image.width, image.height) == ("a photo.png", 12, 8)
    assert json.loads(image.annotation)["objects"] == [APPLE]
    with site.artifacts.open(image.sha256) as kept:
        assert kept.read() == png()

    pear = {"title": "pear", "shape": "rectangle", "color": "#00FF00"}
    second = keep(site, png((1, 2, 3)), meta={"classes": [*META["classes"], pear], "tags": []})
    assert second.json()["project"] == first.json()["project"]
    assert site.store.images.get(second.json()["image"]).name == "a photo_2.png"
    assert classes(site, first.json()["project"]) == ["apple", "pear"]
    assert site.store.projects.get(first.json()["project"]).images_count == 2


def test_an_image_of_the_library_is_kept_without_its_bytes(site):
    dataset = site.store.datasets.list(site.library.project_id)[0]
    known = next(site.store.images.of_dataset(dataset.id))
    size = {"width": known.width, "height": known.height}
    asked = {"project": "kept", "name": "again", "image_id": known.id, "meta": META}
    kept = site.client.post("/api/predictions", json={**asked, "annotation": {"size": size, "objects": []}})
    assert kept.status_code == 201, kept.text
    image = site.store.images.get(kept.json()["image"])
    assert (image.sha256, image.dataset_id != dataset.id) == (known.sha256, True)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        (
            {"annotation": {"size": {"width": 12, "height": 8}, "objects": [{**APPLE, "classTitle": "plum"}]}},
            400,
            "plum",
        ),
        ({"annotation": {"size": {"width": 99, "height": 8}, "objects": []}}, 400, "size"),
        ({"annotation": "{"}, 400, "annotation"),
        ({"meta": {"classes": [{"shape": "rectangle"}]}}, 400, "without a title"),
        ({"project": "a/b"}, 400, "slash"),
        ({"name": ".."}, 400, "not a name"),
        ({"image_id": "1"}, 400, "not both"),
        ({"more": "x"}, 400, "more"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(site, changes, status, said):
    before = site.store.projects.count()
    answer = keep(site, png(), **changes)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert site.store.projects.count() == before


def test_a_class_of_another_shape_is_refused_and_the_project_stays(site):
    project = keep(site, png()).json()["project"]
    other = keep(site, png(), meta={"classes": [{**META["classes"][0], "shape": "bitmap"}], "tags": []})
    assert (other.status_code, "apple" in other.json()["error"]) == (400, True)
    assert site.store.projects.get(project).images_count == 1
    assert keep(site, b"no image").status_code == 400


def test_what_a_model_can_be_asked_about_can_be_kept(site):
    assert keep(site, png() + bytes(17 << 20)).status_code == 201


def test_of_predictions_that_are_kept_at_once_no_class_is_lost(site):
    def one(number):
        fruit = {"title": f"fruit {number}", "shape": "rectangle", "color": "#FF0000"}
        return keep(site, png((number, 0, 0)), meta={"classes": [*META["classes"], fruit], "tags": []})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    (project,) = {answer.json()["project"] for answer in answers}
    assert sorted(classes(site, project)) == ["apple", *(f"fruit {number}" for number in range(8))]


def test_predictions_that_wait_for_each_other_take_no_thread_from_others(site, monkeypatch):
    held, begun, put = threading.Event(), threading.Event(), predictions._put

    def slow(*given):
        begun.set()
        assert held.wait(60)
        return put(*given)

    monkeypatch.setattr(predictions, "_put", slow)
    many = 60  # the pool of threads has forty
    with ThreadPoolExecutor(many) as threads, ThreadPoolExecutor(1) as other:
        keeping = [threads.submit(keep, site, png()) for _ in range(many)]
        assert begun.wait(60)
        try:
            lists = [other.submit(site.client.get, "/api/plugins") for _ in range(5)]
            assert [one.result(20).status_code for one in lists] == [200] * 5
        finally:
            held.set()
        assert [one.result().status_code for one in keeping] == [201] * many

"""Evaluations over REST: from the request to the images and objects behind a figure."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from agent.domain import TaskType
from agent.library.evaluations import EvaluationRequest, evaluate
from tests.integration.web.conftest import Site
from tests.support import pictured_evaluation
from tests.support.evaluated_projects import (
    META,
    add_images,
    add_predictions,
    add_training,
    add_truth,
    annotation,
    box,
    compute_here,
    new_inference,
)
from web_stub.gallery.workers import TookTooMuch

ROOT = "/api/evaluations"


@pytest.fixture
def id_(site: Site) -> int:
    """A finished evaluation of eight images."""
    task = add_predictions(site.store, add_truth(site.store))
    (queued,) = site.store.evaluations.list(task_id=task.id)
    return compute_here(site.store, queued.id).id


def ask(site: Site, address: str, status: int = 200) -> Any:
    answer = site.client.get(f"{ROOT}{address}")
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_evaluation_is_shown_whole_and_in_lists(site: Site, id_: int) -> None:
    whole = ask(site, f"/{id_}")

    assert (whole["status"], whole["images_done"], whole["is_outdated"]) == ("done", 8, False)
    assert [(one["title"], one["kind"], one["predicted"]) for one in whole["classes"]] == [
        ("apple", "boxes", ["apple_nn"]),
        ("pear", "boxes", ["pear_nn"]),
        ("leaf", "masks", ["leaf_nn"]),
    ]
    assert whole["classes"][0]["color"] == "#ff0000"
    assert whole["datasets"] == [{"name": "ds1", "images": 4}, {"name": "ds2", "images": 4}]
    assert whole["tags"] == [{"name": "train", "images": 5}, {"name": "val", "images": 3}]
    assert whole["headline"] == {name: whole["figures"][name]["headline"] for name in ("segmentation", "detection")}
    (card,) = ask(site, f"?project={whole['truth']['id']}")["items"]
    assert card == {name: whole[name] for name in card}
    assert ask(site, f"?task={whole['task_id']}")["items"] == [card]
    assert ask(site, f"?model={whole['model']['id']}")["items"] == [card]
    assert ask(site, "?model=999")["items"] == []
    assert ask(site, "?project=999") == {"items": [], "next": None}
    for address in ("/99", "/99/figures", "/99/images", "/99/objects", "/99/find?image_id=1", "/99/export?format=csv"):
        assert "no evaluation 99" in ask(site, address, 404)["error"]


def test_the_same_request_gives_the_same_evaluation(site: Site, id_: int) -> None:
    for asked in ({"predictions": "guesses"}, {"predictions": "guesses", "truth": "fruit", "suffix": "_nn"}):
        answer = site.client.post(ROOT, json=asked)
        assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (201, id_, "done")
    other = site.client.post(ROOT, json={"predictions": "guesses", "mapping": {"apple": "pear_nn"}}).json()
    assert (other["status"], other["figures"], other["images_total"]) == ("queued", None, 8)
    assert [one["predicted"] for one in other["classes"]] == [["pear_nn"]]
    assert "is not done yet" in ask(site, f"/{other['id']}/figures", 409)["error"]
    assert site.client.delete(f"{ROOT}/{other['id']}").status_code == 204
    ask(site, f"/{other['id']}", 404)


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"predictions": 99}, 404, "no project 99"),
        ({"predictions": "fruit"}, 400, "result of no inference"),
        ({"predictions": "fruit", "truth": "fruit"}, 400, "by itself"),
        ({"predictions": "guesses", "truth": "bare"}, 400, "has no labels to judge predictions by"),
        ({"predictions": "one", "truth": "guesses"}, 400, "have no image of the same name"),
        ({"predictions": "guesses", "mapping": {"plum": "apple"}}, 400, "plum"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(
    site: Site, asked: dict[str, Any], status: int, says: str
) -> None:
    add_predictions(site.store, add_truth(site.store))
    add_images(site.store, "bare", META, [annotation()])
    one = add_images(site.store, "one", META, [annotation(box("apple", 1, 1, 9, 9))])
    site.store.datasets.edit(site.store.datasets.list(one.id)[0].id, name="elsewhere")

    answer = site.client.post(ROOT, json=asked)

    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


def test_slices_and_the_confidence_move_the_figures(site: Site, id_: int) -> None:
    whole = ask(site, f"/{id_}/figures")
    val = ask(site, f"/{id_}/figures?tag=val&curves=false")

    assert (whole["images"], val["images"]) == (8, 3)
    assert "curves" in whole["figures"]["detection"]
    assert "curves" not in val["figures"]["detection"]
    assert val["figures"]["detection"]["headline"]["truths"] == 7
    assert ask(site, f"/{id_}/figures?dataset=ds1&dataset=ds2")["figures"] == whole["figures"]
    assert ask(site, f"/{id_}/figures?class=pear")["images"] == 6, "four have one, two have one predicted"
    assert ask(site, f"/{id_}/figures?min_pixels=5000")["images"] == 0
    sizes = {size: ask(site, f"/{id_}/figures?object_size={size}")["images"] for size in ("small", "medium", "large")}
    assert sizes == {"small": 8, "medium": 0, "large": 0}
    assert ask(site, f"/{id_}/figures?object_size=small&object_size=large")["images"] == 8
    ask(site, f"/{id_}/figures?object_size=huge", 400)
    strict = ask(site, f"/{id_}/figures?confidence=0.99")["figures"]["detection"]["headline"]
    assert strict["predictions"] < whole["figures"]["detection"]["headline"]["predictions"]
    assert "judges no 'plum'" in ask(site, f"/{id_}/figures?class=plum", 400)["error"]
    ask(site, f"/{id_}/figures?iou=0.51", 400)


def test_figures_lead_to_images_and_objects(site: Site, id_: int) -> None:
    worst = ask(site, f"/{id_}/images?by=errors&limit=3")
    assert (worst["by"], worst["total"]) == ("errors", 8)
    assert [one["value"] for one in worst["items"]] == sorted((one["value"] for one in worst["items"]), reverse=True)
    best = ask(site, f"/{id_}/images?by=errors&order=best&limit=8")["items"]
    assert best[0]["value"] == 0
    leaf = ask(site, f"/{id_}/images?of=leaf")
    assert leaf["by"] == "iou"
    assert leaf["items"][0]["value"] == pytest.approx(0.5)

    missed = ask(site, f"/{id_}/objects?kind=missed")
    assert missed["total"] == 2
    assert {(one["truth_class"], one["predicted_class"], one["name"]) for one in missed["items"]} == {
        ("apple", None, "001.png"),
        ("apple", None, "005.png"),
    }
    cell = ask(site, f"/{id_}/objects?truth_class=apple&predicted_class=pear")
    assert {one["kind"] for one in cell["items"]} == {"mixed_up"}
    images = ask(site, f"/{id_}/images?by=errors&truth_class=apple&predicted_class=pear")
    assert {one["number"] for one in images["items"]} == {one["number"] for one in cell["items"]} == {2, 6}
    assert ask(site, f"/{id_}/objects?truth_class=apple&predicted_class=")["total"] == 2
    pixels = ask(site, f"/{id_}/images?by=cell&truth_class=leaf&predicted_class=")
    assert [(one["number"], one["value"]) for one in pixels["items"]] == [(3, 200.0), (7, 200.0)]
    far = ask(site, f"/{id_}/objects?order=overlap&limit=5")["items"]
    assert [one["overlap"] for one in far] == sorted(one["overlap"] for one in far)

    image = missed["items"][0]
    for side in ("truth_image_id", "predicted_image_id"):
        assert ask(site, f"/{id_}/find?image_id={image[side]}") == {"number": image["number"]}
    (one,) = ask(site, f"/{id_}/objects?image={image['number']}&kind=missed")["items"]
    assert one == image


def test_two_evaluations_are_compared_image_by_image(site: Site, id_: int) -> None:
    whole = ask(site, f"/{id_}")
    other = site.client.post(ROOT, json={"predictions": "guesses", "mapping": {"leaf": "leaf_nn"}}).json()["id"]
    compute_here(site.store, other)

    found = ask(site, f"/{other}/images?by=errors&against={id_}")
    assert found["total"] == 8
    assert all(one["value"] <= one["other"] for one in found["items"])
    gains = [one["other"] - one["value"] for one in found["items"]]
    assert gains == sorted(gains), "the most worse first"
    assert whole["truth"] == ask(site, f"/{other}")["truth"]


def test_pairs_of_tags_lead_to_their_images(site: Site) -> None:
    tags = [{"name": name, "value_type": "none", "color": "#111111"} for name in ("ripe", "green")]
    meta = {"classes": [], "tags": tags}
    truth = add_images(site.store, "truth", meta, [annotation(tag=tag) for tag in ("ripe", "ripe", "green", "green")])
    guess = add_images(site.store, "guess", meta, [annotation(tag=tag) for tag in ("ripe", "green", "green", "")])
    asked = site.client.post(ROOT, json={"truth": truth.id, "predictions": guess.id}).json()
    assert asked["judged_tags"] == ["ripe", "green"], asked
    id_ = compute_here(site.store, asked["id"]).id

    def numbers(query: str) -> list[int]:
        return [one["number"] for one in ask(site, f"/{id_}/images?by=tags&{query}")["items"]]

    assert ask(site, f"/{id_}")["headline"]["tags"]["accuracy"] == 0.5
    assert numbers("truth_class=ripe&predicted_class=green") == [1]
    assert numbers("truth_class=ripe") == [0, 1]
    assert numbers("truth_class=green&predicted_class=") == [3]
    assert "judges no 'plum'" in ask(site, f"/{id_}/images?by=tags&truth_class=plum", 400)["error"]
    assert "name the cell" in ask(site, f"/{id_}/images?by=cell", 400)["error"]
    wrong = ask(site, f"/{id_}/images?by=wrong_tags&of=ripe")["items"]
    assert wrong[0]["number"] == 1


def test_a_bar_of_the_reliability_diagram_leads_to_its_images(site: Site) -> None:
    id_ = judged_tags(site, [("ripe", 0.95), ("green", 0.91), ("green", 0.2), ("ripe", 0.99)], "ripe")
    calibration = ask(site, f"/{id_}")["figures"]["tags"]["calibration"]
    assert calibration["count"] == [0, 1, *[0] * 7, 3]

    def images(query: str) -> list[tuple[int, float]]:
        return [(one["number"], one["value"]) for one in ask(site, f"/{id_}/images?by=bar&{query}")["items"]]

    assert images("bar=9") == [(1, 1.0), (0, 0.0), (3, 0.0)], "wrong ones first"
    assert images("bar=1") == [(2, 1.0)]
    assert images("bar=5") == []
    assert [number for number, _ in images("bar=9&order=best")] == [3, 0, 1]
    assert "name the bar" in ask(site, f"/{id_}/images?by=bar", 400)["error"]
    ask(site, f"/{id_}/images?by=bar&bar=10", 400)


def judged_tags(site: Site, predicted: list[tuple[str, float]], truth: str) -> int:
    """An evaluation of images that all have that tag, by one predicted tag each, with its confidence."""
    names = ("ripe", "green")
    metas = [
        {"classes": [], "tags": [{"name": name, "value_type": kind, "color": "#111111"} for name in names]}
        for kind in ("none", "any_number")
    ]
    texts = [json.dumps({"tags": [{"name": name, "value": sure}], "objects": []}) for name, sure in predicted]
    true = add_images(site.store, "truth", metas[0], [annotation(tag=truth)] * len(predicted))
    guess = add_images(site.store, "guess", metas[1], texts)
    asked = site.client.post(ROOT, json={"truth": true.id, "predictions": guess.id}).json()
    return compute_here(site.store, asked["id"]).id


def test_pictures_of_a_report_are_drawn_in_a_process_that_may_be_killed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, predictions, _ = pictured_evaluation.orchard(site.store, site.artifacts, 4)
    asked = evaluate(site.store, EvaluationRequest(truth=truth.id, predictions=predictions.id))
    id_ = compute_here(site.store, asked.id).id
    monkeypatch.setattr("agent.evaluation_report.pictures.judged_picture", lambda *_: pytest.fail("drawn in the web"))
    report = site.client.get(f"{ROOT}/{id_}/export?format=html")
    assert "data:image/jpeg" in report.text

    def too_much(*_: object) -> bytes:
        raise TookTooMuch("the image takes too much time")

    monkeypatch.setattr(site.app.state.web.workers, "judged_picture", too_much)
    report = site.client.get(f"{ROOT}/{id_}/export?format=html")
    assert report.status_code == 200
    assert "data:image/jpeg" not in report.text


def test_exports_have_the_figures_of_the_answer(site: Site, id_: int) -> None:
    figures = ask(site, f"/{id_}/figures")["figures"]

    text = site.client.get(f"{ROOT}/{id_}/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    (iou,) = (row for row in rows if (row["section"], row["class"], row["figure"]) == ("segmentation", "leaf", "iou"))
    assert float(iou["value"]) == figures["segmentation"]["classes"][0]["iou"]
    assert f'filename="evaluation-{id_}.csv"' in text.headers["content-disposition"]
    assert json.loads(site.client.get(f"{ROOT}/{id_}/export?format=json").content)["figures"] == figures
    packed = site.client.get(f"{ROOT}/{id_}/export?format=coco").content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        instances, results = (json.loads(archive.read(name)) for name in ("instances.json", "results.json"))
    assert [one["name"] for one in instances["categories"]] == ["apple", "pear", "leaf"]
    assert len(instances["annotations"]) == figures["detection"]["headline"]["truths"]
    assert {one["category_id"] for one in results} == {1, 2, 3}
    assert site.client.get(f"{ROOT}/{id_}/export?format=xml").status_code == 400


def test_deleted_and_changed_projects_are_said(site: Site, id_: int) -> None:
    whole = ask(site, f"/{id_}")
    image = ask(site, f"/{id_}/images?limit=1&by=errors")["items"][0]
    site.store.images.remove([image["predicted_image_id"]])
    assert ask(site, f"/{id_}")["is_outdated"]
    assert "was changed since" in ask(site, f"/{id_}/export?format=coco", 409)["error"]
    assert "A project was changed since" in site.client.get(f"{ROOT}/{id_}/export?format=html").text
    assert ask(site, f"/{id_}/images?limit=1&by=errors")["items"][0]["predicted_image_id"] is None
    site.store.projects.remove(whole["predictions"]["id"])

    found = ask(site, f"/{id_}")

    assert found["predictions"]["is_deleted"]
    assert found["figures"] == whole["figures"]
    assert site.store.projects.purge(whole["predictions"]["id"])
    ask(site, f"/{id_}", 404)


def test_the_checkpoints_of_a_training_are_judged_with_one_request(site: Site, id_: int) -> None:
    store = site.store
    training = add_training(store, store.projects.find("fruit"), checkpoints=3, best=1)
    answer = site.client.get(f"/api/tasks/{training.id}/evaluations").json()
    assert [(one["checkpoint_index"], one["epoch"], one["is_best"]) for one in answer["items"]] == [
        (0, 0.5, False), (1, 1.5, True), (2, 2.5, False),
    ]  # fmt: skip
    assert {one["evaluation"] for one in answer["items"]} == {None}
    before = len(store.tasks.list())

    first = site.client.post(f"/api/tasks/{training.id}/evaluate", json={"best": 1}).json()
    again = site.client.post(f"/api/tasks/{training.id}/evaluate", json={"best": 1}).json()
    every = site.client.post(f"/api/tasks/{training.id}/evaluate", json={}).json()

    assert first == again
    assert [one["task_status"] for one in first["items"]] == [None, "queued", None]
    assert [one["task_status"] for one in every["items"]] == ["queued"] * 3
    assert len(store.tasks.list()) == before + 3
    assert {task.type for task in store.tasks.list(limit=3)} == {TaskType.INFERENCE}
    queued = store.tasks.list(limit=1)[0]
    other = replace(new_inference(store, store.projects.find("fruit")), model_id=queued.model_id, config={"mode": 1})
    store.tasks.add(other)
    ids = [one["task_id"] for one in site.client.get(f"/api/tasks/{training.id}/evaluations").json()["items"]]
    assert queued.id in ids, "an inference of another config is no point of the same curve"
    inference = store.evaluations.get(id_).task_id
    assert site.client.get(f"/api/tasks/{inference}/evaluations").status_code == 400

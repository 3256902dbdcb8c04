"""Clients of both coordinate systems on the same project: both see each shape on the same pixels."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.integration.public_api.conftest import Api
from tests.support.fuzzing import fuzz
from tests.support.labeled_project import mask_data

WIDTH, HEIGHT = 40, 30
META: dict[str, Any] = {
    "classes": [
        {"title": "box", "shape": "rectangle", "color": "#FF0000"},
        {"title": "leaf", "shape": "polygon", "color": "#00FF00"},
        {"title": "path", "shape": "line", "color": "#0000FF"},
        {"title": "spot", "shape": "point", "color": "#00FFFF"},
        {"title": "mask", "shape": "bitmap", "color": "#FFFF00"},
        {"title": "any", "shape": "any", "color": "#FF00FF"},
        {"title": "pose", "shape": "graph", "color": "#F0F0F0", "geometry_config": {"nodes": {"a": {}, "b": {}}}},
    ],
    "tags": [{"name": "train", "value_type": "none"}, {"name": "count", "value_type": "any_number"}],
}
SHAPES = {item["title"]: item["shape"] for item in META["classes"]}

MASK = mask_data(4, 4)
xy = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)).map(list)


def of_points(title: str, exterior: list[Any], interior: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    points = {"exterior": exterior, "interior": interior or []}
    return {"classTitle": title, "description": "", "tags": [], "points": points, **more}


def corners(a: list[int], b: list[int]) -> list[list[int]]:
    return [[min(a[0], b[0]), min(a[1], b[1])], [max(a[0], b[0]), max(a[1], b[1])]]


ring = st.lists(xy, min_size=3, max_size=5)
boxes = st.builds(lambda a, b: of_points("box", corners(a, b)), xy, xy)
leaves = st.builds(lambda outer, holes: of_points("leaf", outer, holes), ring, st.lists(ring, max_size=2))
paths = st.lists(xy, min_size=2, max_size=5).map(lambda points: of_points("path", points))
spots = xy.map(lambda point: of_points("spot", [point]))
any_boxes = st.builds(lambda a, b: of_points("any", corners(a, b), geometryType="rectangle", shape="rectangle"), xy, xy)
masks = xy.map(lambda o: {"classTitle": "mask", "description": "", "tags": [], "bitmap": {"origin": o, "data": MASK}})
poses = st.builds(
    lambda a, b: {
        "classTitle": "pose", "description": "", "tags": [],
        "nodes": {"a": {"loc": a}, "b": {"loc": b, "disabled": True}},
    },
    xy,
    xy,
)  # fmt: skip
labels = st.lists(st.one_of(boxes, leaves, paths, spots, any_boxes, masks, poses), max_size=6)


def on_the_plane(label: dict[str, Any]) -> dict[str, Any]:
    """The annotation as a client since 2024-08 sends it (contract: web_api.md 3, the table)."""
    sent = {"geometryType": SHAPES[label["classTitle"]], **label}
    if sent["geometryType"] == "rectangle":
        (left, top), (right, bottom) = label["points"]["exterior"]
        sent["points"] = {"exterior": [[left, top], [right + 1, bottom + 1]], "interior": []}
    elif "points" in label:
        middle = lambda points: [[x + 0.5, y + 0.5] for x, y in points]  # noqa: E731
        exterior, interior = label["points"]["exterior"], label["points"]["interior"]
        sent["points"] = {"exterior": middle(exterior), "interior": [middle(hole) for hole in interior]}
    elif "nodes" in label:
        sent["nodes"] = {
            id_: {**node, "loc": [node["loc"][0] + 0.5, node["loc"][1] + 0.5]} for id_, node in label["nodes"].items()
        }
    return sent


def drawn(label: dict[str, Any]) -> dict[str, Any]:
    """The shape and the class of a label."""
    return {key: label[key] for key in ("classTitle", "points", "bitmap", "nodes") if key in label}


@pytest.fixture
def image(api: Api) -> tuple[int, int]:
    project = api("projects.add", {"workspaceId": 1, "name": "mixed"})["id"]
    api("projects.meta.update", {"id": project, "meta": META})
    dataset = api("datasets.add", {"projectId": project, "name": "ds"})["id"]
    out = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(out, "PNG")
    api("images.bulk.upload", None, files={"0-file": ("0", out.getvalue(), "image/*")})
    hash_ = base64.b64encode(hashlib.sha256(out.getvalue()).digest()).decode()
    (added,) = api("images.bulk.add", {"datasetId": dataset, "images": [{"title": "a.png", "hash": hash_}]})
    return dataset, added["id"]


@fuzz(25)
@given(drawing=labels, old_sends=st.booleans())
def test_no_shape_moves_between_generations(
    api: Api, image: tuple[int, int], drawing: list[Any], old_sends: bool
) -> None:
    dataset, id_ = image
    plain = {"description": "", "size": {"height": HEIGHT, "width": WIDTH}, "tags": []}
    objects = drawing if old_sends else [on_the_plane(label) for label in drawing]
    body = {"datasetId": dataset, "annotations": [{"imageId": id_, "annotation": {**plain, "objects": objects}}]}
    api("annotations.bulk.add", body if old_sends else {**body, "skipBoundsValidation": False})

    (pixels,) = api("annotations.bulk.info", {"datasetId": dataset, "imageIds": [id_]})
    (plane,) = api("annotations.bulk.info", {"datasetId": dataset, "imageIds": [id_], "integerCoords": False})
    one = api("annotations.info", {"imageId": id_, "integerCoords": False})
    whole = api("annotations.info", {"imageId": id_, "integerCoords": True})

    assert [drawn(label) for label in pixels["annotation"]["objects"]] == [drawn(label) for label in drawing]
    assert [drawn(label) for label in plane["annotation"]["objects"]] == [drawn(on_the_plane(o)) for o in drawing]
    assert one == plane
    assert whole == pixels
    for label, drawn_one in zip(pixels["annotation"]["objects"], drawing, strict=True):
        wanted = drawn_one.get("geometryType") or SHAPES[drawn_one["classTitle"]]
        assert label["geometryType"] == label["shape"] == wanted


@pytest.mark.parametrize(
    ("objects", "tags", "said"),
    [
        ([of_points("ghost", [[1, 1]])], [], "ghost"),
        ([of_points("box", [[1, 1]])], [], "rectangle needs 2"),
        ([of_points("leaf", [])], [], "polygon needs 1"),
        ([{"classTitle": "mask", "tags": []}], [], "bitmap"),
        ([], ["unknown"], "unknown"),
        ([], [{"name": "count", "value": "many"}], "count"),
    ],
)
def test_an_annotation_that_no_plugin_can_read_is_refused_with_its_place(
    api: Api, image: tuple[int, int], objects: list[Any], tags: list[Any], said: str
) -> None:
    dataset, id_ = image
    annotation = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects, "tags": tags}
    body = {"datasetId": dataset, "annotations": [{"imageId": id_, "annotation": annotation}]}
    refused = api("annotations.bulk.add", body, status=400)
    assert said in refused["error"]
    assert refused["details"]["problems"][0]["file"] == "a.png.json"


def test_image_tags_are_told_with_their_ids(api: Api, image: tuple[int, int]) -> None:
    dataset, id_ = image
    annotation = {
        "size": {"height": HEIGHT, "width": WIDTH}, "objects": [], "tags": ["train", {"name": "count", "value": 2}]
    }  # fmt: skip
    api("annotations.bulk.add", {"datasetId": dataset, "annotations": [{"imageId": id_, "annotation": annotation}]})
    info = api("images.info", {"id": id_})
    project = api("datasets.info", {"id": dataset})["projectId"]
    ids = {tag["name"]: tag["id"] for tag in api("tags.list", {"projectId": project, "filter": []})["entities"]}
    assert [(tag["name"], tag["value"], tag["tagId"]) for tag in info["tags"]] == [
        ("train", None, ids["train"]), ("count", 2, ids["count"]),
    ]  # fmt: skip
    classes = api("advanced.object_classes.list", {"projectId": project, "filter": []})["entities"]
    assert {item["name"]: item["shape"] for item in classes} == SHAPES


def test_tags_are_put_on_many_images_and_taken_off(api: Api, image: tuple[int, int]) -> None:
    dataset, first = image
    other = api("images.bulk.add", {"datasetId": dataset, "images": [{"title": "b.png", "imageId": first}]})[0]["id"]
    project = api("datasets.info", {"id": dataset})["projectId"]
    ids = {tag["name"]: tag["id"] for tag in api("tags.list", {"projectId": project, "filter": []})["entities"]}
    both = {"ids": [first, other]}

    def tags(id_: int) -> list[tuple[str, Any]]:
        annotation = api("annotations.info", {"imageId": id_})["annotation"]
        return [(tag["name"], tag.get("value")) for tag in annotation["tags"]]

    api("image-tags.bulk.add-to-image", {**both, "tagId": ids["train"]})
    api("image-tags.bulk.add-to-image", {**both, "tagId": ids["count"], "value": 3})
    api("image-tags.bulk.add-to-image", {"ids": [other], "tagId": ids["count"], "value": 4})
    assert tags(first) == [("train", None), ("count", 3)]
    assert tags(other) == [("train", None), ("count", 4)]

    wrong = api("image-tags.bulk.add-to-image", {**both, "tagId": ids["count"], "value": "many"}, status=400)
    assert "count" in wrong["error"]
    assert api("image-tags.bulk.add-to-image", {**both, "tagId": 1}, status=404)["error"].endswith("has no tag 1.")
    assert "image 999" in api("image-tags.bulk.add-to-image", {"ids": [first, 999], "tagId": 1}, status=404)["error"]
    assert "at least one" in api("image-tags.bulk.add-to-image", {"ids": [], "tagId": 1}, status=400)["error"]
    assert tags(other) == [("train", None), ("count", 4)], "a refused request changes nothing"

    api("image-tags.bulk.remove-from-images", {"ids": [other], "tagIds": [ids["train"], ids["count"]]})
    assert (tags(first), tags(other)) == ([("train", None), ("count", 3)], [])

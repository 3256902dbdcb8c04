"""Every project of `tests/support/hostile_projects.py`, by the command line and by the public API."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tracemalloc
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.support.hostile_doors import doors, installation
from tests.support.hostile_projects import BOMB, IMAGE, PROJECTS, chunk, png
from tests.support.inputs import write_project
from web_stub.gallery.decode import thumbnail

__all__ = ["doors", "installation"]  # fixtures


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "fruit", images=1)


@pytest.mark.parametrize("name", PROJECTS)
def test_every_hostile_project_gets_its_one_sentence_and_leaves_nothing(doors, project, name):
    spoilt = PROJECTS[name]
    spoilt.spoil(project)
    before = doors.kept()

    measured = "huge" in name or "bomb" in name  # measuring makes all of it slow
    if measured:
        tracemalloc.start()
    taken, said = doors.cli("project", "add", project)
    peak = tracemalloc.get_traced_memory()[1] if measured else 0
    tracemalloc.stop()

    assert not taken
    assert spoilt.sentence in said
    assert " has 1 problem:" in said
    assert said.isprintable() or said.replace("\n", "").isprintable()
    assert doors.kept() == before
    assert peak < 100 << 20


@pytest.fixture
def dataset(doors):
    """(dataset, image) of an empty project with one image of 8×6, over the public API."""
    made = json.loads(doors.public("projects.add", {"workspaceId": 1, "name": f"small {uuid.uuid4()}"})[1])["id"]
    meta = {"classes": [{"title": "leaf", "shape": "rectangle", "color": "#112233"}], "tags": []}
    assert doors.public("projects.meta.update", {"id": made, "meta": meta})[0]
    dataset = json.loads(doors.public("datasets.add", {"projectId": made, "name": "ds"})[1])["id"]
    out = io.BytesIO()
    Image.new("RGB", (8, 6)).save(out, "PNG")
    return dataset, json.loads(upload(doors, dataset, out.getvalue())[1])[0]["id"]


def upload(doors, dataset, data, title="a.png"):
    taken, said = doors.public("images.bulk.upload", files={"0": ("a.png", data, "image/png")})
    if not taken:
        return taken, said
    hash_ = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return doors.public("images.bulk.add", {"datasetId": dataset, "images": [{"title": title, "hash": hash_}]})


IMAGES = {name: one for name, one in PROJECTS.items() if name.startswith(("image ", "bomb in"))}
SENT = [
    name
    for name in IMAGES
    if "linked" not in name and "another size" not in name and "is a" not in name and "hole" not in name
]


@pytest.mark.parametrize("name", [*SENT, "image is HTML", "image is an SVG"])
def test_every_hostile_image_is_refused_when_a_client_sends_it(doors, dataset, project, name):
    PROJECTS[name].spoil(project)

    taken, said = upload(doors, dataset[0], (project / IMAGE).read_bytes() if (project / IMAGE).exists() else b"")

    assert not taken
    assert PROJECTS[name].sentence.removeprefix(f"{IMAGE}: ").rstrip(".") in said
    listed = json.loads(doors.public("images.list", {"datasetId": dataset[0]})[1])
    assert [image["name"] for image in listed["entities"]] == ["a.png"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ('"x": ' + "[" * 150 + "]" * 150, "is nested deeper than 100 levels"),
        ('"x": ' + "[" * 500 + "]" * 500, "Recursion limit reached"),
        ('"x": ' + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('"description": "\\ud800"', "surrogates not allowed"),
        ('"objects": [{"classTitle": "leaf", "points": {"exterior": [[1e999, 1], [2, 2]], "interior": []}}]', "points"),
        ('"objects": [{"classTitle": "leaf", "points": {"exterior": [[NaN, 1], [2, 2]], "interior": []}}]', "points"),
        ('"objects": [{"classTitle": "<script>"}]', "class '<script>' is not in meta.json"),
        ('"objects": {}', "has no list of objects"),
        ('"size": {"height": 1e9, "width": -1}', "is not a whole number above 0"),
    ],
)
def test_every_hostile_annotation_is_refused_when_a_client_sends_it(doors, dataset, members, sentence):
    content = f'{{"annotations": [{{"imageId": {dataset[1]}, "annotation": {{{members}}}}}]}}'

    taken, said = doors.public("annotations.bulk.add", content=content.encode())

    assert not taken
    assert sentence in said
    kept = json.loads(doors.public("annotations.info", {"imageId": dataset[1]})[1])
    assert kept["annotation"]["objects"] == []


@pytest.mark.parametrize("place", ["meta", "customData", "settings", "filter"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ("[" * 900 + "]" * 900, "nested deeper than 100 levels"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('"\\udfff"', "half of a surrogate pair"),
    ],
)
def test_json_that_could_not_be_given_back_is_never_kept(doors, place, value, sentence):
    body = {
        "meta": ("projects.meta.update", f'{{"id": 1, "meta": {{"classes": [], "tags": [], "x": {value}}}}}'),
        "customData": ("projects.editInfo", f'{{"id": 1, "customData": {{"x": {value}}}}}'),
        "settings": ("projects.settings.update", f'{{"id": 1, "settings": {{"x": {value}}}}}'),
        "filter": ("projects.list", f'{{"filter": [{{"field": "name", "operator": "in", "value": {value}}}]}}'),
    }
    before = doors.site.client.get("/api/projects/1").json()

    taken, said = doors.public(body[place][0], content=body[place][1].encode())

    assert not taken
    assert sentence in said
    assert doors.site.client.get("/api/projects/1").json() == before


def test_a_bomb_within_the_limit_of_pixels_is_kept_but_never_decoded_by_the_web(doors, dataset):
    """OpenCV reads 30,000 × 30,000 pixels, so a plugin may use the image.

    The page says that it is too large to show.
    """
    pixels_could_be = chunk(b"teXt", bytes(1 << 20))  # fewer bytes cannot hold so many pixels
    taken, said = upload(doors, dataset[0], png(30_000, 30_000, pixels_could_be), "large.png")
    assert taken

    tracemalloc.start()
    answer = doors.site.client.get(f"/api/images/{json.loads(said)[0]['id']}/thumbnail")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.status_code == 400
    assert answer.json()["error"] == "30000×30000 pixels are too many to be shown"
    assert peak < 50 << 20


def test_a_comment_that_would_unpack_to_64_mib_is_neither_read_nor_in_the_way(doors, project):
    (project / IMAGE).write_bytes(png(8, 6, BOMB))
    tracemalloc.start()
    taken, said = doors.cli("project", "add", project)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken, said
    assert peak < 32 << 20
    assert thumbnail(io.BytesIO((project / IMAGE).read_bytes()), "image/png", 160)


def test_two_keys_of_one_name_in_an_annotation_mean_the_last_for_every_reader(doors, project):
    import supervisely_lib as sly

    annotation = project / "ds0" / "ann" / "im0_0.png.json"
    annotation.write_text(annotation.read_text()[:-1] + ', "objects": []}')

    assert doors.cli("project", "add", project)[0]
    assert json.loads(annotation.read_bytes())["objects"] == []
    assert sly.Project(str(project), sly.OpenMode.READ).total_items == 1
    meta = sly.ProjectMeta.from_json(json.loads((project / "meta.json").read_text()))
    assert sly.Annotation.load_json_file(str(annotation), meta).labels == []
    id_ = doors.site.store.projects.list(limit=1)[0].id
    assert doors.site.client.get(f"/api/projects/{id_}/statistics").json()["objects"] == 0


def test_no_sentence_names_a_file_outside_of_the_project(doors, project):
    (project / "meta.json").unlink()
    (project / "meta.json").symlink_to("/etc/passwd")

    _, said = doors.cli("project", "add", project)

    assert "root:" not in said
    assert str(Path("/etc/passwd")) not in said

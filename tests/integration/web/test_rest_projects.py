"""The REST API's projects: images and their positions, thumbnails, counts, counterparts in results, tars."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Picture

from agent import library
from agent.domain import NewImage, NewProject
from tests.support.labeled_project import COLORS, HOSTILE, SIZE, add, annotation, bitmap, fields, png, predictions
from web_stub.gallery.decode import NoPicture, thumbnail
from web_stub.gallery.statistics import StatisticsCache
from web_stub.gallery.thumbnails import Thumbnails


@pytest.fixture
def project(site):
    return fields(site.store, site.artifacts)


def images(site, project, **query):
    return site.client.get(f"/api/projects/{project.id}/images", params=query).json()


def test_images_come_dataset_by_dataset_and_page_by_page(site, project):
    page = images(site, project, limit=2)
    rest = images(site, project, limit=2, cursor=page["next"])

    assert [(i["dataset"]["name"], i["name"]) for i in page["items"]] == [("north", "a.png"), ("north", "b.png")]
    assert [(i["dataset"]["name"], i["name"]) for i in rest["items"]] == [("south", "a.png")]
    assert (page["total"], rest["next"]) == (3, None)
    assert page["items"][0] | {"objects": 5, "tags": ["train", "light"], "width": 80, "height": 60} == page["items"][0]
    assert site.client.get(f"/api/projects/{project.id}/images", params={"cursor": 1}).status_code == 400


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"text": "A.P"}, ["north/a.png", "south/a.png"]),
        ({"text": "%"}, []),
        ({"class": "leaf"}, ["north/a.png", "south/a.png"]),
        ({"class": "leaf", "text": "A.p", "limit": 1}, ["north/a.png"]),
        ({"tag": "train"}, ["north/a.png", "north/b.png"]),
        ({"class": "leaf", "tag": "train"}, ["north/a.png"]),
        ({"class": "no such class"}, []),
    ],
)
def test_images_are_found_by_name_class_and_tag(site, project, query, names):
    found = images(site, project, **query)

    assert [f"{image['dataset']['name']}/{image['name']}" for image in found["items"]] == names
    assert found["total"] >= len(names)


def test_an_image_knows_its_neighbours_among_those_that_match(site, project):
    first, second, third = (image["id"] for image in images(site, project)["items"])

    def place(id_, **query):
        return site.client.get(f"/api/images/{id_}", params=query).json()["place"]

    assert place(second) == {"position": 2, "total": 3, "previous": first, "next": third}
    assert place(first, **{"class": "leaf"}) == {"position": 1, "total": 2, "previous": None, "next": third}
    assert place(second, **{"class": "leaf"}) == {"position": None, "total": 2, "previous": first, "next": third}
    assert place(second, text="a.png") == {"position": None, "total": 2, "previous": first, "next": third}
    assert place(third, dataset=images(site, project)["items"][2]["dataset"]["id"])["total"] == 1


def test_a_filtered_list_goes_on_behind_its_cursor(site, project):
    page = images(site, project, limit=1, **{"class": "leaf"})
    rest = images(site, project, limit=1, cursor=page["next"], **{"class": "leaf"})

    assert [i["dataset"]["name"] for i in page["items"] + rest["items"]] == ["north", "south"]
    assert rest["next"] is None


def test_classes_and_tags_are_counted(site, project):
    counted = site.client.get(f"/api/projects/{project.id}/statistics").json()
    classes = {one["title"]: one for one in counted["classes"]}
    pixels = 3 * SIZE[0] * SIZE[1]

    assert (counted["images"], counted["labeled_images"], counted["objects"], counted["broken"]) == (3, 2, 6, 0)
    assert (classes["leaf"]["objects"], classes["leaf"]["images"]) == (2, 2)
    assert classes["leaf"]["area_share"] == pytest.approx((192 + 4800) / pixels)
    assert classes["plot"]["area_share"] == pytest.approx(500 / pixels)
    assert classes["box"]["area_share"] == pytest.approx(400 / pixels)
    assert classes["path"] | {"shape": "line", "color": COLORS["path"], "area_share": 0} == classes["path"]
    assert [(tag["name"], tag["images"], tag["objects"]) for tag in counted["tags"]] == [
        ("train", 2, 0),
        ("light", 1, 0),
    ]


def test_counts_are_kept_until_the_project_changes(site, project):
    folder = site.settings.home / "cache" / "statistics"
    before = site.client.get(f"/api/projects/{project.id}/statistics").json()
    (kept,) = folder.iterdir()
    image = images(site, project)["items"][1]
    site.store.images.annotate({image["id"]: annotation([bitmap("leaf", 0, 0, 4, 4)])})
    after = site.client.get(f"/api/projects/{project.id}/statistics").json()

    assert (before["objects"], after["objects"]) == (6, 7)
    assert [file.name for file in folder.iterdir()] != [kept.name]
    again = StatisticsCache(site.store, folder, site.app.state.web.workers).of(site.store.projects.get(project.id))
    assert again.objects == 7
    (only,) = folder.iterdir()
    only.write_bytes(b"damaged")
    assert (
        StatisticsCache(site.store, folder, site.app.state.web.workers).of(site.store.projects.get(project.id)).objects
        == 7
    )


def test_annotations_from_strangers_are_counted_as_broken_and_handed_out(site):
    texts = {"good.png": annotation(HOSTILE), "list.png": "[1]", "none.png": "", "cut.png": '{"objects": ['}
    project = add(site.store, site.artifacts, "Strange", {"ds": texts})
    counted = site.client.get(f"/api/projects/{project.id}/statistics")
    good, listed, none, _cut = images(site, project)["items"]

    assert counted.status_code == 200, counted.text
    assert counted.json()["broken"] == 10  # two annotations, eight labels
    assert site.client.get(f"/api/images/{good['id']}/annotation").json()["objects"] == HOSTILE
    assert (listed["objects"], none["objects"]) == (None, 0)
    assert site.client.get(f"/api/images/{listed['id']}/annotation").status_code == 409
    assert site.client.get(f"/api/images/{none['id']}/annotation").json() == {}


def test_results_and_twins_lead_from_ground_truth_to_predictions(site, project):
    made = predictions(site.store, site.artifacts, site.library, project)
    (result,) = site.client.get(f"/api/projects/{project.id}/results").json()["items"]
    cards = {card["id"]: card for card in site.client.get("/api/projects").json()["items"]}
    south = images(site, project)["items"][2]
    twin = site.client.get(f"/api/images/{south['id']}/twin", params={"project": made.id}).json()

    assert (result["project"]["id"], result["source_id"], result["task_id"]) == (made.id, project.id, made.task_id)
    assert cards[made.id]["source"] == {"id": project.id, "name": "Fields"}
    assert cards[project.id]["source"] is None
    assert len(cards[project.id]["cover"]) == 3
    assert (twin["project_id"], twin["dataset"]["name"], twin["name"]) == (made.id, "south", "a.png")
    missing = site.client.get(f"/api/images/{south['id']}/twin", params={"project": site.library.project_id})
    assert missing.status_code == 404
    assert "a.png" in missing.json()["error"]


def read_member(tar, name):
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def test_a_downloaded_project_is_the_one_that_was_imported(site, project, tmp_path):
    answer = site.client.get(f"/api/projects/{project.id}/download")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = tar.getnames()
        text = read_member(tar, "Fields/north/ann/a.png.json").decode()
    (tmp_path / "Fields.tar").write_bytes(answer.content)

    assert answer.headers["content-type"] == "application/x-tar"
    assert "Fields.tar" in answer.headers["content-disposition"]
    assert "Fields/south/img/a.png" in names
    assert json.loads(text)["objects"][2]["points"]["exterior"] == [[5, 30], [24, 49]]
    with tarfile.open(tmp_path / "Fields.tar") as tar:
        meta = read_member(tar, "Fields/meta.json")
    assert meta == json.dumps(dict(project.meta), separators=(",", ":")).encode()


def test_a_tar_of_a_project_can_be_imported_again(site, tmp_path):
    project = add(site.store, site.artifacts, "Poles", {"ds": {"å.png": annotation([])}})
    (tmp_path / "Poles.tar").write_bytes(site.client.get(f"/api/projects/{project.id}/download").content)
    back = library.add_project(site.store, site.artifacts, tmp_path / "Poles.tar", "Poles again")
    (image,) = (i for d in site.store.datasets.list(back.id) for i in site.store.images.of_dataset(d.id))

    assert (image.name, image.annotation) == ("å.png", annotation([]))


def test_a_project_that_cannot_be_files_is_refused_before_the_first_byte(site):
    two = add(site.store, site.artifacts, "Two", {"ds": {"a.png": annotation([])}})
    dataset = site.store.datasets.list(two.id)[0].id
    lost = NewImage("lost.png", "0" * 64, 1, 8, 8, "image/png", annotation([]))
    site.store.images.add(dataset, [lost])

    assert site.client.get(f"/api/projects/{two.id}/download").status_code == 404
    assert site.client.get("/api/projects/999/download").status_code == 404


def test_a_file_is_the_image_as_imported(site, project):
    image = images(site, project)["items"][0]
    answer = site.client.get(image["file"])

    assert answer.headers["content-type"] == "image/png"
    assert Picture.open(io.BytesIO(answer.content)).size == SIZE
    assert site.client.get(image["file"], headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_thumbnails_are_small_upright_and_kept(site):
    photograph = Picture.new("RGB", (800, 400), (0, 0, 255))
    photograph.paste((255, 0, 0), (0, 0, 400, 400))
    exif = Picture.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was turned: what is left belongs on top
    out = io.BytesIO()
    photograph.save(out, "JPEG", exif=exif)
    blob = site.artifacts.put_bytes(out.getvalue())
    row = NewImage("a.jpg", blob.sha256, blob.size_bytes, 400, 800, "image/jpeg", annotation([]))
    project = site.store.projects.add(NewProject("Turned", "", {}, "", [("ds", [row])]))
    image = images(site, project)["items"][0]
    answer = site.client.get(image["thumbnail"])
    shown = Picture.open(io.BytesIO(answer.content)).convert("RGB")

    assert (answer.headers["content-type"], shown.size) == ("image/webp", (160, 320))
    shown_pixels = np.asarray(shown)  # (H, W, 3)
    assert shown_pixels[20, 80, 0] > 200 > shown_pixels[300, 80, 0]
    assert "immutable" in answer.headers["cache-control"]
    assert b"EXIF" not in answer.content
    assert len(list((site.settings.home / "cache" / "thumbnails").glob("*/*.webp"))) == 1
    assert site.client.get(image["thumbnail"], headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert site.client.get(f"/api/images/{image['id']}/thumbnail?size=99999").status_code == 400
    assert "immutable" not in site.client.get(f"/api/images/{image['id']}/thumbnail").headers["cache-control"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_images_of_every_kind_have_a_thumbnail(mode):
    base = Picture.linear_gradient("L")
    picture = base.convert("I").point(lambda v: v * 257).convert("I;16") if mode == "I;16" else base.convert(mode)
    kind, mime = ("TIFF", "image/tiff") if mode == "CMYK" else ("PNG", "image/png")
    out = io.BytesIO()
    picture.save(out, kind)
    shown = Picture.open(io.BytesIO(thumbnail(io.BytesIO(out.getvalue()), mime, 160)))

    assert shown.size == (160, 160)
    light = np.asarray(shown.convert("L"), int)  # (H, W)
    assert abs(light[5, 80] - light[154, 80]) > 150


def test_an_image_that_cannot_be_decoded_is_refused_not_loaded():
    bomb = bytearray(png(Picture.new("1", (8, 8))))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2

    for content in (bytes(bomb), b"\x89PNG\r\n\x1a\n and nothing more", b""):
        with pytest.raises(NoPicture):
            thumbnail(io.BytesIO(content), "image/png", 160)
    with pytest.raises(NoPicture):
        thumbnail(io.BytesIO(b"<svg/>"), "image/svg+xml", 160)


def test_kept_thumbnails_are_bounded(site, tmp_path):
    folder = tmp_path / "thumbnails"
    kept = Thumbnails(site.artifacts, folder, site.app.state.web.workers)
    blobs = [site.artifacts.put_bytes(png(Picture.effect_noise((64, 64), 90 + i))) for i in range(4)]
    for blob in blobs:
        kept.get(blob.sha256, "image/png", 160)
    room = sum(file.stat().st_size for file in folder.glob("*/*")) * 2 // 3
    Thumbnails(site.artifacts, folder, site.app.state.web.workers, kept_bytes=room).sweep()

    assert 0 < sum(file.stat().st_size for file in folder.glob("*/*")) <= room
    assert all(kept.get(blob.sha256, "image/png", 160) for blob in blobs)


@pytest.mark.parametrize("path", ["/projects/77", "/projects/77/images/1", "/projects/1/images/77", "/projects/0"])
def test_pages_of_unknown_projects_and_images_say_so(site, path):
    site.client.cookies.set(
        site.app.state.web.access.cookie_name, site.app.state.web.access.sessions.start(0, "testclient")
    )
    answer = site.client.get(path, headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert "There is no" in answer.text

"""A browser shows an image as plugins get it: same frame, same pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from agent.domain import NewImage, NewProject
from agent.formats.image_header import NotAnImage, read_image_header
from supervisely_lib.imaging import image as sly_image
from tests.support.labeled_project import annotation
from tests.support.reader_cases import IMAGES
from web_stub.gallery.browser_view import is_shown_alike

# Those that a browser would show in other pixels, in another frame, or not at all.
FOREIGN = {
    *(f"exif{turn}.png" for turn in range(1, 10)),
    *(f"exif{turn}.webp" for turn in range(1, 10)),
    *("rgba.png", "rgba_half.png", "rgba_half.webp", "la.png", "palette_trns.png", "g16.png", "apng.png", "anim.webp"),
    *("cmyk.jpg", "cut.jpg", "cut_2bytes.jpg", "cut_half.jpg", "cut_10percent.jpg", "prog_cut_10percent.jpg"),
    *("palette.bmp",),
}


# Their checksums hold, but their pixels cannot be unpacked: nobody but a test makes such files, so no door unpacks all.
UNREADABLE = {"badzlib.png", "short_data.png"}


def readable() -> list[Path]:
    found = []
    for path in sorted(path for path in IMAGES.iterdir() if path.name not in UNREADABLE):
        with path.open("rb") as file:
            try:
                read_image_header(file)
            except NotAnImage:
                continue
        found.append(path)
    return found


def new_image(site, path: Path) -> NewImage:
    with path.open("rb") as file:
        header = read_image_header(file)
    blob = site.artifacts.put_bytes(path.read_bytes())
    size = (header.width, header.height)
    return NewImage(path.name, blob.sha256, blob.size_bytes, *size, header.mime, annotation([]))


def test_the_pictures_of_images_have_the_frames_and_pixels_that_a_plugin_gets(site):
    rows = [new_image(site, path) for path in readable()]
    project = site.store.projects.add(NewProject("all", "", {}, "", [("ds", rows)]))
    images = site.client.get(f"/api/projects/{project.id}/images?limit=500").json()["items"]
    assert [image["name"] for image in images] == [path.name for path in readable()]

    for image in images:
        path = IMAGES / image["name"]
        pixels = sly_image.read(str(path))
        answer = site.client.get(image["picture"])
        assert answer.status_code == 200, path.name
        assert (image["height"], image["width"]) == pixels.shape[:2], path.name
        if answer.content == path.read_bytes():
            with path.open("rb") as file:
                assert is_shown_alike(file, image["mime"])
        else:
            assert answer.headers["content-type"] == "image/png", path.name
            assert np.array_equal(np.asarray(Picture.open(io.BytesIO(answer.content))), pixels), path.name
        again = site.client.get(image["picture"], headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304, path.name


def test_only_images_that_a_browser_would_show_differently_are_made_anew():
    made_anew = set()
    for path in readable():
        with path.open("rb") as file:
            mime = read_image_header(file).mime
            file.seek(0)
            if not is_shown_alike(file, mime):
                made_anew.add(path.name)

    tiffs = {path.name for path in readable() if path.suffix in (".tif", ".tiff")}
    assert made_anew - tiffs - {name for name in made_anew if name.startswith("x_")} >= FOREIGN
    assert not {"whole.jpg", "exif6.jpg", "gray.png", "palette.png", "interlaced.png", "rgb.bmp"} & made_anew


@pytest.mark.parametrize("name", ["g16.png", "exif6.png", "exif6.webp", "rgba_half.png", "exif6.jpg", "cut_half.jpg"])
def test_a_thumbnail_shows_the_same_as_the_picture(site, name):
    project = site.store.projects.add(NewProject(name, "", {}, "", [("ds", [new_image(site, IMAGES / name)])]))
    image = site.client.get(f"/api/projects/{project.id}/images").json()["items"][0]
    shown = Picture.open(io.BytesIO(site.client.get(image["thumbnail"]).content)).convert("RGB")
    pixels = Picture.fromarray(sly_image.read(str(IMAGES / name)))
    pixels.thumbnail((320, 320))

    assert shown.size == pixels.size
    assert np.abs(np.asarray(shown, int) - np.asarray(pixels, int)).mean() < 60  # of noise, packed with loss


def test_a_profile_of_colours_is_not_applied(tmp_path):
    picture, out = Picture.new("RGB", (8, 6), (200, 30, 60)), io.BytesIO()
    picture.save(out, "JPEG", icc_profile=b"a profile that no browser knows")

    assert not is_shown_alike(out, "image/jpeg")

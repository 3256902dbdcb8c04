"""Areas of labels, compared with values by hand and with brute force."""

from __future__ import annotations

import base64
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.formats.mask import BadMask, decode_mask
from agent.insights.areas import NOWHERE, BrokenLabel, EmptyLabel, mask_extent, measure
from tests.support.labeled_project import EVERY_SHAPE, HOSTILE, SHAPES, bitmap, mask_data, png, shape

WIDE_BOX = shape("box", [[500, 55], [-50, 40]])


def covered(label, shape, width, height):
    return measure(label, shape, width, height).pixels


def test_every_shape_covers_what_its_points_say():
    areas = {label["classTitle"]: covered(label, SHAPES[label["classTitle"]], 80, 60) for label in EVERY_SHAPE}

    assert areas == {"leaf": 200 - 8, "plot": 600 - 100, "box": 400, "path": 0, "spot": 0}


def test_what_lies_outside_of_the_image_does_not_count():
    assert covered(shape("box", [[-50, 40], [500, 55]]), "rectangle", 80, 60) == 80 * 16
    assert covered(shape("box", [[500, 500], [600, 600]]), "rectangle", 80, 60) == 0
    assert covered(shape("plot", [[-40, 0], [40, 0], [40, 60], [-40, 60]]), "polygon", 80, 60) == 40 * 60
    assert covered(bitmap("leaf", -5, 55, 20, 10), "bitmap", 80, 60) == 15 * 5
    assert covered(bitmap("leaf", 900, 0, 20, 10), "bitmap", 80, 60) == 0


@given(st.lists(st.tuples(st.integers(-20, 100), st.integers(-20, 100)), min_size=3, max_size=3))
def test_a_triangle_is_cut_at_the_edges_as_its_pixels_are(points):
    width, height = 40, 30
    area = covered(shape("plot", [list(p) for p in points]), "polygon", width, height)
    fine = 4  # samples along a pixel's side
    px, py = np.meshgrid((np.arange(width * fine) + 0.5) / fine, (np.arange(height * fine) + 0.5) / fine)
    ring = [*points, points[0]]
    turns = [(x1 - x0) * (py - y0) - (y1 - y0) * (px - x0) for (x0, y0), (x1, y1) in pairwise(ring)]
    inside = np.count_nonzero(np.all([t > 0 for t in turns], axis=0) | np.all([t < 0 for t in turns], axis=0))
    assert area == pytest.approx(inside / fine**2, abs=0.35 * (width + height) + 1)


@pytest.mark.parametrize("label", [label for label in HOSTILE if isinstance(label, dict)])
def test_a_label_from_a_stranger_gives_an_area_or_is_broken(label):
    try:
        area = covered(label, "polygon", 80, 60)
    except BrokenLabel:
        return
    assert 0 <= area <= 80 * 60


@given(st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda s: st.lists(s, max_size=4)))
def test_any_points_give_an_area_or_are_broken(points):
    try:
        area = covered({"points": {"exterior": points, "interior": points}}, "polygon", 80, 60)
    except BrokenLabel:
        return
    assert 0 <= area <= 80 * 60 + 1e-6


def test_masks_of_every_writer_are_read():
    grey = Image.new("L", (3, 2))
    grey.putpixel((1, 1), 7)
    clear = Image.new("RGBA", (3, 2), (255, 255, 255, 0))
    clear.putpixel((0, 0), (0, 0, 0, 9))
    plain = base64.b64encode(png(clear)).decode()  # today's writers may leave the zlib out

    assert decode_mask(plain).histogram()[0] == 0  # without zlib any channel counts, as in the official SDK
    assert decode_mask(base64.b64encode(zlib.compress(png(grey))).decode()).histogram()[0] == 5
    assert decode_mask(base64.b64encode(zlib.compress(png(clear))).decode()).histogram()[0] == 5
    assert decode_mask(mask_data(4, 3, hole=(0, 0, 2, 1))).histogram()[0] == 2


def test_a_mask_of_another_order_of_size_than_its_image_is_broken_before_it_is_decoded():
    """A few hundred bytes may hold millions of pixels, and an annotation thousands of such masks."""
    label = {"bitmap": {"data": mask_data(1000, 800), "origin": [0, 0]}}

    assert covered(label, "bitmap", 500, 400) == 500 * 400
    with pytest.raises(BrokenLabel):
        covered(label, "bitmap", 50, 40)


def test_a_mask_that_would_fill_the_memory_is_broken():
    header = bytearray(png(Image.new("1", (8, 8))))
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(BadMask):
        decode_mask(base64.b64encode(zlib.compress(bytes(header))).decode())
    with pytest.raises(BadMask):
        decode_mask(base64.b64encode(zlib.compress(bytes(300 << 20))).decode())


def test_a_label_has_the_shape_of_its_class_and_null_is_no_mask():
    box = {**shape("box", [[0, 0], [9, 4]]), "bitmap": None, "geometryType": "polygon"}

    assert covered(box, "rectangle", 80, 60) == 50
    assert covered(box, "polygon", 80, 60) == 0
    assert covered({**box, "geometryType": "rectangle"}, "any", 80, 60) == 50
    for class_shape in ("bitmap", "graph", "mask_3d", "point_cloud"):
        with pytest.raises(BrokenLabel):
            covered(box, class_shape, 80, 60)


def test_a_label_lies_where_its_points_and_pixels_do_also_beyond_the_edges():
    boxes = {
        label["classTitle"]: measure(label, SHAPES[label["classTitle"]], 80, 60) for label in [*EVERY_SHAPE, WIDE_BOX]
    }
    places = {title: (box.left, box.top, box.right, box.bottom) for title, box in boxes.items()}

    assert places == {
        "leaf": (5, 5, 24, 14),
        "plot": (40, 5, 70, 25),
        "box": (-50, 40, 500, 55),
        "path": (40, 40, 70, 40),
        "spot": (60, 52, 60, 52),
    }
    assert measure(bitmap("leaf", -5, 55, 20, 10, hole=(0, 0, 6, 10)), "bitmap", 80, 60).left == 1


def test_a_mask_without_a_pixel_lies_nowhere():
    empty = bitmap("leaf", 5, 5, 4, 4, hole=(0, 0, 4, 4))

    assert mask_extent(empty["bitmap"], 80, 60) == NOWHERE
    with pytest.raises(EmptyLabel):
        measure(empty, "bitmap", 80, 60)

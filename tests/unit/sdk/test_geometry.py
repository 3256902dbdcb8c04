"""Shapes keep their pixels through files, crops, moves and flips."""

from __future__ import annotations

import base64
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

import supervisely_lib as sly
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.helpers import (
    geometry_to_bitmap,
    geometry_to_polygon,
    get_effective_nonoverlapping_masks,
)
from supervisely_lib.geometry.mask_png import decode_mask, encode_mask
from supervisely_lib.geometry.sliding_windows import SlidingWindows

SIZE = (40, 50)

masks = np_st.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 40))).filter(np.any)
places = st.tuples(st.integers(-20, 60), st.integers(-20, 60))
inside = st.tuples(st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1))


def drawn(*geometries: Geometry, size: tuple[int, int] = SIZE) -> np.ndarray:
    canvas = np.zeros(size, bool)
    for geometry in geometries:
        geometry.draw(canvas, True)
    return canvas


shapes = st.one_of(
    st.builds(lambda mask, at: sly.Bitmap(mask, sly.PointLocation(*at)), masks, places),
    st.builds(
        lambda a, b: sly.Rectangle(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])), places, places
    ),
    st.builds(
        sly.Polygon,
        st.lists(places, min_size=3, max_size=8),
        st.lists(st.lists(places, min_size=3, max_size=4), max_size=2),
    ),
    st.builds(sly.Polyline, st.lists(places, min_size=2, max_size=6)),
    st.builds(lambda at: sly.Point(*at), places),
    st.builds(
        lambda nodes: sly.GraphNodes([sly.Node(row=r, col=c) for r, c in nodes]),
        st.lists(places, min_size=1, max_size=4),
    ),
)


@given(shapes)
def test_a_shape_survives_its_json(shape):
    again = type(shape).from_json(shape.to_json())

    assert again.to_json() == shape.to_json()
    assert (drawn(again) == drawn(shape)).all()


@given(shapes, st.integers(-30, 30), st.integers(-30, 30))
def test_moving_there_and_back_changes_nothing(shape, drow, dcol):
    assert shape.translate(drow, dcol).translate(-drow, -dcol).to_json() == shape.to_json()


@given(shapes)
def test_flipping_twice_changes_nothing(shape):
    assert shape.fliplr(SIZE).fliplr(SIZE).to_json() == shape.to_json()
    assert shape.flipud(SIZE).flipud(SIZE).to_json() == shape.to_json()


@given(masks, inside, inside)
def test_a_cropped_mask_is_what_lies_inside(mask, corner, other):
    bitmap = sly.Bitmap(mask, sly.PointLocation(*corner))
    top, bottom = sorted((corner[0], other[0]))
    left, right = sorted((corner[1], other[1]))
    window = sly.Rectangle(top, left, bottom, right)
    expected = drawn(bitmap) & drawn(window)

    assert (drawn(*bitmap.crop(window)) == expected).all()


@given(shapes)
def test_every_kind_of_canvas_gets_the_same_pixels(shape):
    expected = drawn(shape)

    for dtype in (np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint32, np.float32):
        canvas = np.zeros(SIZE, dtype)
        shape.draw(canvas, 3)
        assert ((canvas == 3) == expected).all()
    column_major = np.zeros(SIZE[::-1], np.uint8).T
    shape.draw(column_major, 3)
    assert ((column_major == 3) == expected).all()
    rgb = np.zeros((*SIZE, 3), np.uint8)
    shape.draw(rgb, [1, 2, 3])
    assert (rgb == expected[..., None] * np.array([1, 2, 3], np.uint8)).all()


@given(shapes)
def test_pixels_lie_in_the_box(shape):
    box = shape.to_bbox()

    assert not (drawn(shape) & ~drawn(box)).any()


@given(masks)
def test_png_of_a_mask_is_read_by_opencv_as_a_transparent_palette_image(mask):
    png = encode_mask(mask)

    read = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert (read[:, :, 3] > 0).tolist() == mask.tolist()
    assert (decode_mask(png) == mask).all()


@given(masks)
def test_masks_of_other_writers_are_read(mask):
    gray = cv2.imencode(".png", mask.astype(np.uint8) * 7)[1].tobytes()
    rgba = cv2.imencode(".png", np.dstack([mask.astype(np.uint8) * 0] * 3 + [mask.astype(np.uint8) * 200]))[1].tobytes()

    for png in (gray, rgba):
        assert (sly.Bitmap.base64_2_data(base64.b64encode(zlib.compress(png)).decode()) == mask).all()
    assert (sly.Bitmap.base64_2_data(base64.b64encode(rgba).decode()) == mask).all()
    with pytest.raises(ValueError, match="one channel that is not packed by zlib"):
        sly.Bitmap.base64_2_data(base64.b64encode(gray).decode())


def test_colours_without_transparency_are_no_mask():
    png = cv2.imencode(".png", np.ones((3, 3, 3), np.uint8))[1].tobytes()

    with pytest.raises(RuntimeError, match=r"Wrong internal mask format\."):
        sly.Bitmap.base64_2_data(base64.b64encode(zlib.compress(png)).decode())


@given(st.binary(max_size=200))
def test_damaged_mask_data_is_a_value_error(junk):
    png = encode_mask(np.ones((5, 9), bool))
    for content in (junk, png[:40] + junk, png[:-30], b""):
        text = base64.b64encode(zlib.compress(content)).decode()
        try:
            mask = sly.Bitmap.base64_2_data(text)
        except (ValueError, RuntimeError):
            continue
        assert mask.dtype == bool


def test_the_contracts_mask_has_the_contracts_text():
    mask = np.array([[1, 0], [1, 1]], bool)

    text = (
        "eJzrDPBz5+WS4mJgYOD19HAJAtJMIMzIDCQ9KuanAym2AJ8QVyD9////pTfn3wWyGEuC/IIZHJ7dSANyeDxdHEMq5iRnJFgANbowOr5Y"
        "yMEOFGfwdPVzWeeU0AQAPdsYYQ=="
    )
    assert sly.Bitmap.data_2_base64(mask) == text


def test_a_mask_is_cut_to_its_pixels():
    mask = np.zeros((10, 10), bool)
    mask[3:5, 6] = True
    bitmap = sly.Bitmap(mask, sly.PointLocation(1, 2))

    assert (bitmap.origin.row, bitmap.origin.col) == (4, 8)
    assert bitmap.data.shape == (2, 1)
    assert bitmap.area == 2


def test_a_mask_is_its_own_although_the_caller_goes_on_with_the_array():
    mask = np.ones((2, 2), bool)
    bitmap = sly.Bitmap(mask)
    mask[:] = False
    bitmap.data[:] = False

    assert bitmap.area == 4


@pytest.mark.parametrize("values", [[0, 2], [1, 255], [0, 1, 255]])
def test_masks_of_other_numbers_are_refused(values):
    with pytest.raises(ValueError, match="must be one of"):
        sly.Bitmap(np.array([values]))


@pytest.mark.parametrize("mask", [np.zeros((2, 3), bool), np.zeros((0, 3), bool)])
def test_a_mask_without_pixels_is_refused(mask):
    with pytest.raises(ValueError, match="empty mask"):
        sly.Bitmap(mask)


def test_rectangle_corners_are_inclusive_and_come_in_any_order():
    box = sly.Rectangle.from_json({"points": {"exterior": [[5, 4], [2, 1]], "interior": []}})

    assert (box.top, box.left, box.bottom, box.right) == (1, 2, 4, 5)
    assert (box.width, box.height, box.area, box.to_size()) == (4, 4, 16.0, (4, 4))
    assert (box.center.row, box.center.col) == (2, 3)
    assert drawn(box).sum() == 16


def test_fractions_in_files_are_rounded_half_to_even():
    line = sly.Polyline.from_json({"points": {"exterior": [[0.5, 1.5], [2.4, 2.6]], "interior": []}})

    assert line.to_json()["points"]["exterior"] == [[0, 2], [2, 3]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "must contain points field"),
        ({"points": []}, "must be dict"),
        ({"points": {"exterior": []}}, "exterior and interior"),
        ({"points": {"exterior": [[1, 2, 3]] * 3, "interior": []}}, "list of 2 numbers"),
        ({"points": {"exterior": [["1", "2"]] * 3, "interior": []}}, "list of 2 numbers"),
        ({"points": {"exterior": [[1, 2], [3]], "interior": []}}, "list of 2 numbers"),
        ({"points": {"exterior": [[1, None]] * 3, "interior": []}}, "list of 2 numbers"),
        ({"points": {"exterior": "ab", "interior": []}}, "list of 2 numbers"),
        ({"points": {"exterior": [[1, float("nan")]] * 3, "interior": []}}, "not finite"),
        ({"points": {"exterior": [[1, 1e30]] * 3, "interior": []}}, "not finite"),
        ({"points": {"exterior": [[1, 1]] * 3, "interior": 3}}, "interior field"),
        ({"points": {"exterior": [], "interior": []}}, "at least 3 points"),
    ],
)
def test_broken_points_say_what_is_wrong(data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sly.Polygon.from_json(data)


def test_holes_are_not_filled():
    polygon = sly.Polygon([(0, 0), (0, 20), (20, 20), (20, 0)], [[(5, 5), (5, 15), (15, 15), (15, 5)]])
    mask = drawn(polygon)

    assert mask[0, 0]
    assert not mask[10, 10]
    assert polygon.area == 400 - 100


def test_a_polygon_that_leaves_the_image_twice_becomes_two():
    polygon = sly.Polygon([(0, -5), (30, -5), (30, 45), (0, 45), (0, 35), (25, 35), (25, 5), (0, 5)])
    parts = polygon.crop(sly.Rectangle(0, 0, 20, 40))

    assert sorted(part.to_bbox().left for part in parts) == [0, 35]


def test_a_mask_and_an_outline_of_a_shape_have_its_pixels():
    box = sly.Rectangle(3, 4, 10, 12)
    (bitmap,) = geometry_to_bitmap(box)
    (outline,) = geometry_to_polygon(bitmap)

    assert (drawn(bitmap) == drawn(box)).all()
    assert (drawn(outline) == drawn(box)).all()
    assert [type(g) for g in box.convert(sly.Polygon)] == [sly.Polygon]
    with pytest.raises(NotImplementedError, match="from 'point' to 'polygon'"):
        sly.Point(1, 2).convert(sly.Polygon)


def test_the_visible_part_of_each_overlapping_shape_is_returned():
    (below, hidden, above), canvas = get_effective_nonoverlapping_masks(
        [sly.Rectangle(0, 0, 3, 3), sly.Rectangle(2, 2, 3, 3), sly.Rectangle(2, 2, 5, 5)]
    )

    assert below is not None
    assert below.area == 12
    assert hidden is None
    assert above is not None
    assert above.area == 16
    assert canvas[0, 5] == 3


def test_graphs_with_nodes_their_class_does_not_know_are_refused():
    template = sly.KeypointsTemplate()
    template.add_point("head", 1, 2)
    template.add_point("tail", 3, 4)
    template.add_edge("head", "tail")
    obj_class = sly.ObjClass("fish", sly.GraphNodes, geometry_config=template)

    sly.Label(sly.GraphNodes({"head": sly.Node(row=1, col=1)}), obj_class)
    with pytest.raises(ValueError, match="'fin'"):
        sly.Label(sly.GraphNodes({"fin": sly.Node(row=1, col=1)}), obj_class)
    assert sly.ObjClass.from_json(obj_class.to_json()) == obj_class


def test_windows_cover_the_image_and_the_last_ones_are_moved_back():
    windows = list(SlidingWindows((10, 20), (0, 5)).get((25, 40)))

    assert sorted({w.top for w in windows}) == [0, 10, 15]
    assert sorted({w.left for w in windows}) == [0, 15, 20]
    assert drawn(*windows, size=(25, 40)).all()
    with pytest.raises(RuntimeError, match="window is larger"):
        list(SlidingWindows((30, 20), (0, 5)).get((25, 40)))
    with pytest.raises(RuntimeError, match="overlap is too high"):
        SlidingWindows((10, 20), (10, 5))


@given(st.integers(-720, 720), st.integers(2, 60), st.integers(2, 60))
def test_rotation_keeps_all_pixels_on_the_canvas(angle, height, width):
    rotator = sly.ImageRotator((height, width), angle)
    box = sly.Rectangle.from_size((height, width)).rotate(rotator)

    assert sly.Rectangle.from_size(rotator.new_imsize).contains(box)
    assert sly.Rectangle.from_size(rotator.new_imsize).contains(rotator.inner_crop)


def test_the_inner_part_of_a_long_rotated_image_has_no_empty_corner():
    for size in ((8, 60), (60, 8)):
        rotator = sly.ImageRotator(size, 30)
        rotated = rotator.rotate_img(np.ones(size, np.uint8), use_inter_nearest=True)
        inner = rotator.inner_crop.translate(1, 1).crop(rotator.inner_crop.translate(-1, -1))[0]

        assert inner.get_cropped_numpy_slice(rotated).all()


def test_a_quarter_turn_of_image_and_mask_agree():
    mask = np.zeros((5, 9), bool)
    mask[1, 2:7] = True
    rotator = sly.ImageRotator(mask.shape, 90)

    assert (sly.Bitmap(mask).rotate(rotator).get_mask((9, 5)) == np.rot90(mask)).all()

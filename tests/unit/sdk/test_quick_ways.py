"""Short ways for what annotations nearly always hold: they give what the long ways give."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import supervisely_lib as sly
from supervisely_lib.geometry.validation import int_points
from supervisely_lib.imaging import decoding
from supervisely_lib.nn.dataset import SlyDataset

COORDINATES = st.integers(-5, 5) | st.integers(-(2**31) - 3, -(2**31) + 3) | st.integers(2**31 - 3, 2**31 + 3)


@given(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8))
def test_points_keep_their_numbers_in_the_smallest_type(points: list[tuple[int, int]]) -> None:
    found = int_points(points, "exterior")

    assert found.tolist() == [list(point) for point in points]
    is_small = all(abs(number) < 2**31 for point in points for number in point)
    assert found.dtype == (np.int32 if is_small else np.int64)


@given(st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), min_size=3, max_size=6))
def test_a_polygon_lies_in_an_image_when_its_box_does(points: list[tuple[int, int]]) -> None:
    image, polygon = sly.Rectangle(0, 0, 9, 8), sly.Polygon([sly.PointLocation(*point) for point in points])

    assert polygon._lies_in(image) is image.contains(polygon.to_bbox())


@pytest.mark.parametrize(
    ("ids", "background"),
    [([1, 2], 0), ([1, 127], -128), ([1, 128], 0), ([1, 2], 255), ([1, 2], -129), ([1, 1_000_000], -1)],
)
@pytest.mark.parametrize("size", [(20, 30), (10, 45)])
def test_ground_truth_holds_any_ids(ids: list[int], background: int, size: tuple[int, int]) -> None:
    classes = [sly.ObjClass("box", sly.Rectangle), sly.ObjClass("part", sly.Polygon)]
    inner = sly.Polygon([sly.PointLocation(*place) for place in ((4, 4), (4, 12), (12, 12))])
    labels = [sly.Label(sly.Rectangle(2, 2, 14, 20), classes[0]), sly.Label(inner, classes[1])]
    mapping = dict(zip(("box", "part"), ids))
    dataset = SlyDataset(sly.ProjectMeta(classes), [], size, mapping, background)
    found = dataset.make_gt((20, 30), sly.Annotation((20, 30), labels))

    assert found.dtype == np.int64
    assert found.shape == size
    assert sorted(np.unique(found).tolist()) == sorted([*ids, background])
    if size == (20, 30):
        drawn = np.full(size, background, np.int32)
        for label, id_ in zip(labels, ids):
            label.geometry.draw(drawn, id_)
        np.testing.assert_array_equal(found, drawn)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_has_the_same_pixels_with_and_without_a_decoder_of_rgb(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (31, 47) if mode == "L" else (31, 47, len(mode))
    pixels, out = np.random.default_rng(1).integers(0, 256, shape, np.uint8), io.BytesIO()
    Image.fromarray(pixels, mode).save(out, "jpeg")
    found = sly.image.read_bytes(out.getvalue())
    monkeypatch.setattr(decoding, "_DECODES_RGB", "no such flag")

    np.testing.assert_array_equal(found, sly.image.read_bytes(out.getvalue()))
    assert found.shape == (31, 47, 3)

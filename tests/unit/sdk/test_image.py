"""Images: sizes, samples, formats. No disk."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import supervisely_lib as sly
from supervisely_lib.imaging.image import (
    ImageReadException,
    RotateMode,
    UnsupportedImageFormat,
    data_url_to_numpy,
    np_image_to_data_url,
    restore_proportional_size,
)

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("ext", ["png", ".png", ".bmp", ".PNG"])
def test_lossless_formats_keep_every_pixel(ext):
    assert (sly.image.read_bytes(sly.image.write_bytes(IMAGE, ext)) == IMAGE).all()


@pytest.mark.parametrize("ext", [".jpg", ".jpeg", ".jfif", ".mpo", ".webp", ".tiff"])
def test_every_extension_of_projects_can_be_written_and_read(ext):
    flat = np.full((20, 30, 3), (200, 100, 50), np.uint8)

    read = sly.image.read_bytes(sly.image.write_bytes(flat, ext))

    assert np.abs(read.astype(int) - flat).max() < 12


def test_gray_is_expanded_and_alpha_dropped_or_kept():
    gray = cv2.imencode(".png", IMAGE[:, :, 0])[1].tobytes()
    rgba = cv2.imencode(".png", np.dstack([IMAGE, IMAGE[:, :, :1]])[:, :, [2, 1, 0, 3]])[1].tobytes()

    assert (sly.image.read_bytes(gray) == IMAGE[:, :, :1]).all()
    assert sly.image.read_bytes(rgba).shape == (20, 30, 3)
    assert (sly.image.read_bytes(rgba, keep_alpha=True) == np.dstack([IMAGE, IMAGE[:, :, :1]])).all()
    assert (sly.image.drop_image_alpha_channel(sly.image.read_bytes(rgba, keep_alpha=True)) == IMAGE).all()


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"BM" + b"\0" * 60])
def test_bytes_that_are_not_an_image_are_refused(content):
    with pytest.raises(ImageReadException, match="Error has occured trying to read image"):
        sly.image.read_bytes(content)


def test_formats_that_projects_may_not_hold_are_named():
    with pytest.raises(UnsupportedImageFormat, match=r"'\.GIF'"):
        sly.image.read_bytes(
            b"GIF89a\x01\x00\x01\x00\x80\x00\x00\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
        )
    with pytest.raises(UnsupportedImageFormat, match=r"'\.gif'"):
        sly.image.write_bytes(IMAGE, "gif")


def test_sizes_keep_proportions_where_asked():
    assert restore_proportional_size((10, 20), (5, -1)) == (5, 10)
    assert restore_proportional_size((10, 20), (-1, 5)) == (2, 5)
    assert restore_proportional_size((10, 20), frow=2, fcol=0.5) == (20, 10)
    assert restore_proportional_size((10, 20), f=3) == (30, 60)
    assert sly.image.resize(IMAGE, (10, -1)).shape == (10, 15, 3)
    for wrong in ({"out_size": (-1, -1)}, {"out_size": (0, 5)}, {"out_size": (5, 5), "frow": 1}, {"frow": 1}, {}):
        with pytest.raises(ValueError, match=r"."):
            restore_proportional_size((10, 20), **wrong)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 80), st.integers(1, 80))
def test_nearest_takes_the_pixel_under_the_new_ones_centre(height, width, new_height, new_width):
    places = np.arange(height * width, dtype=np.int64).reshape(height, width)
    resized = sly.image.resize_inter_nearest(places, (new_height, new_width))

    for _ in range(5):
        row, col = random.randrange(new_height), random.randrange(new_width)
        source = divmod(int(resized[row, col]), width)
        for at, size, new_size, got in ((row, height, new_height, source[0]), (col, width, new_width, source[1])):
            centre = (2 * at + 1) * size / (2 * new_size)
            assert got <= centre + 1e-9
            assert centre - 1e-9 <= got + 1
    assert resized.dtype == places.dtype


def test_crops_stay_inside():
    assert (sly.image.crop(IMAGE, sly.Rectangle(1, 2, 3, 4)) == IMAGE[1:4, 2:5]).all()
    with pytest.raises(ValueError, match="out of image"):
        sly.image.crop(IMAGE, sly.Rectangle(0, 0, 20, 5))


@pytest.mark.parametrize("mode", RotateMode)
def test_rotating_by_nothing_changes_nothing(mode):
    assert (sly.image.rotate(IMAGE, 0, mode) == IMAGE).all()


def test_a_quarter_turn_swaps_the_sides():
    assert (sly.image.rotate(IMAGE, 90) == np.rot90(IMAGE)).mean() > 0.99


def test_random_changes_keep_shape_and_type():
    image = sly.image
    for changed in (
        image.random_contrast(IMAGE, 0.5, 1.5),
        image.random_brightness(IMAGE, 0.5, 1.5),
        image.random_noise(IMAGE, 0, 5),
        image.random_color_scale(IMAGE, 0.5, 1.5),
        image.blur(IMAGE, 3),
        image.median_blur(IMAGE, 3),
        image.gaussian_blur(IMAGE, 0.5, 2),
    ):
        assert (changed.shape, changed.dtype) == (IMAGE.shape, IMAGE.dtype)
    with pytest.raises(ValueError, match="Minimum"):
        image.random_brightness(IMAGE, -1, 1)


def test_an_image_survives_its_data_url():
    assert (data_url_to_numpy(np_image_to_data_url(IMAGE)) == IMAGE).all()


@given(st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_a_colour_survives_its_hex_text(color):
    assert sly.color.hex2rgb(sly.color.rgb2hex(color)) == color
    assert sly.color.hex2rgb(sly.color.rgb2hex(color).lower()) == color


@pytest.mark.parametrize("text", ["#FFF", "FF00FF", "#GG0000", "#FF00FF00", "", None])
def test_other_colour_texts_are_refused(text):
    with pytest.raises(ValueError, match="HEX RGB"):
        sly.color.hex2rgb(text)


def test_a_new_colour_lies_far_from_the_old_ones():
    colors = [sly.color.random_rgb()]
    for _ in range(7):
        colors.append(sly.color.generate_rgb(colors))

    assert len({tuple(color) for color in colors}) == 8

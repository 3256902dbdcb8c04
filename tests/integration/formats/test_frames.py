"""An image has the same frame for the door and the SDK, and is read by both or by neither."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from agent.formats.image_header import NotAnImage, read_image_header
from supervisely_lib.imaging import image as sly_image
from tests.support.reader_cases import IMAGES

# Files whose checksums hold, but whose pixels cannot be unpacked: the door does not unpack images.
READ_BY_THE_DOOR_ONLY = {"badzlib.png", "short_data.png"}


def door(content: bytes) -> tuple[int, int] | None:
    try:
        header = read_image_header(io.BytesIO(content))
    except NotAnImage:
        return None
    return header.height, header.width


def sdk(content: bytes) -> tuple[int, ...] | None:
    try:
        return sly_image.read_bytes(content).shape[:2]
    except (sly_image.ImageReadException, sly_image.UnsupportedImageFormat):
        return None


def test_the_door_and_the_sdk_agree_on_every_image():
    paths = sorted(path for path in IMAGES.iterdir() if path.name not in READ_BY_THE_DOOR_ONLY)
    seen = {path.name: (door(path.read_bytes()), sdk(path.read_bytes())) for path in paths}

    assert {name: both for name, both in seen.items() if both[0] != both[1]} == {}
    assert len([both for both in seen.values() if both[0]]) > 100
    assert len([both for both in seen.values() if not both[0]]) > 20


def test_a_path_and_its_bytes_are_the_same_image():
    for path in sorted(IMAGES.iterdir()):
        if sdk(path.read_bytes()) is not None:
            assert np.array_equal(sly_image.read(str(path)), sly_image.read_bytes(path.read_bytes())), path.name


def scene() -> np.ndarray:
    """uint8 (24, 32, 3): no turn of it equals another."""
    return np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)


def with_mark(kind: str, turn: int) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = turn
    Image.fromarray(scene()).save(out, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mark_of_the_camera_turns_png_and_jpeg_but_not_webp(turn):
    turns: dict[int, Callable[[Any], Any]] = {
        1: lambda image: image,
        2: np.fliplr,
        3: lambda image: np.rot90(image, 2),
        4: np.flipud,
        5: lambda image: image.transpose(1, 0, 2),
        6: lambda image: np.rot90(image, -1),
        7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
        8: np.rot90,
    }
    upright = turns[turn](scene())

    assert np.array_equal(sly_image.read_bytes(with_mark("PNG", turn)), upright)
    assert np.array_equal(sly_image.read_bytes(with_mark("WEBP", turn)), scene())
    assert sly_image.read_bytes(with_mark("JPEG", turn)).shape == upright.shape
    for kind in ("PNG", "WEBP", "JPEG"):
        assert door(with_mark(kind, turn)) == sdk(with_mark(kind, turn))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_ends_early_is_read_as_far_as_it_goes(progressive):
    out = io.BytesIO()
    Image.fromarray(np.tile(scene(), (5, 5, 1))).save(out, "JPEG", quality=95, progressive=progressive)
    whole = out.getvalue()

    for cut in (1, 2, 3, len(whole) // 10, len(whole) // 2):
        part = sly_image.read_bytes(whole[:-cut])
        assert part.shape == (120, 160, 3)
        if not progressive:
            assert np.array_equal(part[:16], sly_image.read_bytes(whole)[:16])
    assert np.array_equal(sly_image.read_bytes(whole[:-2]), sly_image.read_bytes(whole))
    with pytest.raises(sly_image.ImageReadException):
        sly_image.read_bytes(whole[:100])


def test_sixteen_bits_become_eight_as_opencv_makes_them_and_are_kept_with_alpha():
    deep = (scene().astype(np.uint16) << 8) + 7
    content = cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes()

    assert np.array_equal(sly_image.read_bytes(content), scene())
    assert np.array_equal(sly_image.read_bytes(content, keep_alpha=True), deep)

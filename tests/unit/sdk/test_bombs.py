"""Masks and score maps that claim more than anybody drew."""

from __future__ import annotations

import base64
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.inflate import inflate


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def mask_png(width: int, height: int, pixels: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    colors = chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255])) + chunk(b"tRNS", b"\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + colors + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(mebibytes: int) -> bytes:
    packing = zlib.compressobj(1)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packing.flush()


def text(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


@pytest.mark.parametrize(("width", "height"), [(0xFFFFFFFF, 0xFFFFFFFF), (60_000, 60_000), (1, 1 << 31)])
def test_a_mask_that_claims_billions_of_pixels_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=r"claims \d+×\d+ pixels; no more than 1,073,741,824 can be decoded"):
        Bitmap.base64_2_data(text(zlib.compress(mask_png(width, height, zlib.compress(b"x")))))


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (8_000, 8_000)])
def test_a_mask_that_claims_more_than_its_bytes_can_hold_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="more than its 97 bytes can hold"):
        Bitmap.base64_2_data(text(mask_png(width, height, zlib.compress(b"x"))))


def test_the_emptiest_of_large_masks_is_read() -> None:
    mask = np.zeros((8_000, 8_000), np.bool_)
    mask[0, 0] = True
    read = Bitmap.base64_2_data(Bitmap.data_2_base64(mask))

    assert read.shape == mask.shape
    assert read.sum() == 1


def test_a_small_mask_with_endless_pixel_data_takes_no_memory() -> None:
    tracemalloc.start()
    mask = Bitmap.base64_2_data(text(zlib.compress(mask_png(8, 8, zeros(100)))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert mask.shape == (8, 8)
    assert peak < 20 << 20


def test_data_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="unpacks to more than 256 MiB"):
        Bitmap.base64_2_data(text(zeros(300)))


def test_unpacking_takes_exactly_what_is_allowed() -> None:
    assert inflate(zlib.compress(b"abc"), 3, "x") == b"abc"
    with pytest.raises(ValueError, match="more than 0 MiB"):
        inflate(zlib.compress(b"abc"), 2, "x")
    with pytest.raises(zlib.error):
        inflate(zlib.compress(b"abc")[:-1], 3, "x")


def test_a_mask_is_read_as_it_was_written() -> None:
    mask = np.random.default_rng(1).random((37, 41)) > 0.5

    assert (Bitmap.base64_2_data(Bitmap.data_2_base64(mask)) == mask).all()

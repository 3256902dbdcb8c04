"""Masks and score maps that claim far more pixels than they have."""

from __future__ import annotations

import base64
import contextlib
import struct
import tracemalloc
import zlib
from unittest import mock

import cv2
import numpy as np
import pytest

from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.inflate import inflate
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.imaging.claims import claims_too_much
from supervisely_lib.imaging.decoding import UndecodableImage, decode
from supervisely_lib.imaging.image import ImageReadException, read_bytes


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


@pytest.mark.parametrize("kind", [b"PLTE", b"tEXt", b"IDAT"])
def test_an_image_with_a_part_that_claims_gigabytes_is_refused_before_room_is_made_for_it(kind: bytes) -> None:
    whole = mask_png(8, 8, zlib.compress(bytes(16)))
    end = whole.index(b"IEND") - 4
    cut = whole[:end] + struct.pack(">I", 0xFFFF0000) + kind + bytes(64) + whole[end:]

    assert Bitmap.base64_2_data(text(zlib.compress(whole))).shape == (8, 8)
    with mock.patch("cv2.imdecode", side_effect=AssertionError("it was decoded")):
        for packed in (cut, zlib.compress(cut)):
            with pytest.raises(ValueError, match="ends too early, or is damaged"):
                Bitmap.base64_2_data(text(packed))
        with pytest.raises(UndecodableImage):
            decode(cut)


def tiff(order: str, entries: list[tuple[int, int, int]]) -> bytes:
    """A directory of (tag, type, count), whose values are all the 6,000 bytes before it."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 6_008)
    out = start + bytes(6_000) + struct.pack(order + "H", len(entries))
    return out + b"".join(struct.pack(order + "HHII", *entry, 8) for entry in entries) + bytes(4)


def claiming_jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xe0\0\4\xff\xc0\xff\xff\xc2" + frame + b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(100)


ANIMATION = chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", struct.pack(">7IHHBB", *[0] * 7, 1, 1, 0, 0)[:26])


@pytest.mark.parametrize(
    "content",
    [
        tiff("<", [(40_000 + i, 1, 5_000) for i in range(50)]),
        tiff(">", [(40_000 + i, 12, 700) for i in range(50)]),
        tiff("<", [(273, 4, 1_000_000)]),
        b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 1 << 40),
        claiming_jpeg(30_000, 30_000),
        mask_png(30_000, 30_000, zlib.compress(bytes(100))).replace(b"\0\0\0\6PLTE", ANIMATION + b"\0\0\0\6PLTE"),
    ],
    ids=["shared values", "shared numbers", "a million strips", "endless directory", "JPEG", "animated PNG"],
)
def test_an_image_that_claims_more_than_its_bytes_can_hold_reaches_no_decoder(content: bytes) -> None:
    with contextlib.ExitStack() as patched:
        for decoder in ("cv2.imdecode", "PIL.Image.open", "PIL.TiffImagePlugin.TiffImageFile"):
            patched.enter_context(mock.patch(decoder, side_effect=AssertionError))
        with pytest.raises(ImageReadException, match="it claims more than its bytes can hold"):
            read_bytes(content)


def test_the_emptiest_of_large_images_claim_what_their_bytes_can_hold() -> None:
    white = np.full((3_000, 3_000), 255, np.uint8)
    for kind, options in (
        (".png", [cv2.IMWRITE_PNG_COMPRESSION, 9]),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".tif", []),
    ):
        assert not claims_too_much(cv2.imencode(kind, white, options)[1].tobytes())
    assert not claims_too_much(tiff("<", [(40_000, 1, 5_000)]))
    assert not claims_too_much(b"II*\0\xff\xff\xff\xff")


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


def npy(shape: str, kind: str) -> str:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return text(zlib.compress(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(16)))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("(1000000, 1000000, 1)", "<f8"), (f"({10**30}, 1, 1)", "<f8"), ("(-1, -1, 1)", "<f8"), ("(2, 2, 1)", "<f8"),
        ("(1000000000, 1000, 1)", "|V0"), ("(1, 1, 1)", "|S2000000000"), ("(1, 1, 1)", "|O"),
    ],
)  # fmt: skip
def test_a_score_map_that_claims_other_numbers_than_it_has_is_refused(shape: str, kind: str) -> None:
    assert MultichannelBitmap.base64_2_data(npy("(2, 1, 1)", "<f8")).shape == (2, 1, 1)
    with mock.patch("numpy.load", side_effect=AssertionError), pytest.raises(ValueError, match="score map claims"):
        MultichannelBitmap.base64_2_data(npy(shape, kind))


@pytest.mark.parametrize("header", [b"-" * 9000 + b"1", b"{'shape': (True,", b"(" * 5000, b"\xff\0"])
def test_a_score_map_with_a_header_that_cannot_be_read_is_a_value_error(header: bytes) -> None:
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with pytest.raises(ValueError, match="score map"):
        MultichannelBitmap.base64_2_data(text(zlib.compress(data)))

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header


def saved(kind, size=(8, 6), **options):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def read(data):
    return read_image_header(io.BytesIO(data))


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 1)
        + b"IDAT"
    )


@pytest.mark.parametrize(
    ("kind", "options", "mime"),
    [
        ("JPEG", {}, "image/jpeg"),
        ("MPO", {}, "image/jpeg"),
        ("PNG", {}, "image/png"),
        ("BMP", {}, "image/bmp"),
        ("TIFF", {}, "image/tiff"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, "image/webp"),
    ],
)
def test_size_and_kind_come_from_the_header(kind, options, mime):
    assert read(saved(kind, **options)) == ImageHeader(8, 6, mime)


def test_a_camera_that_was_held_upright_swaps_the_sides():
    exif = Image.Exif()
    exif[0x0112] = 6

    assert read(saved("JPEG", exif=exif)) == ImageHeader(6, 8, "image/jpeg")


def test_a_large_image_is_read_and_a_bomb_is_refused_by_its_header():
    assert read(png_that_claims(20_000, 20_000)).width == 20_000
    with pytest.raises(NotAnImage, match=r"claims 100000×100000 pixels; more than 1,073,741,824 cannot be decoded\."):
        read(png_that_claims(100_000, 100_000))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty."),
        (b"no image at all", "is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF)."),
        (b"\x89PNG\r\n\x1a\n", "has a broken image header."),
        (b"\xff\xd8\xff\xe0", "has a broken image header."),
        (png_that_claims(0, 5), "has a broken image header."),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(20), "has a broken image header: 0×0 pixels."),
    ],
)
def test_what_is_no_image_gets_a_sentence(data, sentence):
    with pytest.raises(NotAnImage) as caught:
        read(data)

    assert str(caught.value) == sentence


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBPVP8X"]),
    st.binary(max_size=200),
)
def test_any_bytes_give_a_header_or_a_sentence(start, rest):
    with contextlib.suppress(NotAnImage):
        assert read(start + rest).width > 0

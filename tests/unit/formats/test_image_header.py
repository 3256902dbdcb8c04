from __future__ import annotations

import contextlib
import io
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.formats.image_claims import tiff_claim
from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header


def saved(kind, size=(8, 6), **options):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def read(data):
    return read_image_header(io.BytesIO(data))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def png_that_claims(width, height, pixels=b"x"):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_that_claims(width, height):
    plain = saved("JPEG")
    at = plain.index(b"\xff\xc0") + 5
    return plain[:at] + struct.pack(">HH", height, width) + plain[at + 4 :]


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

    assert read(saved("JPEG", exif=exif)) == ImageHeader(6, 8, "image/jpeg", is_turned=True)


def test_a_large_image_is_read_and_a_bomb_is_refused_by_its_header():
    assert read(png_that_claims(20_000, 20_000, bytes(20_000 * 60_001 // 1032 + 1))).width == 20_000
    with pytest.raises(NotAnImage, match=r"claims 100000×100000 pixels; more than 1,073,741,824 cannot be decoded\."):
        read(png_that_claims(100_000, 100_000))


@pytest.mark.parametrize("claiming", [png_that_claims, jpeg_that_claims])
def test_an_image_that_claims_more_pixels_than_its_bytes_can_hold_is_refused(claiming):
    with pytest.raises(NotAnImage, match=r"claims 30000×30000 pixels, more than its \d+ bytes can hold"):
        read(claiming(30_000, 30_000))
    assert read(claiming(30, 10)).width == 30


def test_the_emptiest_of_large_images_are_read():
    white = Image.new("1", (9_000, 9_000), 1)
    for kind, options in (("PNG", {"optimize": True}), ("JPEG", {"progressive": True, "optimize": True}), ("TIFF", {})):
        out = io.BytesIO()
        (white.convert("L") if kind == "JPEG" else white).save(out, kind, **options)
        assert read(out.getvalue()).width == 9_000


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True], ids=["TIFF", "BigTIFF"])
def test_a_tiff_whose_values_share_their_bytes_is_refused_before_they_are_read(order, is_big):
    shared = tiff(order, is_big=is_big, more=[(40_000 + i, 1, 5_000, None) for i in range(50)])
    apart = tiff(order, is_big=is_big, more=[(40_000, 1, 5_000, None)])
    wild = tiff(order, is_big=is_big, more=[(40_000, 1, 0xFFFFFFFF, None)])  # readers leave such a value out

    with pytest.raises(NotAnImage, match="has a TIFF directory whose values share their bytes"):
        read(shared)
    assert tiff_claim(io.BytesIO(apart)) is tiff_claim(io.BytesIO(wild)) is None
    if not (is_big and order == ">"):  # which Pillow does not read
        assert read(apart) == ImageHeader(4, 4, "image/tiff")


def test_a_tiff_cut_into_a_million_pieces_is_refused():
    with pytest.raises(NotAnImage, match="is cut into more than 262,144 pieces"):
        read(tiff("<", is_big=False, more=[(273, 4, 1_000_000, None)]))


def test_a_tiff_of_more_entries_than_a_directory_has_is_refused():
    with pytest.raises(NotAnImage, match="more than 65,535 entries"):
        read(tiff("<", is_big=True, more=[(40_000, 3, 1, 1)] * 70_000))


def tiff(order, *, is_big, more):
    """A gray image of 4 × 4 with further entries: (tag, type, count, value or None for 6,000 bytes they share)."""
    number, counter, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    start = mark + (struct.pack(f"{order}HHQ", 8, 0, 6_016) if is_big else struct.pack(f"{order}I", 6_008))
    entries = [(256, 4, 1, 4), (257, 4, 1, 4), (259, 4, 1, 1), (262, 4, 1, 1), (273, 4, 1, 16), (279, 4, 1, 16), *more]
    out = start + bytes(6_000) + struct.pack(f"{order}{counter}", len(entries))
    for tag, kind, count, value in entries:
        packed = struct.pack(f"{order}{entry}", tag, kind, count, len(start) if value is None else 0)
        if value is not None:
            size = struct.calcsize(f"{order}{number}")
            packed = packed[:-size] + struct.pack(f"{order}{'I' if kind == 4 else 'H'}", value).ljust(size, b"\0")
        out += packed
    return out + bytes(8)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty."),
        (b"no image at all", "is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF)."),
        (b"\x89PNG\r\n\x1a\n", "ends early. Copy or download it again."),
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
    st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"RIFF\0\0\0\0WEBPVP8X"]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_give_a_header_or_a_sentence(start, rest):
    with contextlib.suppress(NotAnImage):
        assert read(start + rest).width > 0


def png_of_many_chunks(count):
    """A PNG whose kinds of chunk alternate `count` times before as many empty ones of pixels."""
    plain = saved("PNG")
    at, end = plain.index(b"IDAT") - 4, plain.index(b"IEND") - 4
    return plain[:at] + (chunk(b"tEXt", b"") + chunk(b"zTXt", b"")) * count + plain[at:end] + chunk(
        b"IDAT", b""
    ) * count + plain[end:]  # fmt: skip


def test_a_png_is_read_in_a_time_that_grows_with_its_chunks():
    def effort(count):
        data, times = png_of_many_chunks(count), []
        for _ in range(3):
            begin = time.process_time()
            assert read(data).width == 8
            times.append(time.process_time() - begin)
        return min(times)

    assert effort(16_000) < 30 * effort(2_000)  # 8 times the chunks; each looked for among all before: 64 times


def test_pixels_of_a_png_in_two_places_are_refused():
    plain = saved("PNG")
    end = plain.index(b"IEND") - 4
    apart = plain[:end] + chunk(b"tEXt", b"") + chunk(b"IDAT", b"") + plain[end:]

    with pytest.raises(NotAnImage, match="not in a row"):
        read(apart)

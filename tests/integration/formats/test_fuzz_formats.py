"""Any bytes in tars, annotations, masks and images give a value or a documented error, in bounded time and memory."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import supervisely_lib as sly
from agent.errors import Invalid
from agent.formats.annotation import Frame, annotation_problems
from agent.formats.archive import Limits, list_archive
from agent.formats.image_header import NotAnImage, read_image_header
from agent.formats.meta import read_meta
from agent.formats.model_state import unpack
from supervisely_lib.annotation.invalid import InvalidProjectFile
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.mask_png import encode_mask
from tests.support.fuzzing import JSON_WORDS, bounded, fuzz, spoilt
from tests.support.hostile_archives import ARCHIVES, extended, member, record, tar
from tests.support.hostile_projects import png

SMALL = [data for one in ARCHIVES.values() if len(data := next(one.pieces())) < 20_000]
TARS = [
    *SMALL,
    tar(member("weights/model.pt", b"x" * 700), member("l", kind=tarfile.SYMTYPE, link="weights/model.pt")),
    tar(extended(record(b"path", "größe".encode()), record(b"size", b"5")), member("model.pt", b"12345")),
    tar(member("a" * 150, b"x"), member("weights/", kind=tarfile.DIRTYPE)),
]
FIELDS = [
    b"../",
    b"/",
    b"\0",
    b"77777777777\0",
    b"\x80" + b"\xff" * 11,
    b"00000000000\0",
    b"-0000000001\0",
    b"9999999999 path=x\n",
    b"12 hdrcharset=BINARY\n",
    b"30 GNU.sparse.major=1\n",
    b"20 size=-1\n",
    b"L",
    b"K",
    b"S",
    b"x",
    b"g",
    b"1",
    b"2",
    b"5",
    b"\xff",
]


def with_checksums(data: bytes) -> bytes:
    """Every block that may be a header gets the checksum it needs to be read as one."""
    blocks = bytearray(data)
    for start in range(0, len(data) - 511, 512):
        block = blocks[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
            blocks[start : start + 512] = block
    return bytes(blocks)


@fuzz(300)
@given(spoilt(TARS, words=FIELDS), st.booleans(), st.booleans())
def test_a_spoilt_tar_is_listed_or_refused_and_unpacked_inside_or_not_at_all(
    data: bytes, mended: bool, packed: bool
) -> None:
    data = with_checksums(data) if mended else data
    data = gzip.compress(data) if packed else data
    with bounded():
        listing = list_archive(io.BytesIO(data), Limits(size_bytes=1 << 20), keep="config.json")
    assert all(str(problem).isprintable() for problem in listing.problems)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary, "inside", "model")
        place.parent.mkdir()
        try:
            with bounded():
                unpack(io.BytesIO(data), place, Limits(size_bytes=1 << 20))
        except Invalid:
            assert listing.problems
            assert list(place.parent.iterdir()) == []
        else:
            assert not listing.problems
            files = [entry for entry in place.rglob("*") if not entry.is_dir()]
            assert len(files) <= len(listing.members)
            assert all(entry.resolve().is_relative_to(place.resolve()) for entry in place.rglob("*"))
        assert list(Path(temporary).iterdir()) == [place.parent]


META: dict[str, Any] = {
    "classes": [
        {"title": shape, "shape": shape, "color": "#123456", "geometry_config": {"nodes": {"a": {"label": "a"}}}}
        for shape in ("polygon", "rectangle", "line", "point", "bitmap", "graph")
    ],
    "tags": [{"name": "n", "value_type": "any_number"}, {"name": "one", "value_type": "oneof_string", "values": ["a"]}],
}
NUMBERS: st.SearchStrategy[Any] = (
    st.integers(-3, 12) | st.floats() | st.sampled_from([10**18, -(2**63), True, None, "1", [], 1e308])
)
POINTS = st.lists(st.lists(NUMBERS, max_size=3) | NUMBERS, max_size=6)
VALUES = st.recursive(NUMBERS | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
MASKS = st.sampled_from(["", "eJw=", "!", Bitmap.data_2_base64(np.eye(5, dtype=bool))]) | st.text(max_size=20)
OBJECTS = st.fixed_dictionaries(
    {"classTitle": st.sampled_from(["polygon", "rectangle", "line", "point", "bitmap", "graph", "none", 5])},
    optional={
        "tags": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["n", "one", "?"])}, optional={"value": VALUES}), max_size=2
        )
        | VALUES,
        "points": st.fixed_dictionaries(
            {}, optional={"exterior": POINTS, "interior": st.lists(POINTS, max_size=2) | VALUES}
        )
        | VALUES,
        "bitmap": st.fixed_dictionaries({}, optional={"data": MASKS | VALUES, "origin": VALUES}) | VALUES,
        "nodes": st.dictionaries(
            st.sampled_from(["a", "b"]), st.fixed_dictionaries({"loc": VALUES}) | VALUES, max_size=2
        )
        | VALUES,
        "description": VALUES,
    },
)
ANNOTATIONS = st.fixed_dictionaries(
    {"size": st.fixed_dictionaries({"height": st.just(6) | NUMBERS, "width": st.just(8) | NUMBERS}) | VALUES},
    optional={
        "objects": st.lists(OBJECTS, max_size=3) | VALUES,
        "tags": st.lists(VALUES, max_size=2) | VALUES,
        "description": VALUES,
    },
)


@fuzz(300)
@given(ANNOTATIONS)
def test_any_annotation_is_read_or_refused_by_the_agent_and_by_the_sdk(annotation: Any) -> None:
    meta, wrong = read_meta(json.dumps(META).encode())
    assert wrong == []
    with bounded():
        problems = annotation_problems(json.dumps(annotation).encode(), meta, "a.json", Frame(8, 6))
    assert all(str(problem).isprintable() for problem in problems)
    sdk_meta = sly.ProjectMeta.from_json(META)
    with bounded(), contextlib.suppress(InvalidProjectFile):
        read = sly.Annotation.from_json(annotation, sdk_meta)
        json.dumps(read.to_json())


@fuzz(200)
@given(
    spoilt(
        [
            json.dumps(META).encode(),
            json.dumps({"size": {"height": 6, "width": 8}, "tags": [], "objects": []}).encode(),
        ],
        words=JSON_WORDS,
    )
)
def test_any_bytes_for_meta_and_annotation_give_problems_not_tracebacks(data: bytes) -> None:
    with bounded():
        meta, problems = read_meta(data)
        problems += annotation_problems(data, meta, "a.json", Frame(8, 6))
    assert all(str(problem).isprintable() for problem in problems)
    with contextlib.suppress(ValueError, RecursionError), bounded():
        value = json.loads(data)
        with contextlib.suppress(InvalidProjectFile):
            sly.ProjectMeta.from_json(value)


MASK_SEEDS = [encode_mask(np.eye(9, 14, dtype=bool)), png(8, 6), b""]


@fuzz(200)
@given(spoilt(MASK_SEEDS, words=[b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"\xff\xff\xff\xff", b"\0\0\0\0"]), st.booleans())
def test_any_mask_is_decoded_or_raises_a_value_error(data: bytes, packed: bool) -> None:
    text = base64.b64encode(zlib.compress(data) if packed else data).decode()
    with bounded(), contextlib.suppress(ValueError, RuntimeError):
        assert Bitmap.base64_2_data(text).ndim == 2


def images() -> list[bytes]:
    from PIL import Image

    made = []
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP"):
        out = io.BytesIO()
        Image.new("RGB", (8, 6), (1, 2, 3)).save(out, kind)
        made.append(out.getvalue())
    return made


@fuzz(250)
@given(spoilt(images(), words=[b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"Exif\0\0", b"II*\0"]))
@pytest.mark.filterwarnings("ignore")  # Pillow's, on damaged TIFFs
def test_any_bytes_of_an_image_give_a_size_or_a_refusal(data: bytes) -> None:
    with bounded(), contextlib.suppress(NotAnImage):
        header = read_image_header(io.BytesIO(data))
        assert header.width > 0
        assert header.height > 0

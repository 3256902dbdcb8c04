"""public_api/multipart.py: the parts do not depend on how the body was cut in transit."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from agent.errors import BadInput
from web_stub.forms import pieces

BOUNDARY = "b0undary"


def body(*parts: tuple[str, str | None, bytes]) -> bytes:
    out = b""
    for name, filename, data in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


def read(chunks: list[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> list[Any]:
    """Parts as (name, filename, data)."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def gather() -> list[Any]:
        found = []
        data = b""
        async for piece in pieces(Request(scope, receive)):
            data += piece.data
            if piece.ends:
                found.append((piece.name, piece.filename, data))
                data = b""
        return found

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", content_type.encode())]}
    return asyncio.run(gather())


PARTS = st.lists(
    st.tuples(
        st.text("abc-12", min_size=1, max_size=8),
        st.none() | st.text("abc 1.é", min_size=1, max_size=8),
        st.binary(max_size=50) | st.just(f"\r\n--{BOUNDARY[:-1]}".encode()),
    ),
    min_size=1,
    max_size=4,
)


@given(parts=PARTS, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_parts_come_out_as_they_went_in(parts: list[Any], cuts: list[int]) -> None:
    whole = body(*parts)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    assert read([whole[a:b] for a, b in pairwise(edges)]) == parts


def test_a_large_part_comes_in_pieces() -> None:
    data = bytes(range(256)) * (5 << 12)
    whole = body(("weights", "x.tar", data))
    assert read([whole[i : i + 65_536] for i in range(0, len(whole), 65_536)]) == [("weights", "x.tar", data)]


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (b"", "ends in the middle"),
        (body(("a", "a", b"data"))[:-4], "ends in the middle"),
        (b"--other\r\n", "broken"),
        (f"--{BOUNDARY}\r\nX-Header: 1\r\n\r\ndata".encode(), "no name"),
        (f"--{BOUNDARY}\r\nX: ".encode() + b"y" * 20_000, "broken"),
    ],
)
def test_a_broken_body_is_one_sentence(chunk: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read([chunk])


def test_anything_but_a_form_is_refused() -> None:
    for content_type in ("", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"):
        with pytest.raises(BadInput, match="multipart/form-data"):
            read([b"{}"], content_type)

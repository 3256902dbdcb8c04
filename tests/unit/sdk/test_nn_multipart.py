"""Reading the image out of a form upload."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.nn.inference.rest_server import multipart_fields

BOUNDARY = "----x7Fq"
TYPE = f'multipart/form-data; boundary="{BOUNDARY}"'


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = []
    for name, content in parts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n'
        lines.append(head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n")
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()


@given(content=st.binary(), other=st.binary(max_size=20))
def test_any_bytes_come_back_as_they_were(content: bytes, other: bytes) -> None:
    assert multipart_fields(TYPE, form(("meta", other), ("image", content))) == {"meta": other, "image": content}


def test_newlines_at_the_end_of_a_field_belong_to_it() -> None:
    assert multipart_fields(TYPE, form(("image", b"\r\n\n\r\n"))) == {"image": b"\r\n\n\r\n"}


@given(body=st.binary(), content_type=st.text(alphabet=st.characters(max_codepoint=255)))
def test_anything_else_is_no_fields_and_no_failure(body: bytes, content_type: str) -> None:
    assert isinstance(multipart_fields(content_type, body), dict)


def test_a_json_body_has_no_fields() -> None:
    assert multipart_fields("application/json", b"{}") == {}

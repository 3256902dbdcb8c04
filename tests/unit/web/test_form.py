from __future__ import annotations

import pytest

from agent.errors import BadInput
from web_stub.auth.form import NotAForm, read_form

_KIND = "application/x-www-form-urlencoded"


def test_a_browsers_form_is_read():
    assert read_form(_KIND, b"token=a%20b+c&next=%2Ftasks%3Fa%3D1&empty=") == {
        "token": "a b c", "next": "/tasks?a=1", "empty": "",
    }  # fmt: skip
    assert read_form(f"{_KIND.upper()}; charset=utf-8", "token=é".encode()) == {"token": "é"}


@pytest.mark.parametrize("charset", ["utf-16", "idna", "unicode_escape", "nonsense"])
def test_the_codec_that_a_client_names_is_not_used(charset):
    form = read_form(f"{_KIND}; charset={charset}", b"token=%ED%A0%80\\ud800\xff")

    assert form["token"].encode()  # a text that can be encoded again


@pytest.mark.parametrize(
    "kind", ["", "multipart/form-data; boundary=a", "application/json", "text/plain", ";", f"x{_KIND}"]
)
def test_no_other_kind_of_body_is_read(kind):
    with pytest.raises(NotAForm, match="with the fields token and next"):
        read_form(kind, b"token=a")


def test_a_form_of_many_fields_is_refused():
    with pytest.raises(BadInput, match="more than 20 fields"):
        read_form(_KIND, b"a=&" * 5000)

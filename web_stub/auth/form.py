"""The form of a login, read before anybody is known: one kind of body, in linear time, always as UTF-8. Pure.

A framework's reader would also take multipart bodies, and decode them by a codec that the client names: some codecs
need quadratic time, others give texts that cannot be encoded again.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from agent.errors import BadInput

_KIND = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


class NotAForm(BadInput):
    """The body of a login is of another kind than a browser's form."""

    http_status = 415
    reason = "not_a_form"


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Field → text, of several of one name the last; bytes that are no UTF-8 become U+FFFD.

    Raises NotAForm, and BadInput for more fields than a login has.
    """
    if content_type.partition(";")[0].strip().lower() != _KIND:
        raise NotAForm(f"a login is sent as {_KIND}, with the fields token and next")
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise BadInput(f"the form of the login has more than {_MOST_FIELDS} fields") from None

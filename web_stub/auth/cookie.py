"""The session's cookie, found in the header in linear time. Pure.

The standard `http.cookies` needs quadratic time for quoted values before Python 3.11.10 and 3.12.6, and it would run
before any check of who asks. The values that this server sets have neither quotes nor escapes, so it reads no others.
"""

from __future__ import annotations


def read_cookie(header: str, name: str) -> str | None:
    """The value of the cookie `name` in a Cookie header, None for none.

    Of several the first: browsers send the one for the longest path first, which is that of the proxy they came by.
    """
    for pair in header.split(";"):
        key, separator, value = pair.partition("=")
        if separator and key.strip() == name:
            return value.strip()
    return None
